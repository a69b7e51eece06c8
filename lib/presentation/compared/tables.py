"""The tables of the page as text: parameters that differ, metrics, and decisions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.core.characters import readable
from lib.core.formatting import p_value, percent, signed
from lib.evaluation.metrics import Metric
from lib.evaluation.paired import METRICS, Comparison, Finished
from lib.params import LIMITS
from lib.presentation.compared import words
from lib.presentation.tables.cells import LABELS

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
    """The commit and the key of the code; any other value as it is."""
    if isinstance(value, tuple):
        files, commit = value
        return f"{commit or 'no commit'}, key {files}"
    return _shown(value)


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
    values = metric["value"], metric["low"], metric["high"]
    digits = 3 if metric["high"] <= 0.995 else 4  # so that 0.9998 is not printed as 1.000
    value, low, high = (f"{each:.{digits}f}" if name == "auroc" else percent(each) for each in values)
    return Cell(value, _interval(low, high))


def _difference(name: str, metric: Metric | None) -> Cell:
    if metric is None:
        return Cell(NOTHING)
    if name == "auroc":
        value, low, high = words.changes(metric)
        return Cell(value, _interval(low, high))
    value, low, high = (signed(100 * metric[key], 1) for key in ("value", "low", "high"))
    return Cell(f"{value} points", _interval(low, high))


def _interval(low: str, high: str) -> str:
    """An interval that a narrow cell breaks before `to` only."""
    return f"{low} to {high}".replace(" %", "\u00a0%").replace("to ", "to\u00a0")


def decisions(found: Comparison) -> list[tuple[str, ...]]:
    """A row for normal images and one for anomalies, where there are any: counts of decisions, and the p-value."""
    return [
        (
            name,
            *(f"{number:,}" for number in (each.images, each.both, each.only_a, each.only_b, each.neither)),
            p_value(each.p_value),
        )
        for name, each in zip(("Normal images", "Anomalies"), found.flips, strict=True)
        if each.images
    ]
