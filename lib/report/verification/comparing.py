"""Comparison of what a report says with what its data give; each difference is one line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from lib.core import traced
from lib.report.render import sources
from lib.report.verification.pages import Number
from lib.report.verification.recomputed import Outputs
from lib.study import METRICS

MISSING = object()
_TOKEN = re.compile(r"[()]|[^\s()]+")


def metrics(found: Any, expected: Any, pointer: str = METRICS, relative: float = 0.0) -> Iterator[str]:
    """The places at which two JSON values differ.

    Args:
        found: in the file.
        expected: as it was recomputed.
        pointer: of both.
        relative: difference of two floats, relative to the larger, that counts as none.
    """
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in [*found, *(key for key in expected if key not in found)]:
            place = f"{pointer}/{traced.token(key)}"
            yield from metrics(found.get(key, MISSING), expected.get(key, MISSING), place, relative)
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for index, pair in enumerate(zip(found, expected, strict=True)):
            yield from metrics(*pair, f"{pointer}/{index}", relative)
    elif found is MISSING or expected is MISSING:
        yield f"{pointer}: {'not there' if found is MISSING else 'not among the recomputed figures'}"
    elif not _equal(found, expected, relative):
        yield f"{pointer}: {found!r}, recomputed from the scores {expected!r}"


def _equal(found: Any, expected: Any, relative: float) -> bool:
    if isinstance(found, float) and isinstance(expected, float):
        return abs(found - expected) <= relative * max(abs(found), abs(expected))
    return type(found) is type(expected) and found == expected


def outputs(stem: str, found: Outputs, expected: Outputs) -> Iterator[str]:
    """The cells of an executed notebook that do not show what they give when they are executed again."""
    for cell, again in expected.items():
        shown = found.get(cell, [])
        if len(shown) != len(again):
            yield f"notebooks/{stem}.ipynb#{cell}: {len(shown)} outputs, executed again {len(again)}"
            continue
        for one, other in zip(shown, again, strict=True):
            if one != other:
                key = next(key for key in {**one, **other} if one.get(key) != other.get(key))
                yield f"notebooks/{stem}.ipynb#{cell}: {_first_difference(str(one.get(key)), str(other.get(key)))}"


def _first_difference(found: str, expected: str) -> str:
    start = next(
        (index for index, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]),
        min(len(found), len(expected)),
    )
    begin = max(0, start - 30)
    return f"{found[begin : start + 30]!r}, executed again {expected[begin : start + 30]!r}"


def numbers(name: str, found: Sequence[Number], expected: Sequence[Number]) -> Iterator[str]:
    """The numbers of a page that are not those that its notebooks give."""
    keys = [[(number.text, number.ref, number.value, number.title) for number in side] for side in (found, expected)]
    if keys[0] == keys[1]:
        return
    for tag, start, end, low, high in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        if tag != "equal":
            place = (found[start:end] or expected[low:high])[0]
            said, right = (" ".join(map(_told, part)) or "nothing" for part in (found[start:end], expected[low:high]))
            yield f"{name}: {said} instead of {right} after “{' '.join(place.context.split())[-50:]}”"


def _told(number: Number) -> str:
    return number.text if not number.ref else f"{number.text} [{number.value}]"


def of_source(name: str, number: Number, found: Mapping[str, Any]) -> str:
    """What is wrong with a number that names its source in `metrics.json`; empty if nothing is.

    Args:
        name: of the page.
        number: on it.
        found: `metrics.json`.
    """
    place = f"{name}: {number.text} after “{' '.join(number.context.split())[-50:]}”"
    try:
        right, stated = evaluated(number.ref, found), float(number.value)
        shown = sources.value(number.text)
    except (LookupError, ValueError, TypeError):
        return f"{place} names a source that is not there: {number.ref}"
    if not _equal(float(right), stated, 1e-12):
        return f"{place}: {number.ref} is {right!r}, the page states {number.value}"
    if abs(shown - stated) > 0.5 * unit(number.text) * (1 + 1e-9):
        return f"{place}: its source has {number.value}"
    return ""


def unit(text: str) -> float:
    """What the last digit of a printed number is worth: 0.001 of `1.234`, 0.1 of `1.2e+01` times ten."""
    mantissa, _, exponent = text.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def evaluated(ref: str, found: Mapping[str, Any]) -> float:
    """The value of a source: of a place in `metrics.json`, or of an expression of such places and numbers.

    Raises:
        LookupError: there is no such place.
        ValueError: it is no source.
    """
    tokens = _TOKEN.findall(ref)
    value = _expression(tokens, found)
    if tokens:
        raise ValueError(f"{ref!r}: no source")
    return value


def _expression(tokens: list[str], found: Mapping[str, Any]) -> float:
    if not tokens:
        raise ValueError("an expression ends early")
    token = tokens.pop(0)
    if token != "(":
        return _place(token, found) if "#/" in token else float(token)
    left = _expression(tokens, found)
    symbol = tokens.pop(0)
    right = _expression(tokens, found)
    if symbol not in traced.OPERATIONS or tokens[:1] != [")"]:
        raise ValueError(f"{symbol!r}: no operation")
    tokens.pop(0)
    return traced.OPERATIONS[symbol](left, right)


def _place(ref: str, found: Any) -> float:
    if not ref.startswith(f"{METRICS}/"):
        raise LookupError(ref)
    for key in traced.keys(ref):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found
