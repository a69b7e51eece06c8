"""Sentences about verdicts on claims."""

from collections.abc import Sequence

from lib.core.formatting import percent
from lib.data.attributes import DESCRIPTIONS
from lib.evaluation.claims import (
    CONTRADICTED,
    LARGE,
    MEDIUM,
    SMALL,
    SUPPORTED,
    UNMEASURABLE,
    Share,
    Verdict,
    with_parts,
)


def claim(verdict: Verdict) -> str:
    """The claim, the verdict, and the numbers that it rests on, as Markdown.

    The sentences say whether the claim is true of most of the group, and whether it is more often true of the group
    than of the others.
    """
    claim = verdict.claim
    start = f"*{claim.subject}: {claim.statement}.*"
    if verdict.word == UNMEASURABLE:
        return f"{start} This **cannot be measured**, because {verdict.reason}."
    share, others, effect = verdict.share, verdict.others, verdict.effect
    return (
        f"{start} **{verdict.word.capitalize()}.** "
        f"True of {_share(share)} of the {share.size:,} {claim.group_name} and of {_share(others)} of the "
        f"{others.size:,} {claim.others_name}. {_effect(verdict)} is {effect['value']:.2f} (95 % interval "
        f"{effect['low']:.2f} to {effect['high']:.2f}), {_size(effect['value'])}. {_reading(verdict)}"
    )


def claims(verdicts: Sequence[Verdict]) -> str:
    """All verdicts as a Markdown list, parts before the whole; claims that cannot be measured share an item."""
    parts = with_parts(verdicts)
    lines = [f"- {claim(verdict)}" for verdict in parts if verdict.word != UNMEASURABLE]
    unmeasurable: dict[tuple[str, str], list[str]] = {}
    for verdict in parts:
        if verdict.word == UNMEASURABLE and not verdict.parts:
            unmeasurable.setdefault((verdict.claim.subject, verdict.reason), []).append(verdict.claim.statement)
    for (subject, reason), statements in unmeasurable.items():
        lines.append(f"- *{subject}: {'; '.join(statements)}.* This **cannot be measured**, because {reason}.")
    return "\n".join(lines)


def _share(share: Share) -> str:
    return f"{percent(share.value)} (95 % interval {percent(share.low)} to {percent(share.high)})"


def _effect(verdict: Verdict) -> str:
    """The event whose probability is the effect size."""
    group, others = verdict.claim.group_name, verdict.claim.others_name
    if verdict.parts:
        return (
            f"The probability that a random one of the {group} meets it and a random one of the {others} does not, "
            "ties counting half,"
        )
    condition = verdict.claim.conditions[0]
    name = DESCRIPTIONS.get(condition.attribute, condition.attribute)
    more = "more" if condition.above else "less"
    return f"The probability that a random one of the {group} has {more} {name} than a random one of the {others}"


def _size(value: float) -> str:
    """The size of an effect in Vargha and Delaney's words, in either direction."""
    distance = abs(value - 0.5) + 0.5
    if distance < SMALL:
        return "less than a small effect"
    size = "large" if distance >= LARGE else "medium" if distance >= MEDIUM else "small"
    return f"a {size} effect" if value > 0.5 else f"a {size} effect in the opposite direction"


def _reading(verdict: Verdict) -> str:
    """What the shares and the effect say together."""
    share, others = verdict.share, verdict.others
    most = share.low > 0.5
    if verdict.word == SUPPORTED:
        if most and share.low > others.high:
            return "It is true of most of the group and more often than of the others."
        if most:
            return "It is true of most images of both; they differ in degree."
        if share.high < 0.5:
            return "The groups differ, but it is not true of most of the group."
        return "The groups differ; whether it is true of most of the group is open."
    if verdict.word == CONTRADICTED:
        return "It is true of most of the group, but more so of the others." if most else "The opposite is true."
    if verdict.effect["low"] > 0.5:
        return "The difference is clear but too small to explain the mistakes."
    if abs(verdict.effect["value"] - 0.5) >= SMALL - 0.5 and verdict.effect["high"] > 0.5:
        return "With so few images such a difference may be chance."
    if most and others.low > 0.5:
        return "It is true of most images of both, so it does not explain the mistakes."
    return "It is true of most of the group, but the groups do not differ." if most else "The groups do not differ."
