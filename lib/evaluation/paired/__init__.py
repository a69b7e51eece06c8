"""Two finished studies on the test images that both have: metrics with paired intervals, and decisions that differ.

Everywhere, the first study is A and the second B; a difference is A minus B.
"""

from lib.evaluation.paired.comparing import METRICS, Comparison, compare
from lib.evaluation.paired.evaluated import Evaluated, answered, published
from lib.evaluation.paired.finished import Finished
from lib.evaluation.paired.flips import Flips, farthest, flips
from lib.evaluation.paired.shared import LEAST, Shared, shared

__all__ = [
    "LEAST",
    "METRICS",
    "Comparison",
    "Evaluated",
    "Finished",
    "Flips",
    "Shared",
    "answered",
    "compare",
    "farthest",
    "flips",
    "published",
    "shared",
]
