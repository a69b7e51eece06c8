"""Whether a second run of a study gives the figures of the first: each metric, and each column of scores.

A metric is a mapping with a `value` in `metrics.json`, compared with its interval, or any other single value there.
Measured run times (`seconds`) are not compared, nor is the version of the data set, which for a folder changes with the
dates of its files; whether the images are the same, their fingerprint says.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

IDENTICAL, FLOAT, SEED, DIFFERENT = "identical", "within float noise", "within seed noise", "different"
VERDICTS = (IDENTICAL, FLOAT, SEED, DIFFERENT)  # from the best to the worst

# Rounding of float32 (2^-23) in sums of 10,000 terms in another order: the error grows with the root of their number.
FLOAT_NOISE = 2.0**-23 * 100
SEED_FACTOR = 2 * math.sqrt(2)  # of the deviation of single fits: of a difference of two, 95 % are within that
LEAST_SEEDS = 3

UNMEASURED = "seconds"
DATED = ("dataset", "version")
OF_AUROC = {"auroc", "difference", "fitted", "unseen", "validation"}  # AUROCs, and differences of two
RANKED = OF_AUROC | {"aupr", "aupr_normal", "fpr_at_95_tpr", "accuracy", "balanced_accuracy", "precision", "recall"}
RANKED |= {"fpr", "f1", "mcc", "tp", "fp", "tn", "fn"}  # with the above, what follows from the order of the images
FACTS = ("id", "class_name", "label", "fitted", "part")  # columns of scores.parquet that are no scores
MISSING = "missing"


@dataclass(frozen=True)
class Compared:
    """One metric, or one column of scores, of two runs.

    Attributes:
        name: where it is, such as `metrics.json#/detectors/vae/auroc` or `scores.parquet#vae`.
        group: what it is a part of, such as `detectors`.
        verdict: one of `VERDICTS`.
        before: in the first run; of scores, their mean; `"missing"` where it has none.
        after: in the second run.
        difference: the largest, absolute; None where it is no number.
        allowed: the largest difference that is noise, absolute.
    """

    name: str
    group: str
    verdict: str
    before: Any
    after: Any
    difference: float | None = None
    allowed: float = 0.0


@dataclass(frozen=True)
class Results:
    """What a run leaves to compare: `metrics.json`, `scores.parquet` and the records of `fits.json` by column."""

    metrics: Mapping[str, Any]
    scores: pd.DataFrame
    fits: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def columns(self) -> list[str]:
        """The columns of scores."""
        return [name for name in self.scores.columns if name not in FACTS]


def seed_noise(metrics: Mapping[str, Any]) -> float | None:
    """The difference of AUROC that two fits with different seeds may have; None where too few seeds say it.

    It is `SEED_FACTOR` times the standard deviation over the seeds of the study, which are at least `LEAST_SEEDS`.
    """
    spreads = [list(by_seed.values()) for by_seed in metrics.get("seeds", {}).values() if len(by_seed) >= LEAST_SEEDS]
    return max((float(SEED_FACTOR * np.std(values, ddof=1)) for values in spreads), default=None)


def compare(before: Results, after: Results) -> list[Compared]:
    """Every metric and every column of scores of two runs, the worst first.

    What only one of them has is `different`. Numbers are within float noise where they differ by no more than
    `FLOAT_NOISE` of their size; of a detector whose scores are within float noise, rates and counts may also change by
    the images that changed places in its ranking. An AUROC of a detector that is fitted with a seed is within seed
    noise where it differs by no more than `seed_noise`; so are its scores if nearly all of them changed, as they do in
    another fit, and their AUROC by no more than that.
    """
    noise, swapped, found = seed_noise(before.metrics), {}, []
    for column in dict.fromkeys([*FACTS, *before.columns, *after.columns]):
        result, swaps = _of_scores(column, before, after, noise)
        swapped[column] = swaps
        if column not in FACTS or result.verdict != IDENTICAL:
            found.append(result)
    smaller = min(np.bincount(before.scores["label"], minlength=2)[:2]) if "label" in before.scores else 0
    ours, theirs = dict(_metrics(before.metrics)), dict(_metrics(after.metrics))
    for path in dict.fromkeys([*ours, *theirs]):
        column = next((part for part in reversed(path) if part in swapped), None)
        column = before.metrics["answer"].get("column") if path[0] == "answer" else column
        found.append(
            _of_metric(
                path,
                ours.get(path, MISSING),
                theirs.get(path, MISSING),
                swaps=swapped.get(column, 0) if path[-1] in RANKED else 0,
                smaller=int(smaller),
                noise=noise if _is_seeded(path, column, before) else None,
            )
        )
    return sorted(found, key=lambda each: (-VERDICTS.index(each.verdict), -_excess(each)))


def worst(found: list[Compared]) -> str:
    """The worst verdict."""
    return max((each.verdict for each in found), key=VERDICTS.index, default=IDENTICAL)


def _excess(each: Compared) -> float:
    """A difference relative to the size of the value, by which equal verdicts are ordered; infinite if no number."""
    if each.verdict == IDENTICAL:
        return 0.0
    if each.difference is None:
        return math.inf
    sizes = [abs(value) for value in (each.before, each.after) if isinstance(value, int | float)]
    return each.difference / max([*sizes, 1e-12])


def _metrics(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The metrics in a JSON value by their path: mappings with a `value`, and other single values."""
    if isinstance(value, Mapping) and ("value" not in value or not path):
        for key, each in value.items():
            if key != UNMEASURED and (*path, key) != DATED:
                yield from _metrics(each, (*path, str(key)))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _metrics(each, (*path, str(place)))
    else:
        yield path, value


