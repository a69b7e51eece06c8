"""Table of a detector's metrics beside chance and flagging everything."""

from collections.abc import Mapping

import pandas

from lib.evaluation import metrics
from lib.presentation.tables.cells import LABELS, difference, everything, framed, interval_of, part_of, value_of
from lib.presentation.tables.markdown import number

_RANKING = ("auroc", "aupr", "aupr_normal", "fpr_at_95_tpr")
_DECISIONS = ("accuracy", "balanced_accuracy", "precision", "recall", "fpr", "f1", "mcc")


def against_chance(record: Mapping, published: Mapping | None = None) -> pandas.DataFrame:
    """List every metric of a detector with its interval, its chance value, and the value of flagging everything.

    Args:
        record: `lib.evaluation.metrics.ranking_metrics` and `lib.evaluation.metrics.at_threshold` of the detector in
            one mapping; other keys are ignored, and missing metrics are left out.
        published: Published numbers under the same names; None leaves their two columns out.

    Returns:
        Columns `Metric`, `Value`, `95 % interval`, `Published` and `Difference` (of the numbers as printed), `Chance`
        (ranking metrics: random scores; decisions: the same number of images flagged at random), `Flag everything` and
        `Verdict`: the word of `better_than_trivial`, with the value compared with if that is flagging nothing. Counts,
        recall and FPR have no verdict: flagging everything has the highest recall and the highest FPR by definition.
    """
    keys = [key for key in (*_RANKING, *_DECISIONS, *metrics.COUNTS) if key in record]
    counts = everything(record)
    blind = metrics.at_random(**{key: record[key] for key in metrics.COUNTS}) if counts else {}
    chance = {key: part_of(record[key], "chance") for key in keys} | {key: blind.get(key) for key in _DECISIONS}
    columns: dict[str, list] = {
        "Metric": [LABELS[key] for key in keys],
        "Value": [value_of(record[key]) for key in keys],
        "95 % interval": [interval_of(record[key]) for key in keys],
    }
    if published is not None:
        columns["Published"] = [published.get(key) for key in keys]
        pairs = zip(columns["Value"], columns["Published"], strict=True)
        columns["Difference"] = [difference(ours, theirs) for ours, theirs in pairs]
    columns |= {
        "Chance": [chance[key] for key in keys],
        "Flag everything": [counts.get(key, part_of(record[key], "trivial")) for key in keys],
        "Verdict": [_verdict(key, record[key]) for key in keys],
    }
    return framed(columns, signed=["Difference"])


def _verdict(key: str, metric) -> str | None:
    """The verdict on one metric; None for metrics without one."""
    if key in (*metrics.COUNTS, "recall", "fpr") or value_of(metric) is None:
        return None
    word = metrics.better_than_trivial(metric)
    trivial, words = metrics.best_trivial(metric)
    return f"{word} than {words} ({number(trivial)})" if words == "flagging nothing" else word
