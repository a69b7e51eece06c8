"""Tables of a detector's mistakes: classes of anomalies, and attributes of images."""

from collections.abc import Mapping, Sequence

import pandas

from lib.core import traced
from lib.presentation.tables.cells import framed, interval_of, reading, with_interval
from lib.presentation.tables.markdown import literal


def shifts(names: Sequence[str], results: Sequence[Mapping], top: int = 10) -> pandas.DataFrame:
    """List the differences of image attributes between two groups.

    Args:
        names: Printed names of the attributes, one per result.
        results: `lib.evaluation.metrics.shift` results, same order.
        top: Number of attributes to list, the first of them.

    Returns:
        Columns `Attribute`, `Probability higher`, `95 % interval`, `Difference of means` and `Reading`:
        `higher` or `lower` if the interval excludes 0.5, else `no clear difference`.

    Raises:
        ValueError: Lengths differ.
    """
    if len(names) != len(results):
        raise ValueError(f"{len(names)} attribute names for {len(results)} shifts; give one name per shift")
    names, results = names[:top], results[:top]
    return framed(
        {
            "Attribute": list(names),
            "Probability higher": [result["value"] for result in results],
            "95 % interval": [interval_of(result) for result in results],
            "Difference of means": [result["difference"] for result in results],
            "Reading": [reading(result) for result in results],
        },
        signed=["Difference of means"],
    )


def by_class(frame: pandas.DataFrame, top: int = 10) -> pandas.DataFrame:
    """List the classes of anomalies with the lowest and with the highest recall.

    Args:
        frame: What `lib.evaluation.metrics.by_class` returns, hardest class first.
        top: Number of classes at each end; with at most twice as many classes, all are listed.

    Returns:
        Columns `Rank` (1 is the hardest), `Class`, `Images`, `Detected`, `Recall` and `AUROC` (each with its 95 %
        interval) and `Median score`.
    """
    ranked = list(enumerate(traced.rows(frame), start=1))
    rows = ranked if len(ranked) <= 2 * top else [*ranked[:top], *ranked[-top:]]

    def cells(name: str) -> list[str | None]:
        ends = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
        return [with_interval({end: row[column] for end, column in ends.items()}) for _, row in rows]

    return framed(
        {
            "Rank": [rank for rank, _ in rows],
            "Class": [literal(str(row["class"])) for _, row in rows],
            "Images": [row["n"] for _, row in rows],
            "Detected": [row["caught"] for _, row in rows],
            "Recall": cells("recall"),
            "AUROC": cells("auroc"),
            "Median score": [row["median_score"] for _, row in rows],
        }
    )
