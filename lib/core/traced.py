"""Numbers that know where they were read, so that a page can say where each of its numbers comes from.

`trace` wraps the numbers of a JSON file. Within `marking`, formatting such a number also marks the text with its
source: `f"{value:.3f}"` gives `0.982` between two characters that no text from data can hold (see
`lib.core.characters.readable`). `unmarked` takes the marks out again and returns the sources with their places.
Arithmetic with traced numbers gives traced numbers; their source is the expression, `(1 - run/metrics.json#/recall)`.
"""

import contextlib
import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

FIRST, END = 0xF0000, chr(0xFFFFD)  # private characters of plane 15: the first of a mark counts its source
MOST = 0xFF00  # sources of one process; later numbers stay unmarked
LONGEST = 400  # characters of an expression; a sum over a hundred numbers has no source that a reader can follow
MARKED = re.compile(f"([{chr(FIRST)}-{chr(FIRST + MOST - 1)}])([^{END}]*){END}")
OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
_marking: ContextVar[bool] = ContextVar("marking", default=False)


class Source(NamedTuple):
    """Where a number comes from.

    Attributes:
        ref: file and JSON pointer, `run/metrics.json#/answer/at/tp`; or an expression of them, `(1 - run/...)`.
        value: the number there, in Python's shortest form.
    """

    ref: str
    value: str


class Place(NamedTuple):
    """A number in a text: characters `start` to `end`, and its source."""

    start: int
    end: int
    ref: str
    value: str


_sources: dict[Source, int] = {}
_known: list[Source] = []


class _Number:
    """A number with its source in `ref`."""

    ref: str

    def __new__(cls, value, ref: str = ""):
        number = super().__new__(cls, value)
        number.ref = ref
        return number

    def __format__(self, spec: str) -> str:
        return mark(super().__format__(spec), self)

    def __getnewargs__(self):
        return plain(self), self.ref

    def __neg__(self):
        return 0 - self


class TracedFloat(_Number, float):
    """A float with its source in `ref`."""


class TracedInt(_Number, int):
    """An int with its source in `ref`."""


def _operation(symbol: str, compute: Callable, reflected: bool) -> Callable:
    def method(self, other):
        if not isinstance(other, int | float) or isinstance(other, bool):
            return NotImplemented
        pair = (other, self) if reflected else (self, other)
        if symbol == "+" and type(other) is int and other == 0:
            return self  # a sum begins with 0
        texts = [number.ref if isinstance(number, _Number) else repr(_bare(number)) for number in pair]
        expression = f"({texts[0]} {symbol} {texts[1]})" if all(texts) else ""
        return traced(compute(*map(plain, pair)), expression if len(expression) <= LONGEST else "")

    return method


for _symbol, _compute in OPERATIONS.items():
    setattr(_Number, f"__{_compute.__name__}__", _operation(_symbol, _compute, False))
    setattr(_Number, f"__r{_compute.__name__}__", _operation(_symbol, _compute, True))


def _bare(number: float) -> float:
    return int(number) if isinstance(number, int) else float(number)


def traced(number: float, ref: str) -> float:
    """A number with its source; the number itself if the source is empty."""
    if not ref:
        return number
    return TracedInt(number, ref) if isinstance(number, int) else TracedFloat(number, ref)


def trace(value: Any, ref: str) -> Any:
    """A JSON value in which every number knows its source.

    Args:
        value: mappings, lists and numbers; everything else stays as it is.
        ref: of the whole, such as `run/metrics.json#` or `run/metrics.json#/answer`.
    """
    if isinstance(value, Mapping):
        return {key: trace(each, f"{ref}/{token(key)}") for key, each in value.items()}
    if isinstance(value, list):
        return [trace(each, f"{ref}/{index}") for index, each in enumerate(value)]
    if isinstance(value, int | float) and not isinstance(value, bool | _Number):
        return traced(value if isinstance(value, int) else float(value), ref)
    return value


def rows(frame: Any) -> list[dict[str, Any]]:
    """The rows of a DataFrame; their numbers are traced where its `attrs` hold a `ref`, by the index of the row."""
    records = zip(frame.index, frame.to_dict("records"), strict=True)
    ref = frame.attrs.get("ref", "")
    return [trace(row, f"{ref}/{index}") if ref else row for index, row in records]


def token(key: Any) -> str:
    """A key as part of a JSON pointer (RFC 6901) in the form for URIs."""
    return quote(str(key).replace("~", "~0").replace("/", "~1"), safe="")


def keys(ref: str) -> list[str]:
    """The keys that a source leads through: `["answer", "at"]` of `run/metrics.json#/answer/at`."""
    return [unquote(part).replace("~1", "/").replace("~0", "~") for part in ref.partition("#/")[2].split("/")]


@contextlib.contextmanager
def marking(on: bool = True) -> Iterator[None]:
    """Formatting of traced numbers marks the text, for the block."""
    token = _marking.set(on)
    try:
        yield
    finally:
        _marking.reset(token)


def marks(function: Callable) -> Callable:
    """The function, with `marking` on while it runs; what a generator yields comes as a list."""

    @functools.wraps(function)
    def marked(*arguments: Any, **options: Any) -> Any:
        with marking():
            result = function(*arguments, **options)
            return list(result) if isinstance(result, Iterator) else result

    return marked


def mark(text: str, number: Any) -> str:
    """A text that says a number, marked with the number's source, within `marking` and where it has one."""
    if not (_marking.get() and isinstance(number, _Number) and number.ref):
        return text
    return _marked(unmarked(text)[0], Source(number.ref, repr(plain(number))))


def _marked(text: str, source: Source) -> str:
    if source not in _sources:
        if len(_known) == MOST:
            return text
        _sources[source] = len(_known)
        _known.append(source)
    return f"{chr(FIRST + _sources[source])}{text}{END}"


def marked_again(text: str, places: Iterable[Place]) -> str:
    """A text with the marks that `unmarked` took out."""
    for start, end, ref, value in sorted(map(tuple, places), reverse=True):
        text = text[:start] + _marked(text[start:end], Source(ref, value)) + text[end:]
    return text


def source_of(character: str) -> Source | None:
    """The source that the first character of a mark stands for; None for another character."""
    index = ord(character) - FIRST
    return _known[index] if 0 <= index < len(_known) else None


def unmarked(text: str) -> tuple[str, list[Place]]:
    """A text without its marks, and the numbers in it that were marked."""
    places, result, done = [], "", 0
    for match in MARKED.finditer(text):
        result += text[done : match.start()]
        places.append(Place(len(result), len(result) + len(match[2]), *source_of(match[1])))
        result, done = result + match[2], match.end()
    return result + text[done:], places


def plain(value: Any) -> Any:
    """A value, at any depth without sources and marks."""
    if isinstance(value, _Number):
        return _bare(value)
    if isinstance(value, str):
        return unmarked(value)[0] if END in value else value
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value