def _is_seeded(path: tuple[str, ...], column: str | None, run: Results) -> bool:
    """Whether a metric is an AUROC of a detector that is fitted with a seed."""
    if path[0] == "seeds" or path[-1] == "difference":  # to the published autoencoder
        return True
    return path[-1] in OF_AUROC and _has_seed(run, column)


def _has_seed(run: Results, column: str | None) -> bool:
    """Whether a detector, or what it may be made of, is fitted with a seed."""
    record = run.fits.get(column, {})
    return "seed" in record.get("options", {}) or record.get("family") == "ensemble"


def _of_metric(
    path: tuple[str, ...], before: Any, after: Any, *, swaps: int, smaller: int, noise: float | None
) -> Compared:
    name, group = f"metrics.json#/{'/'.join(path)}", path[0]
    ours, theirs = (each if isinstance(each, Mapping) else {"value": each} for each in (before, after))
    shown = ours.get("value"), theirs.get("value")
    verdicts, differences, limits = [], [0.0], [0.0]
    for key in dict.fromkeys([*ours, *theirs]):
        a, b = ours.get(key, MISSING), theirs.get(key, MISSING)
        verdict, difference, allowed = _of_values(a, b, swaps, smaller, noise)
        verdicts.append(verdict)
        differences.append(math.inf if difference is None else difference)
        limits.append(allowed)
    largest = max(differences)
    verdict = max(verdicts, key=VERDICTS.index)
    return Compared(name, group, verdict, *shown, largest if math.isfinite(largest) else None, max(limits))


def _of_values(a: Any, b: Any, swaps: int, smaller: int, noise: float | None) -> tuple[str, float | None, float]:
    """The verdict on two values of JSON; their difference, None if they are no numbers; and the one that is noise."""
    if type(a) is type(b) and a == b:
        return IDENTICAL, 0.0, 0.0
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in (a, b)):
        return DIFFERENT, None, 0.0
    if isinstance(a, int) and isinstance(b, int):
        allowed = float(swaps)
    else:
        allowed = FLOAT_NOISE * max(abs(a), abs(b)) + (swaps / smaller if smaller else 0.0)
    difference = abs(a - b)
    if difference <= allowed:
        return (FLOAT if difference else IDENTICAL), difference, allowed
    if noise is not None and difference <= noise:
        return SEED, difference, noise
    return DIFFERENT, difference, max(allowed, noise or 0.0)


def _of_scores(column: str, before: Results, after: Results, noise: float | None) -> tuple[Compared, int]:
    """A column of scores of two runs, and how many images changed places in its ranking by float noise."""
    name = f"scores.parquet#{column}"

    def result(verdict: str, before: Any, after: Any, difference: float | None = None, allowed: float = 0.0):
        return Compared(name, "scores", verdict, before, after, difference, allowed)

    there = [column in run.scores for run in (before, after)]
    if not any(there):  # a fact that neither records
        return result(IDENTICAL, None, None), 0
    if not all(there):
        return result(DIFFERENT, *("there" if each else MISSING for each in there)), 0
    a, b = before.scores[column].to_numpy(), after.scores[column].to_numpy()
    if len(a) != len(b):
        return result(DIFFERENT, f"{len(a):,} images", f"{len(b):,} images"), 0
    if column in FACTS or not all(np.issubdtype(each.dtype, np.number) for each in (a, b)):
        unequal = int((a != b).sum())
        words = f"other values for {unequal:,} of {len(a):,} images" if unequal else "the same"
        return result(DIFFERENT if unequal else IDENTICAL, "", words), 0
    means = float(a.mean()), float(b.mean())
    if np.array_equal(a, b, equal_nan=True):
        return result(IDENTICAL, *means, 0.0), 0
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        finite = [f"{int(np.isfinite(each).sum()):,} of {len(each):,} are numbers" for each in (a, b)]
        return result(DIFFERENT, *finite), 0
    differences, allowed = np.abs(a - b), FLOAT_NOISE * float(np.abs(a).max())
    largest = float(differences.max())
    if largest <= allowed:
        swaps = int((np.argsort(a, kind="stable") != np.argsort(b, kind="stable")).sum())
        return result(FLOAT, *means, largest, allowed), swaps
    if noise is not None and _has_seed(before, column) and (differences > allowed).mean() > 0.5:
        change = abs(_auroc(before.scores, column) - _auroc(after.scores, column))
        return result(SEED if change <= noise else DIFFERENT, *means, largest, allowed), 0
    return result(DIFFERENT, *means, largest, allowed), 0


def _auroc(scores: pd.DataFrame, column: str) -> float:
    """AUROC of a column over all images that were not fitted on."""
    rows = scores[~scores["fitted"].astype(bool)]
    ranks, anomalies = rows[column].rank().to_numpy(), rows["label"].to_numpy() == 1
    count, others = int(anomalies.sum()), int((~anomalies).sum())
    if not count or not others:
        return math.nan
    return float((ranks[anomalies].sum() - count * (count + 1) / 2) / (count * others))
