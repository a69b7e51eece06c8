"""Claims about the mistakes of a detector, each checked on all images concerned.

A claim states what a group of mistakes has in common: "the object is red". Two questions are asked. Is it true of most
of the group? Is it more often true of the group than of the images of the same label that the detector decides
correctly? Only the second question decides the verdict: a feature that is equally common in both explains nothing.
"""

from lib.evaluation.claims.associations import associations
from lib.evaluation.claims.published import ALARMS, MISSED, Claim, Condition, published
from lib.evaluation.claims.verdicts import (
    CONTRADICTED,
    FEW,
    LARGE,
    MEDIUM,
    NOT_SUPPORTED,
    SMALL,
    SUPPORTED,
    UNMEASURABLE,
    Share,
    Verdict,
    check_claim,
    check_claims,
    with_parts,
)

__all__ = [
    "ALARMS",
    "CONTRADICTED",
    "FEW",
    "LARGE",
    "MEDIUM",
    "MISSED",
    "NOT_SUPPORTED",
    "SMALL",
    "SUPPORTED",
    "UNMEASURABLE",
    "Claim",
    "Condition",
    "Share",
    "Verdict",
    "associations",
    "check_claim",
    "check_claims",
    "published",
    "with_parts",
]
