"""Claims about what fools a detector, each put to the test on all images concerned.

A claim says of a group of mistakes what they share: "the object is red". Two questions are asked of it. Is it true
of most of them? And does it tell them from the images of the same label that the detector judges rightly? Only the
second decides the verdict: what is just as true of those explains nothing.
"""

from lib.evaluation.claims.associations import associations
from lib.evaluation.claims.published import Claim, Condition, published
from lib.evaluation.claims.verdicts import (
    CONTRADICTED,
    NOT_SUPPORTED,
    SMALL,
    SUPPORTED,
    UNMEASURABLE,
    Verdict,
    flat,
    judge,
    judge_all,
)

__all__ = [
    "CONTRADICTED",
    "NOT_SUPPORTED",
    "SMALL",
    "SUPPORTED",
    "UNMEASURABLE",
    "Claim",
    "Condition",
    "Verdict",
    "associations",
    "flat",
    "judge",
    "judge_all",
    "published",
]
