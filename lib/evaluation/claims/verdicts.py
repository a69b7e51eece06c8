"""The verdict on a claim: how far a group differs from the other images in the claimed direction.

The effect size is the probability that a random image of the group is further in the claimed direction than a random
one of the others, ties counting half. Vargha and Delaney (Journal of Educational and Behavioral Statistics 25 (2000)
101-132) call it small from 0.56, medium from 0.64 and large from 0.71. A claim with several conditions is checked by
whether an image meets all of them, and each condition also by itself.
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
FEW = 5  # fewer images are not compared


@dataclass(frozen=True)
class Share:
    """The share of images that meet a claim: `count` of `size`, with its 95 % interval (Clopper and Pearson)."""

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
    """The result of checking a claim.

    Attributes:
        claim: The claim, or one condition of it.
        word: `SUPPORTED`, `CONTRADICTED`, `NOT_SUPPORTED` or `UNMEASURABLE`.
        share: Share of the group that meets the claim; None if it cannot be measured.
        others: Share of the other images of the same label that meets it; None if it cannot be measured.
        effect: `lib.evaluation.metrics.shift` of the group against the others, above 0.5 in the claimed direction;
            None if it cannot be measured.
        reason: Why it cannot be measured, as a clause behind "because"; else None.
        parts: The verdicts on each condition, if the claim has several.
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
        """Error rate of the images that meet the claim, and of those that do not.

        This is the false alarm rate of normal images, or the miss rate of anomalies; None if there are no such images.
        """
        if self.share is None or self.others is None:
            return None, None
        inside, total = self.share.count, self.share.count + self.others.count
        outside, rest = self.share.size - inside, self.share.size + self.others.size - total
        return inside / total if total else None, outside / rest if rest else None


def check_claim(claim: Claim, measured: pandas.DataFrame, group: Sequence[int], others: Sequence[int]) -> Verdict:
    """Check a claim on measured attributes.

    Args:
        claim: The claim about the group.
        measured: Attributes of all images, as `lib.data.attributes.measure` returns them; rows by position.
        group: Positions of the images that the claim is about, for example the missed anomalies.
        others: Positions of the images to compare with, for example the detected anomalies.

    Returns:
        The verdict: supported if the effect's interval is above 0.5 and the effect is at least small; contradicted if
        the same holds below 0.5; not supported otherwise. It cannot be measured if either side has fewer than `FEW`
        images, if the attribute is the same for all images, or if it needs colour and the images have none.

    Raises:
        KeyError: The claim needs an attribute that was not measured.
    """
    group, others = np.asarray(group, dtype=int), np.asarray(others, dtype=int)
    parts = ()
    if len(claim.conditions) > 1:
        parts = tuple(
            check_claim(replace(claim, id=condition.id, conditions=(condition,)), measured, group, others)
            for condition in claim.conditions
        )
    reason = next((part.reason for part in parts if part.reason), None) or _obstacle(claim, measured, group, others)
    if reason:
        return Verdict(claim, UNMEASURABLE, reason=reason, parts=parts)

    fulfilled = np.all([_fulfilled(condition, measured) for condition in claim.conditions], axis=0)
    # Several attributes have no common scale: together they are only met or not.
    values = fulfilled.astype(float) if parts else _towards(claim.conditions[0], measured)
    effect = metrics.shift(values[group], values[others])
    return Verdict(claim, _word(effect), _share(fulfilled[group]), _share(fulfilled[others]), effect, parts=parts)


def check_claims(
    measured: pandas.DataFrame,
    normal_class: str,
    missed: Sequence[int],
    alarms: Sequence[int],
    anomalies: Sequence[int],
    normal: Sequence[int],
) -> list[Verdict]:
    """Check every claim of the published study.

    Args:
        measured: Attributes of all images, rows by position.
        normal_class: Name of the normal class.
        missed: Positions of the missed anomalies.
        alarms: Positions of the false alarms.
        anomalies: Positions of all anomalies of the test set, including the missed.
        normal: Positions of all normal images of the test set, including the false alarms.

    Returns:
        One verdict per claim, in the study's order.
    """
    sides = {True: (missed, np.setdiff1d(anomalies, missed)), False: (alarms, np.setdiff1d(normal, alarms))}
    return [check_claim(claim, measured, *sides[claim.group == MISSED]) for claim in published(normal_class)]


def with_parts(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts, each after its parts."""
    return [part for verdict in verdicts for part in (*verdict.parts, verdict)]


def _word(effect: Metric) -> str:
    if effect["low"] > 0.5 and effect["value"] >= SMALL:
        return SUPPORTED
    if effect["high"] < 0.5 and effect["value"] <= 1 - SMALL:
        return CONTRADICTED
    return NOT_SUPPORTED


def _obstacle(claim: Claim, measured: pandas.DataFrame, group: np.ndarray, others: np.ndarray) -> str | None:
    """Why a claim cannot be measured, or None."""
    for images, words in zip((group, others), (claim.group_name, claim.others_name), strict=True):
        if len(images) < FEW:
            return f"there are only {len(images)} {words}" if len(images) else f"there are no {words}"
    both = np.r_[group, others]
    for condition in claim.conditions:
        if condition.colour and not measured["saturation"].to_numpy()[both].any():
            return "the images have no colour"
        if np.ptp(measured[condition.attribute].to_numpy()[both]) == 0:
            return "the measured attribute is the same for all images"
    return None


def _towards(condition: Condition, measured: pandas.DataFrame) -> np.ndarray:
    """The attribute, with the sign that makes the claimed direction positive."""
    values = measured[condition.attribute].to_numpy(dtype=float)
    return values if condition.above else -values


def _fulfilled(condition: Condition, measured: pandas.DataFrame) -> np.ndarray:
    cut = condition.cut if condition.above else -condition.cut
    return _towards(condition, measured) > cut


def _share(fulfilled: np.ndarray) -> Share:
    count, size = int(fulfilled.sum()), fulfilled.size
    return Share(count, size, *metrics.clopper_pearson(count, size))
