"""Every figure that judges anomaly scores, beside its interval, its chance value and its trivial value.

Label 1 is an anomaly, 0 is normal; a higher score is more abnormal; flagged means strictly above the
threshold. A metric is a dict with `value`; beside it stand, where they exist,

* `low` and `high`, the 95 % interval (`INTERVALS` says of which kind, for a page; `lib.evaluation.metrics.intervals` in
  full);
* `chance`, what a scorer that knows nothing reaches;
* `trivial`, what flagging every image reaches at this prevalence, and `nothing`, what flagging none does;
* `better`, which is `"lower"` where a lower value is the better one.

`better_than_trivial` is the one place that weighs the interval against these. A value that does not exist, such
as recall without anomalies, is None and never NaN, so every metric is plain JSON; frames have NaN there.
"""

from lib.evaluation.metrics.against_chance import against, better_than_trivial
from lib.evaluation.metrics.checks import Metric
from lib.evaluation.metrics.costs import operations, relative_cost
from lib.evaluation.metrics.decisions import (
    COUNTS,
    RATES,
    at_random,
    at_threshold,
    error_rates,
    false_positive_rate,
    rates,
    sweep,
)
from lib.evaluation.metrics.groups import by_class, highest, lowest, shift
from lib.evaluation.metrics.intervals import INTERVALS, clopper_pearson
from lib.evaluation.metrics.ranking import aupr, auroc, auroc_difference, fpr_at_tpr, judge, pr_curve, roc_curve

__all__ = [
    "COUNTS",
    "INTERVALS",
    "RATES",
    "Metric",
    "against",
    "at_random",
    "at_threshold",
    "aupr",
    "auroc",
    "auroc_difference",
    "better_than_trivial",
    "by_class",
    "clopper_pearson",
    "error_rates",
    "false_positive_rate",
    "fpr_at_tpr",
    "highest",
    "judge",
    "lowest",
    "operations",
    "pr_curve",
    "rates",
    "relative_cost",
    "roc_curve",
    "shift",
    "sweep",
]
