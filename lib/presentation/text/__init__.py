"""Computed sentences: numbers in, Markdown out. Every sentence is true of any study."""

from lib.core.formatting import count, listed, percent, signed
from lib.presentation.text.advice import advice, recommendations
from lib.presentation.text.claims import claim, claims
from lib.presentation.text.comparison import (
    best_network,
    choice,
    compared_on,
    draft,
    ensembles,
    features,
    heat_maps,
    latent_use,
    other_scores,
    recommendation_verdicts,
)
from lib.presentation.text.cover import description, headline
from lib.presentation.text.data import duplicates, originals, protocol, totals
from lib.presentation.text.evaluation import baselines, dtype_policy, held_out, performance, seeds, workload
from lib.presentation.text.fits import fits, learning, network
from lib.presentation.text.mistakes import by_class, shifts
from lib.presentation.text.terms import detector_name
from lib.presentation.text.thresholds import decisions, expected_fpr, threshold, threshold_costs, threshold_sweep
from lib.presentation.text.variations import collapse, ranking

__all__ = [
    "advice",
    "baselines",
    "best_network",
    "by_class",
    "choice",
    "claim",
    "claims",
    "collapse",
    "compared_on",
    "count",
    "decisions",
    "description",
    "detector_name",
    "draft",
    "dtype_policy",
    "duplicates",
    "ensembles",
    "expected_fpr",
    "features",
    "fits",
    "headline",
    "heat_maps",
    "held_out",
    "latent_use",
    "learning",
    "listed",
    "network",
    "originals",
    "other_scores",
    "percent",
    "performance",
    "protocol",
    "ranking",
    "recommendation_verdicts",
    "recommendations",
    "seeds",
    "shifts",
    "signed",
    "threshold",
    "threshold_costs",
    "threshold_sweep",
    "totals",
    "workload",
]
