"""Parts of pages that stand there more than once, or only where there is something to show.

A part that has nothing to show says so in JupyterLab; reports leave its section out.
"""

from lib.presentation.sections.comparisons import ensembles, features, other_scores, recommended, refinements, split
from lib.presentation.sections.decisions import (
    checked_claims,
    claims,
    compared,
    false_alarms,
    heat_maps,
    images_by_class,
    missed,
)
from lib.presentation.sections.opening import announce, opened
from lib.presentation.sections.variants import dtype_policy, rate_distortion, seeds, variant

__all__ = [
    "announce",
    "checked_claims",
    "claims",
    "compared",
    "dtype_policy",
    "ensembles",
    "false_alarms",
    "features",
    "heat_maps",
    "images_by_class",
    "missed",
    "opened",
    "other_scores",
    "rate_distortion",
    "recommended",
    "refinements",
    "seeds",
    "split",
    "variant",
]
