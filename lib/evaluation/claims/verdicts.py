"""One rule for the verdict on a claim: how far the group in question lies from the others, on the claimed side.

The size of the effect is the probability that a random image of the group lies further to the claimed side than a
random one of the others, ties counting half. Vargha and Delaney (Journal of Educational and Behavioral Statistics 25
(2000) 101-132) call it small from 0.56, medium from 0.64 and large from 0.71. A claim of several conditions is judged
by whether an image fulfils all of them, and each condition by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas

from lib.evaluation import metrics
from lib.evaluation.claims.published import MISSED, Claim, Condition, published
from lib.evaluation.metrics import Metric

SUPPORTED = "supported"
CONTRADICTED = "contradicted"
NOT_SUPPORTED = "not supported"
UNMEASURABLE = "cannot be measured"

SMALL, MEDIUM, LARGE = 0.56, 0.64, 0.71
FEW = 5  # images below which nothing is said of what they share


@dataclass(frozen=True)
class Share:
    """How many images fulfil a claim: `count` of `size`, with the exact 95 % interval of the share."""

    count: int
    size: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share, 0 to 1."""
        return self.count / self.size


@dataclass(frozen=True)
class Verdict:
    """What measuring says of a claim.

    Attributes:
        claim: the claim, or the part of it that was judged.
        word: `SUPPORTED`, `CONTRADICTED`, `NOT_SUPPORTED` or `UNMEASURABLE`.
        share: of the group that fulfils the claim as stated; None where it cannot be measured.
        others: of the other images of the same label; None where it cannot be measured.
        effect: `lib.evaluation.metrics.shift` of the group against the others, above 0.5 on the claimed side; None where it
            cannot be measured.
        reason: why it cannot be measured, as the rest of a sentence behind "because"; else None.
        parts: the verdicts on each condition, if the claim has several.
    """

    claim: Claim
    word: str
    share: Share | None = None
    others: Share | None = None
    effect: Metric | None = None
    reason: str | None = None
    parts: tuple["Verdict", ...] = ()

    @property
    def rates(self) -> tuple[float | None, float | None]:
        """How often an image lands in the group if it fulfils the claim, and if it does not.

        For false alarms that is how often normal images are flagged, for missed anomalies how often anomalies are
        missed; None where no image does, or does not.
        """
        if self.share is None or self.others is None:
            return None, None
        inside, total = self.share.count, self.share.count + self.others.count
        outside, rest = self.share.size - inside, self.share.size + self.others.size - total
        return inside / total if total else None, outside / rest if rest else None


def judge(claim: Claim, measured: pandas.DataFrame, group: Sequence[int], others: Sequence[int]) -> Verdict:
    """Put a claim to the test.

    Args:
        claim: What is claimed of the group.
        measured: Attributes of all images, as `lib.data.attributes.measure` gives them; rows by position.
        group: Positions of the images it is claimed of, for example the missed anomalies.
        others: Positions of the images to compare with, for example the anomalies that are caught.

    Returns:
        The verdict: supported where the effect's interval leaves out 0.5 on the claimed side and the effect is at
        least small; contradicted where the same holds on the other side; not supported otherwise. It cannot be
        measured where either side has fewer than `FEW` images, where all images measure alike, or where colour is
        asked of images without any.

    Raises:
        KeyError: The claim asks for an attribute that was not measured.
    """
    group, others = np.asarray(group, dtype=int), np.asarray(others, dtype=int)
    parts = ()
    if len(claim.conditions) > 1:
        parts = tuple(
            judge(replace(claim, id=condition.id, conditions=(condition,)), measured, group, others)
            for condition in claim.conditions
        )
    reason = next((part.reason for part in parts if part.reason), None) or _obstacle(claim, measured, group, others)
    if reason:
        return Verdict(claim, UNMEASURABLE, reason=reason, parts=parts)

    fulfilled = np.all([_fulfilled(each, measured) for each in claim.conditions], axis=0)
    # Several attributes have no common scale, so together they only count as fulfilled or not.
    values = fulfilled.astype(float) if parts else _towards(claim.conditions[0], measured)
    effect = metrics.shift(values[group], values[others])
    return Verdict(claim, _word(effect), _share(fulfilled[group]), _share(fulfilled[others]), effect, parts=parts)


def judge_all(
    measured: pandas.DataFrame,
    normal_class: str,
    missed: Sequence[int],
    alarms: Sequence[int],
    anomalies: Sequence[int],
    normal: Sequence[int],
) -> list[Verdict]:
    """Put every claim of the published study to the test.

    Args:
        measured: Attributes of all images, rows by position.
        normal_class: Name of the normal class.
        missed: Positions of the anomalies that pass.
        alarms: Positions of the normal images that are flagged.
        anomalies: Positions of all anomalies that were judged, the missed among them.
        normal: Positions of all normal images that were judged, the false alarms among them.

    Returns:
        One verdict per claim, in the study's order.
    """
    sides = {True: (missed, np.setdiff1d(anomalies, missed)), False: (alarms, np.setdiff1d(normal, alarms))}
    return [judge(claim, measured, *sides[claim.group == MISSED]) for claim in published(normal_class)]


def flat(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """List the parts of each verdict before the verdict itself."""
    return [each for verdict in verdicts for each in (*verdict.parts, verdict)]


def _word(effect: Metric) -> str:
    if effect["low"] > 0.5 and effect["value"] >= SMALL:
        return SUPPORTED
    if effect["high"] < 0.5 and effect["value"] <= 1 - SMALL:
        return CONTRADICTED
    return NOT_SUPPORTED


def _obstacle(claim: Claim, measured: pandas.DataFrame, group: np.ndarray, others: np.ndarray) -> str | None:
    """Why a claim cannot be measured, or None."""
    sides = (
        ("missed anomalies", "detected ones") if claim.group == MISSED else ("false alarms", "normal images that pass")
    )
    for images, words in zip((group, others), sides, strict=True):
        if len(images) < FEW:
            return f"there are only {len(images)} {words}" if len(images) else f"there are no {words}"
    both = np.r_[group, others]
    for condition in claim.conditions:
        if condition.colour and not measured["saturation"].to_numpy()[both].any():
            return "the images have no colour"
        if np.ptp(measured[condition.attribute].to_numpy()[both]) == 0:
            return "all images measure alike"
    return None


def _towards(condition: Condition, measured: pandas.DataFrame) -> np.ndarray:
    """The attribute, counted towards the claimed side."""
    values = measured[condition.attribute].to_numpy(dtype=float)
    return values if condition.above else -values


def _fulfilled(condition: Condition, measured: pandas.DataFrame) -> np.ndarray:
    cut = condition.cut if condition.above else -condition.cut
    return _towards(condition, measured) > cut


def _share(fulfilled: np.ndarray) -> Share:
    count, size = int(fulfilled.sum()), fulfilled.size
    return Share(count, size, *(float(end) for end in metrics.clopper_pearson(count, size)))
