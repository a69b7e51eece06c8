"""Tables of what fools a detector: classes of anomalies, and attributes of images."""

from collections.abc import Mapping, Sequence

import pandas

from lib.presentation.tables.cells import framed, interval_of, reading, with_interval
from lib.presentation.tables.markdown import literal


def shifts(names: Sequence[str], results: Sequence[Mapping]) -> pandas.DataFrame:
    """List how image attributes differ between two groups.

    Args:
        names: What was measured, in plain words, one per result.
        results: `lib.evaluation.metrics.shift` results, same order.

    Returns:
        Columns `Attribute`, `Probability higher`, `95 % interval`, `Difference of means` and `Reading`:
        `higher` or `lower` where the interval leaves out one half, else `no clear difference`.

    Raises:
        ValueError: Lengths differ.
    """
    if len(names) != len(results):
        raise ValueError(f"{len(names)} attribute names for {len(results)} shifts; give one name per shift")
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
    """List the classes of anomalies that are hardest and those that are easiest to catch.

    Args:
        frame: What `lib.evaluation.metrics.by_class` returns, the hardest first.
        top: How many of each; with at most twice as many classes, all are listed.

    Returns:
        Columns `Rank` (1 is the hardest, and a gap shows what is left out), `Class`, `Images`, `Caught`, `Recall`
        and `AUROC` (each with its 95 % interval behind it) and `Mean score`.
    """
    ranked = frame.assign(rank=range(1, len(frame) + 1))
    shown = ranked if len(frame) <= 2 * top else pandas.concat([ranked.head(top), ranked.tail(top)])

    def told(name: str) -> list[str | None]:
        ends = zip(shown[name], shown[f"{name}_low"], shown[f"{name}_high"], strict=True)
        return [with_interval({"value": value, "low": low, "high": high}) for value, low, high in ends]

    return framed(
        {
            "Rank": shown["rank"].tolist(),
            "Class": [literal(str(name)) for name in shown["class"]],
            "Images": shown["n"].tolist(),
            "Caught": shown["caught"].tolist(),
            "Recall": told("recall"),
            "AUROC": told("auroc"),
            "Mean score": shown["mean_score"].tolist(),
        }
    )
