"""Tables of an inspection: the groups of images, and the metrics of pixels."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from lib.core.formatting import percent
from lib.presentation.tables.cells import framed, with_interval
from lib.presentation.tables.markdown import literal


def by_group(frame: pandas.DataFrame) -> pandas.DataFrame:
    """List the groups of images.

    Args:
        frame: What `lib.evaluation.metrics.by_group` returns.

    Returns:
        Columns `Group`, `Normal images`, `False alarm rate`, `Anomalies`, `Recall` and `AUROC`, rates and areas with
        their 95 % intervals.
    """

    def cells(name: str) -> list[str | None]:
        bounds = zip(frame[name], frame[f"{name}_low"], frame[f"{name}_high"], strict=True)
        return [with_interval({"value": value, "low": low, "high": high}) for value, low, high in bounds]

    return framed(
        {
            "Group": [literal(str(name)) or "none given" for name in frame["group"]],
            "Normal images": frame["normal"].tolist(),
            "False alarm rate": cells("fpr"),
            "Anomalies": frame["anomalies"].tolist(),
            "Recall": cells("recall"),
            "AUROC": cells("auroc"),
        }
    )


def pixels(figures: Mapping[str, Any]) -> pandas.DataFrame:
    """List the metrics of pixels.

    Args:
        figures: What `lib.evaluation.metrics.pixel_metrics` returns.

    Returns:
        Columns `Metric`, `Value` (with its 95 % interval) and `Chance`.
    """
    auroc, aupro = figures["pixel_auroc"], figures["aupro"]
    limit = aupro.get("limit", 0.3)
    return framed(
        {
            "Metric": ["Pixel AUROC", f"AUPRO, up to a false positive rate of {limit:g}"],
            "Value": [with_interval(auroc), with_interval(aupro)],
            "Chance": [0.5, limit / 2],
        }
    )


def shortcuts(rows: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """List facts that are no defects beside the detector.

    Args:
        rows: What `lib.evaluation.shortcuts.shares` returns.

    Returns:
        Columns `Attribute`, `Anomalies` (all, or the class), `AUROC of it alone`, `Detector`, `Detector, alike images`
        (among images that are alike in it), with their 95 % intervals, and `Pairs`, the share of all pairs of an
        anomaly and a normal image that are alike.
    """
    return framed(
        {
            "Attribute": [row["name"] for row in rows],
            "Anomalies": [literal(row["kind"]) or "all" for row in rows],
            "AUROC of it alone": [with_interval(row["auroc"]) for row in rows],
            "Detector": [with_interval(row["whole"]) for row in rows],
            "Detector, alike images": [with_interval(row["within"]) for row in rows],
            "Pairs": [percent(row["within"]["pairs"]) for row in rows],
        }
    )
