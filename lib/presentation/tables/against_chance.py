"""Tables that set every figure beside what can be had for nothing: chance, flagging everything, cheap detectors."""

from collections.abc import Mapping

import pandas

from lib.evaluation import metrics
from lib.presentation.tables.cells import (
    LABELS,
    everything,
    framed,
    interval_of,
    part_of,
    reading,
    value_of,
    with_interval,
)
from lib.presentation.tables.markdown import literal, number

_RANKING = ("auroc", "aupr", "aupr_normal", "fpr_at_95_tpr")
_DECISIONS = ("accuracy", "balanced_accuracy", "precision", "recall", "fpr", "f1", "mcc")


def honest(record: Mapping) -> pandas.DataFrame:
    """Set every figure of a detector beside its interval, chance, and flagging everything.

    Args:
        record: `lib.evaluation.metrics.judge` and `lib.evaluation.metrics.at_threshold` of the detector in one mapping; other keys are
            not looked at, and what is missing is left out.

    Returns:
        Columns `Metric`, `Value`, `95 % interval`, `Chance` (of a ranking: scores drawn at random; of decisions:
        flagging as many images at random), `Flag everything` and `Verdict`: what `better_than_trivial` says,
        naming the rival where it is flagging nothing. Counts have none, and neither have recall and FPR: each is
        one half of a trade, which flagging everything wins or loses by definition.
    """
    keys = [key for key in (*_RANKING, *_DECISIONS, *metrics.COUNTS) if key in record]
    counts = everything(record)
    blind = metrics.at_random(**{key: record[key] for key in metrics.COUNTS}) if counts else {}
    chance = {key: part_of(record[key], "chance") for key in keys} | {key: blind.get(key) for key in _DECISIONS}
    return framed(
        {
            "Metric": [LABELS[key] for key in keys],
            "Value": [value_of(record[key]) for key in keys],
            "95 % interval": [interval_of(record[key]) for key in keys],
            "Chance": [chance[key] for key in keys],
            "Flag everything": [counts.get(key, part_of(record[key], "trivial")) for key in keys],
            "Verdict": [_verdict(key, record[key]) for key in keys],
        }
    )


def _verdict(key: str, metric) -> str | None:
    """The verdict on one metric; None where there is nothing to say."""
    if key in (*metrics.COUNTS, "recall", "fpr") or value_of(metric) is None:
        return None
    word = metrics.better_than_trivial(metric)
    rival, words = metrics.against(metric)
    return f"{word} than {words} ({number(rival)})" if words == "flagging nothing" else word


def references(rows: Mapping[str, Mapping]) -> pandas.DataFrame:
    """Set detectors side by side, each with its difference to one of them.

    Args:
        rows: By printed name `auroc`, `aupr` and `fpr_at_95_tpr` (metrics); `difference`, the metric that
            `lib.evaluation.metrics.auroc_difference` makes of this detector's scores and the other's, missing for the other
            itself; `seconds`, in all; and `shortcut`, true where the detector does not look at the content.

    Returns:
        Columns `Detector` (shortcuts are called so), `AUROC` with its 95 % interval, `AUPR`, `FPR at 95 % TPR`,
        `Difference of AUROC` with its interval, `Reading` (`higher` or `lower` where the interval leaves out 0,
        else `no clear difference`) and `Seconds`; in the order given.
    """
    records = list(rows.values())
    apart = [record.get("difference") for record in records]
    return framed(
        {
            "Detector": [
                literal(name) + (" (shortcut)" if record.get("shortcut") else "") for name, record in rows.items()
            ],
            "AUROC": [with_interval(record["auroc"]) for record in records],
            "AUPR": [value_of(record.get("aupr")) for record in records],
            "FPR at 95 % TPR": [value_of(record.get("fpr_at_95_tpr")) for record in records],
            "Difference of AUROC": [with_interval(each, sign=True) for each in apart],
            "Reading": [reading(each) if each else None for each in apart],
            "Seconds": [None if record.get("seconds") is None else float(record["seconds"]) for record in records],
        },
        decimals={"AUPR": 3, "FPR at 95 % TPR": 3, "Seconds": 1},
    )


def operations(frame: pandas.DataFrame) -> pandas.DataFrame:
    """List what so many images mean for those who look at what is flagged.

    Args:
        frame: What `lib.evaluation.metrics.operations` returns, with or without `threshold`.

    Returns:
        Columns `Threshold` (if there is one; text of four significant digits), `Reviewed`, `Anomalies caught`,
        `Anomalies missed`, `Reviewed in vain` (expected counts) and `Share in vain`.
    """
    columns = {}
    if "threshold" in frame:
        columns["Threshold"] = [f"{threshold:.4g}" for threshold in frame["threshold"]]
    heads = {
        "reviewed": "Reviewed",
        "caught": "Anomalies caught",
        "missed": "Anomalies missed",
        "in_vain": "Reviewed in vain",
        "vain_share": "Share in vain",
    }
    columns |= {head: frame[name].tolist() for name, head in heads.items()}
    return framed(columns, decimals={heads[name]: 1 for name in ("reviewed", "caught", "missed", "in_vain")})
