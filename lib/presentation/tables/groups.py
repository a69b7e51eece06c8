"""Tables of a detector's mistakes: classes of anomalies, and attributes of images."""

from collections.abc import Mapping, Sequence

import pandas

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
        Columns `Rank` (1 is the hardest), `Class`, `Images`, `Caught`, `Recall` and `AUROC` (each with its 95 %
        interval) and `Median score`.
    """
    ranked = frame.assign(rank=range(1, len(frame) + 1))
    rows = ranked if len(frame) <= 2 * top else pandas.concat([ranked.head(top), ranked.tail(top)])

    def cells(name: str) -> list[str | None]:
        bounds = zip(rows[name], rows[f"{name}_low"], rows[f"{name}_high"], strict=True)
        return [with_interval({"value": value, "low": low, "high": high}) for value, low, high in bounds]

    return framed(
        {
            "Rank": rows["rank"].tolist(),
            "Class": [literal(str(name)) for name in rows["class"]],
            "Images": rows["n"].tolist(),
            "Caught": rows["caught"].tolist(),
            "Recall": cells("recall"),
            "AUROC": cells("auroc"),
            "Median score": rows["median_score"].tolist(),
        }
    )
