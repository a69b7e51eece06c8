"""Computed sentences: numbers in, Markdown out. Every sentence is true of any study."""

from lib.core import traced
from lib.core.formatting import count, listed, percent, signed
from lib.presentation.text.advice import advice, recommendations
from lib.presentation.text.claims import claim, claims
from lib.presentation.text.comparison import (
    best_network,
    choice,
    comparison,
    draft,
    ensembles,
    features,
    heat_maps,
    opening,
    other_scores,
    recommendation_verdicts,
)
from lib.presentation.text.data import crossing, duplicates, originals, protocol, source, totals
from lib.presentation.text.evaluation import INTERVALS, baselines, dtype_policy, held_out, performance, seeds, workload
from lib.presentation.text.fits import NOT_TIMED, fits, learning, network, timed, with_seconds
from lib.presentation.text.inspection import inspected, inspecting, maps, order, pixels, shortcut_shares
from lib.presentation.text.mistakes import by_class, shifts
from lib.presentation.text.readiness import cells as readiness_cells
from lib.presentation.text.readiness import left_out, plain, readiness
from lib.presentation.text.terms import detector_name
from lib.presentation.text.thresholds import (
    cheapest,
    decisions,
    expected_fpr,
    threshold,
    threshold_costs,
    threshold_sweep,
)
from lib.presentation.text.variations import latent_use, ranking, variations
from lib.presentation.text.warnings import warning

__all__ = [
    "INTERVALS",
    "NOT_TIMED",
    "advice",
    "baselines",
    "best_network",
    "by_class",
    "cheapest",
    "choice",
    "claim",
    "claims",
    "comparison",
    "count",
    "crossing",
    "decisions",
    "detector_name",
    "draft",
    "dtype_policy",
    "duplicates",
    "ensembles",
    "expected_fpr",
    "features",
    "fits",
    "heat_maps",
    "held_out",
    "inspected",
    "inspecting",
    "latent_use",
    "learning",
    "left_out",
    "listed",
    "maps",
    "network",
    "opening",
    "order",
    "originals",
    "other_scores",
    "percent",
    "performance",
    "pixels",
    "plain",
    "protocol",
    "ranking",
    "readiness",
    "readiness_cells",
    "recommendation_verdicts",
    "recommendations",
    "seeds",
    "shifts",
    "shortcut_shares",
    "signed",
    "source",
    "threshold",
    "threshold_costs",
    "threshold_sweep",
    "timed",
    "totals",
    "variations",
    "warning",
    "with_seconds",
    "workload",
]

# Numbers in what these return are marked with their sources.
globals().update({name: traced.marks(globals()[name]) for name in __all__ if callable(globals()[name])})
