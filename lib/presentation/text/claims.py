"""Verdicts as sentences and as a table."""

from collections.abc import Sequence

import pandas

from lib.data.attributes import DESCRIPTIONS
from lib.evaluation.claims.published import MISSED, Claim
from lib.evaluation.claims.verdicts import (
    CONTRADICTED,
    LARGE,
    MEDIUM,
    SMALL,
    SUPPORTED,
    UNMEASURABLE,
    Share,
    Verdict,
    flat,
)


def percent(share: float) -> str:
    """`"12.3 %"`."""
    return f"{100 * share:.1f} %"


def group_names(claim: Claim) -> tuple[str, str]:
    """What the group and the others are called, in the plural."""
    return (
        ("missed anomalies", "detected ones") if claim.group == MISSED else ("false alarms", "normal images that pass")
    )


def sentence(verdict: Verdict) -> str:
    """Say what was claimed, the verdict, and the numbers that it rests on, as Markdown.

    Both questions are answered: whether the claim is true of most of the group, and whether it tells the group from
    the others.
    """
    claim = verdict.claim
    start = f"*{claim.subject}: {claim.statement}.*"
    if verdict.word == UNMEASURABLE:
        return f"{start} This **cannot be measured**, because {verdict.reason}."
    share, others, effect = verdict.share, verdict.others, verdict.effect
    group, rest = group_names(claim)
    return (
        f"{start} **{verdict.word.capitalize()}.** "
        f"It is true of {_told(share)} of the {share.size:,} {group}, and of {_told(others)} of the {others.size:,} "
        f"{rest}. {_effect(verdict)} is {effect['value']:.2f} ({effect['low']:.2f} to {effect['high']:.2f}), "
        f"{_size(effect['value'])}. {_reading(verdict)}"
    )


def sentences(verdicts: Sequence[Verdict]) -> str:
    """Say all verdicts, parts before the whole, as a Markdown list; claims that cannot be measured come together."""
    every = flat(verdicts)
    lines = [f"- {sentence(verdict)}" for verdict in every if verdict.word != UNMEASURABLE]
    reasons: dict[str, list[str]] = {}
    for verdict in every:
        if verdict.word == UNMEASURABLE and not verdict.parts:
            reasons.setdefault(f"{verdict.claim.subject}|{verdict.reason}", []).append(verdict.claim.statement)
    for key, statements in reasons.items():
        subject, reason = key.rsplit("|", 1)
        lines.append(f"- *{subject}: {'; '.join(statements)}.* This **cannot be measured**, because {reason}.")
    return "\n".join(lines)


def to_frame(verdicts: Sequence[Verdict]) -> pandas.DataFrame:
    """Lay verdicts out as a table, the parts of a claim before the claim itself.

    Returns:
        Columns `Claim`, `Share in group` and `Share in others` (`61.2 % [54.0, 68.1]`), `Probability higher`
        (`0.63 [0.58, 0.68]`, above 0.5 on the claimed side) and `Verdict`, all text; None where there is no value.
    """
    rows = []
    for verdict in flat(verdicts):
        effect = verdict.effect
        rows.append(
            {
                "Claim": f"{verdict.claim.subject}: {verdict.claim.statement}",
                "Share in group": _cell(verdict.share),
                "Share in others": _cell(verdict.others),
                "Probability higher": f"{effect['value']:.2f} [{effect['low']:.2f}, {effect['high']:.2f}]"
                if effect
                else None,
                "Verdict": verdict.word,
            }
        )
    columns = ["Claim", "Share in group", "Share in others", "Probability higher", "Verdict"]
    return pandas.DataFrame(rows, columns=columns, dtype=object)


def _told(share: Share) -> str:
    return f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)})"


def _cell(share: Share | None) -> str | None:
    if share is None:
        return None
    return f"{percent(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _effect(verdict: Verdict) -> str:
    """What the probability is of."""
    group, rest = group_names(verdict.claim)
    pair = f"that one of the {group} {{}} than one of the {rest}, both picked at random,"
    if verdict.parts:
        return "The probability " + pair.format("rather fulfils it") + " ties counting half,"
    condition = verdict.claim.conditions[0]
    name = DESCRIPTIONS.get(condition.attribute, condition.attribute)
    return "The probability " + pair.format(f"has {'more' if condition.above else 'less'} {name}")


def _size(value: float) -> str:
    """The size of an effect by Vargha and Delaney's words, on either side."""
    distance = abs(value - 0.5) + 0.5
    if distance < SMALL:
        return "less than a small effect"
    size = "large" if distance >= LARGE else "medium" if distance >= MEDIUM else "small"
    return f"a {size} effect" if value > 0.5 else f"a {size} effect the other way"


def _reading(verdict: Verdict) -> str:
    """How the two answers go together."""
    share, others = verdict.share, verdict.others
    most = share.low > 0.5
    if verdict.word == SUPPORTED:
        if most and share.low > others.high:
            return "True of most, and more often than of the others: it tells them apart."
        if most:
            return "True of most of both; what tells them apart is how far it goes."
        if share.high < 0.5:
            return "It tells them apart, but most do not fulfil it."
        return "It tells them apart; whether it is true of most is open."
    if verdict.word == CONTRADICTED:
        return "True of most, but less so than of the others." if most else "It is the other way round."
    if verdict.effect["low"] > 0.5:
        return "There is a difference, but one too small to explain them."
    if abs(verdict.effect["value"] - 0.5) >= SMALL - 0.5 and verdict.effect["high"] > 0.5:
        return "So few images can differ that much by chance."
    if most and others.low > 0.5:
        return "True of most, but of most of the others as well: it explains nothing."
    return "True of most, yet it does not tell them apart." if most else "It does not tell them apart."
