"""What a second run of a study gave, in words and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lib.core.formatting import count
from lib.evaluation.reproduction import FLOAT_NOISE, IDENTICAL, LEAST_SEEDS, SEED_FACTOR, VERDICTS, Compared, worst

LISTED = 20  # differences that are listed in words
FORMAT = 1  # of reproduction.json


def changes(changed: Sequence[tuple[str, str, str]]) -> list[str]:
    """Lines that say what differs between the machine, code and versions of the report and those of now."""
    if not changed:
        return ["Machine, device, code and versions are those of the report."]
    return ["Different from the report's manifest:", *(f"  {name}: {then}, now {now}" for name, then, now in changed)]


def lines(study: str, found: Sequence[Compared], noise: float | None) -> list[str]:
    """The verdict, a table of groups, the worst first, the differences, and what counts as noise.

    Args:
        study: its name.
        found: Of `lib.evaluation.reproduction.compare`.
        noise: Of `lib.evaluation.reproduction.seed_noise`.
    """
    groups: dict[str, list[Compared]] = {}
    for each in found:
        groups.setdefault(each.group, []).append(each)
    width = max(map(len, groups), default=0)
    text = [f"{study}: {count(len(found), 'figure')} compared; the worst is: {worst(list(found))}", ""]
    text.append("  ".join([" " * width, *VERDICTS]))
    for group, members in groups.items():  # in the order of their worst
        cells = [f"{sum(each.verdict == verdict for each in members):>{len(verdict)},}" for verdict in VERDICTS]
        text.append("  ".join([f"{group:<{width}}", *cells]))
    unequal = [each for each in found if each.verdict != IDENTICAL]
    if unequal:
        text += ["", *map(_line, unequal[:LISTED])]
    if len(unequal) > LISTED:
        text.append(f"and {count(len(unequal) - LISTED, 'further one')}, in reproduction.json")
    seeds = (
        f"Seed noise of AUROC: {noise:.4g}, {SEED_FACTOR:.3g} standard deviations over the seeds of the study."
        if noise is not None
        else f"Seed noise is not known: the study has fewer than {LEAST_SEEDS} seeds."
    )
    bound = f"Float noise: up to {FLOAT_NOISE:.2g} of a value, and images that change places in a ranking by as little."
    return [*text, "", bound, seeds, "Run times are not compared."]


def _line(each: Compared) -> str:
    """One difference."""
    largest = "" if each.difference is None else f", by up to {each.difference:.3g} (noise: {each.allowed:.3g})"
    return f"{each.verdict}: {each.name}: {_shown(each.before)}, now {_shown(each.after)}{largest}"


def _shown(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def record(
    study: str, found: Sequence[Compared], noise: float | None, changed: Sequence[tuple[str, str, str]]
) -> Mapping[str, Any]:
    """What `reproduction.json` holds; arguments as of `lines` and `changes`."""
    return {
        "format": FORMAT,
        "study": study,
        "verdict": worst(list(found)),
        "counts": {verdict: sum(each.verdict == verdict for each in found) for verdict in VERDICTS},
        "float_noise": FLOAT_NOISE,
        "seed_noise": noise,
        "changed": [{"name": name, "then": then, "now": now} for name, then, now in changed],
        "figures": [asdict(each) for each in found],
    }
