"""Every figure: arrays in, a matplotlib Figure out, nothing shown and no state kept.

Figures are built on `matplotlib.figure.Figure`, never on pyplot, under the one style in
`lib/report.mplstyle`. Text has the size it has on paper, where a figure takes at most the full 16 cm of the
column. Normal is blue and drawn solid, an anomaly is vermilion and dashed or hatched, so that neither colour
vision nor a colour printer is needed. Titles belong to the caption on the page, so figures have none.
"""

from lib.presentation.plots.charts import attribute_shift, class_counts, confusion
from lib.presentation.plots.comparisons import by_class, references, seed_spread
from lib.presentation.plots.curves import loss_curve, loss_terms, pr_curves, roc_curves, score_histogram
from lib.presentation.plots.maps import heat_maps
from lib.presentation.plots.pictures import difference_maps, extremes, image_grid, reconstruction_pairs
from lib.presentation.plots.refinements import differences, latent_use
from lib.presentation.plots.style import ANOMALY, NORMAL, STYLE, WIDTH, style
from lib.presentation.plots.thresholds import expected_cost, operations, threshold_sweep
from lib.presentation.plots.tradeoffs import cost_benefit, rate_distortion

__all__ = [
    "ANOMALY",
    "NORMAL",
    "STYLE",
    "WIDTH",
    "attribute_shift",
    "by_class",
    "class_counts",
    "confusion",
    "cost_benefit",
    "difference_maps",
    "differences",
    "expected_cost",
    "extremes",
    "heat_maps",
    "image_grid",
    "latent_use",
    "loss_curve",
    "loss_terms",
    "operations",
    "pr_curves",
    "rate_distortion",
    "reconstruction_pairs",
    "references",
    "roc_curves",
    "score_histogram",
    "seed_spread",
    "style",
    "threshold_sweep",
]
