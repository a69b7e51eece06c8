"""The tables of the page as text: parameters that differ, metrics, and decisions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.core.characters import readable
from lib.core.formatting import percent, signed
from lib.evaluation.metrics import Metric
from lib.evaluation.paired import METRICS, Comparison, Finished
from lib.params import LIMITS
from lib.presentation.compared import words
from lib.presentation.tables.cells import LABELS
from lib.presentation.text.terms import area

NOTHING = "–"
_OWN = LIMITS | {"study", "title"}  # each study has its own


@dataclass(frozen=True)
class Cell:
    """A number in a table: `value`, and `interval` below it; empty without one."""

    value: str
    interval: str = ""


def parameters(studies: tuple[Finished, Finished]) -> list[tuple[str, str, str]]:
    """Key and both values of every parameter that differs, in the order of the schema."""
    first, second = (each.params.model_dump(exclude=_OWN) for each in studies)
    return [(key, _shown(first[key]), _shown(second[key])) for key in first if first[key] != second[key]]


def made_with(studies: tuple[Finished, Finished]) -> list[tuple[str, str, str]]:
    """Versions, code and device that differ, as `parameters`."""
    first, second = (dict(_conditions(each)) for each in studies)
    rows = [(key, first.get(key), second.get(key)) for key in {**first, **second}]
    return [(key, _commit(a), _commit(b)) for key, a, b in rows if a != b]


def _conditions(finished: Finished) -> Iterator[tuple[str, Any]]:
    manifest = finished.manifest
    yield "code", (manifest["code"]["files"], manifest["code"]["commit"])
    yield "device", manifest["device"]
    yield from manifest["versions"].items()


def _commit(value: Any) -> str:
    """The commit of the code, or its key outside a git checkout; any other value as it is."""
    return _shown((value[1] or value[0]) if isinstance(value, tuple) else value)


def _shown(value: Any) -> str:
    """A value of a parameter."""
    if value is None or value == "":
        return NOTHING
    return readable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def metrics(found: Comparison) -> list[tuple[str, Cell, Cell, Cell]]:
    """Name, value in A, value in B, and difference of each metric."""
    a, b = found.metrics
    return [
        (LABELS[name], _cell(name, a[name]), _cell(name, b[name]), _difference(name, found.differences[name]))
        for name in METRICS
    ]


def _cell(name: str, metric: Metric | None) -> Cell:
    if metric is None:
        return Cell(NOTHING)
    digits = area if name == "auroc" else percent
    return Cell(digits(metric["value"]), f"{digits(metric['low'])} to {digits(metric['high'])}")


def _difference(name: str, metric: Metric | None) -> Cell:
    if metric is None:
        return Cell(NOTHING)
    if name == "auroc":
        return Cell(words.change(metric), words.change_interval(metric))
    value, low, high = (signed(100 * metric[key], 1) for key in ("value", "low", "high"))
    return Cell(f"{value} points", f"{low} to {high}")


def decisions(found: Comparison) -> list[tuple[str, ...]]:
    """A row for normal images and one for anomalies, where there are any: counts of decisions, and the p-value."""
    return [
        (
            name,
            *(f"{number:,}" for number in (each.images, each.both, each.only_a, each.only_b, each.neither)),
            words.p_value(each.p_value),
        )
        for name, each in zip(("Normal images", "Anomalies"), found.flips, strict=True)
        if each.images
    ]
