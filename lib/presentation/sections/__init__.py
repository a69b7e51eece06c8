"""Parts of pages that stand there more than once, or only where there is something to show.

A part that has nothing to show says so in JupyterLab; reports leave its section out.
"""

from lib.presentation.sections.comparisons import ensembles, features, other_scores, recommended, refinements, run_time
from lib.presentation.sections.decisions import (
    checked_claims,
    claims,
    compared,
    false_alarms,
    heat_maps,
    images_by_class,
    missed,
)
from lib.presentation.sections.exploring import classes, divided, samples
from lib.presentation.sections.fitting import learning, network, reconstructions
from lib.presentation.sections.inspection import (
    decided,
    distribution,
    groups,
    kinds,
    operations,
    pictures,
    pixels,
    shortcuts,
    work,
)
from lib.presentation.sections.opening import announce, opened
from lib.presentation.sections.readiness import readiness
from lib.presentation.sections.variants import dtype_policy, rate_distortion, seeds, variant

__all__ = [
    "announce",
    "checked_claims",
    "claims",
    "classes",
    "compared",
    "decided",
    "distribution",
    "divided",
    "dtype_policy",
    "ensembles",
    "false_alarms",
    "features",
    "groups",
    "heat_maps",
    "images_by_class",
    "kinds",
    "learning",
    "missed",
    "network",
    "opened",
    "operations",
    "other_scores",
    "pictures",
    "pixels",
    "rate_distortion",
    "readiness",
    "recommended",
    "reconstructions",
    "refinements",
    "run_time",
    "samples",
    "seeds",
    "shortcuts",
    "variant",
    "work",
]
