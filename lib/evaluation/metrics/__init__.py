"""Metrics of anomaly scores, each with its interval, its chance value and its trivial value.

Label 1 is an anomaly, 0 is normal; a higher score is more abnormal; an image is flagged if its score is strictly above
the threshold. A metric is a dict with `value` and, where they exist,

* `low` and `high`, the 95 % interval (methods: `lib.evaluation.metrics.intervals`);
* `chance`, the expected value for random scores;
* `trivial`, the value of flagging every image at this prevalence, and `nothing`, that of flagging none;
* `better`, which is `"lower"` if lower values are better.

Only `better_than_trivial` compares an interval with these. A value that does not exist, such as recall without
anomalies, is None and never NaN, so that every metric is plain JSON; data frames have NaN there.
"""

from lib.evaluation.metrics.checks import Metric
from lib.evaluation.metrics.costs import cheapest, operations, precision_in_use, relative_cost
from lib.evaluation.metrics.decisions import COUNTS, RATES, at_random, at_threshold, error_rates, rates
from lib.evaluation.metrics.groups import by_class, shift
from lib.evaluation.metrics.intervals import clopper_pearson
from lib.evaluation.metrics.pixels import pixel_metrics
from lib.evaluation.metrics.ranking import (
    aupr,
    auroc,
    auroc_difference,
    fpr_at_tpr,
    pr_curve,
    ranking_metrics,
    roc_curve,
)
from lib.evaluation.metrics.strata import auroc_within, by_group
from lib.evaluation.metrics.trivial import best_trivial, better_than_trivial

__all__ = [
    "COUNTS",
    "RATES",
    "Metric",
    "at_random",
    "at_threshold",
    "aupr",
    "auroc",
    "auroc_difference",
    "auroc_within",
    "best_trivial",
    "better_than_trivial",
    "by_class",
    "by_group",
    "cheapest",
    "clopper_pearson",
    "error_rates",
    "fpr_at_tpr",
    "operations",
    "pixel_metrics",
    "pr_curve",
    "precision_in_use",
    "ranking_metrics",
    "rates",
    "relative_cost",
    "roc_curve",
    "shift",
]
