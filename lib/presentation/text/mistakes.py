"""Sentences about mistakes: the attributes and the classes of the images decided wrongly."""

from collections.abc import Mapping, Sequence

import pandas

from lib.core import traced
from lib.core.formatting import count, percent
from lib.evaluation.claims import FEW
from lib.presentation.tables.cells import UNCLEAR, reading
from lib.presentation.tables.markdown import literal

_NAMED = 4  # attributes that a sentence names


def shifts(group: str, others: str, size: int, names: Sequence[str], results: Sequence[Mapping[str, float]]) -> str:
    """The attributes in which a group of test images differs from others, largest difference first."""
    if not size:
        return f"There are no {group}."
    if size < FEW:
        return f"There are only {size} {group}, too few to compare with the {others}."
    pairs = zip(names, results, strict=True)
    clear = [(name, result) for name, result in pairs if reading(result) != UNCLEAR]
    if not clear:
        return (
            f"No measured attribute differs clearly between the {size:,} {group} and the {others}: every interval "
            "includes 0.5."
        )
    clear.sort(key=lambda pair: -abs(pair[1]["value"] - 0.5))
    attributes = ", ".join(
        f"{'more' if result['value'] > 0.5 else 'less'} {name} ({result['value']:.2f})"
        for name, result in clear[:_NAMED]
    )
    most = "The largest differences" if len(clear) > _NAMED else "The differences"
    return (
        f"{most} between the {size:,} {group} and the {others}: {attributes}. The number is the probability that a "
        "random image of the group has the higher value; 0.5 means no difference."
    )


def by_class(frame: pandas.DataFrame, threshold: float) -> str:
    """The classes with the lowest and the highest recall.

    Args:
        frame: What `lib.evaluation.metrics.by_class` returns.
        threshold: The threshold.
    """
    hardest, easiest = traced.rows(frame.iloc[[0, -1]])
    if len(frame) == 1:
        return f"All anomalies are of class {literal(str(hardest['class']))}; recall is {percent(hardest['recall'])}."
    if hardest["recall"] == easiest["recall"]:
        return (
            f"At the threshold of {threshold:.4g} recall is {percent(hardest['recall'])} for every class of anomalies."
        )
    below_half = int((frame["recall"] < 0.5).sum())
    return (
        f"At the threshold of {threshold:.4g} recall is lowest for class {literal(str(hardest['class']))} "
        f"({percent(hardest['recall'])} of {hardest['n']:,} test images) and highest for class "
        f"{literal(str(easiest['class']))} ({percent(easiest['recall'])} of {easiest['n']:,}). Recall is below "
        f"one half for {below_half:,} of {count(len(frame), 'class', 'classes')} of anomalies."
    )
