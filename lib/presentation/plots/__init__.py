"""Every figure: arrays or records in, a matplotlib Figure out; nothing is displayed and no state is kept.

Figures are built on `matplotlib.figure.Figure`, never on pyplot, in the one style of `report.mplstyle`. A figure is at
most 16 cm wide, as the column on paper, so its text has the size it has in print. Normal is blue and solid, an anomaly
orange and dashed or hatched, so that figures can be read without colour. Titles belong to the caption on the page, so
figures have none. A figure's label is its alternative text, written from the same arrays.
"""

from lib.presentation.plots.charts import class_counts, confusion
from lib.presentation.plots.comparisons import by_class, differences, leaderboard, seed_spread
from lib.presentation.plots.curves import latent_use, loss_curve, loss_terms, pr_curves, roc_curves
from lib.presentation.plots.inspections import inspected, score_distribution
from lib.presentation.plots.pictures import (
    decisions,
    difference_maps,
    extremes,
    heat_maps,
    image_grid,
    reconstruction_pairs,
)
from lib.presentation.plots.style import ANOMALY, NORMAL, STYLE, WIDTH, style
from lib.presentation.plots.sweeps import MOST_DETECTORS, MOST_STUDIES, by_setting, by_study, mean_ranks
from lib.presentation.plots.thresholds import expected_cost, operations, score_histogram, threshold_sweep
from lib.presentation.plots.tradeoffs import cost_benefit, rate_distortion

__all__ = [
    "ANOMALY",
    "MOST_DETECTORS",
    "MOST_STUDIES",
    "NORMAL",
    "STYLE",
    "WIDTH",
    "by_class",
    "by_setting",
    "by_study",
    "class_counts",
    "confusion",
    "cost_benefit",
    "decisions",
    "difference_maps",
    "differences",
    "expected_cost",
    "extremes",
    "heat_maps",
    "image_grid",
    "inspected",
    "latent_use",
    "leaderboard",
    "loss_curve",
    "loss_terms",
    "mean_ranks",
    "operations",
    "pr_curves",
    "rate_distortion",
    "reconstruction_pairs",
    "roc_curves",
    "score_distribution",
    "score_histogram",
    "seed_spread",
    "style",
    "threshold_sweep",
]
