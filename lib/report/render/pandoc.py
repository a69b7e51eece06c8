"""Parse Markdown and write HTML or Typst with pandoc, run a few times for a whole report.

In between, text is pandoc's own tree as JSON: a list of elements `{"t": type, "c": content}`. HTML and PDF are written
from the same tree, so they have the same content.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pypandoc

from lib.core import traced
from lib.core.errors import UserError

TEMPLATES = Path(__file__).parent / "templates"
BIBLIOGRAPHY = TEMPLATES / "references.bib"
API_VERSION = [1, 23, 1]  # of the JSON tree, pandoc 3.x

Element = dict[str, Any]
Elements = list[Element]

_parsed: dict[str, Elements] = {}  # the blocks of every text that this process has parsed


class PandocError(UserError):
    """pandoc reported an error or a warning; the message is its own, on one line."""


def parse(texts: Sequence[str]) -> list[Elements]:
    """Parse Markdown texts, each on its own; return the blocks of each text. A text is parsed once.

    A number that is marked with its source, see `lib.core.traced`, becomes a Span of class `source`.
    """
    new = [text for text in dict.fromkeys(texts) if text not in _parsed]
    half = len(new) // 2
    with ThreadPoolExecutor() as pool:  # pandoc is another process and uses one core
        trees = pool.map(_parse, [part for part in (new[:half], new[half:]) if part])
    _parsed.update(zip(new, (block["c"][1] for tree in trees for block in tree["blocks"]), strict=True))
    return [sourced(_parsed[text]) for text in texts]  # which copies it


def _parse(texts: Sequence[str]) -> dict[str, Any]:
    source = json.dumps(list(texts), ensure_ascii=False)
    return json.loads(_run(source, "--from", str(TEMPLATES / "markdown.lua"), "--to", "json"))


def span(source: traced.Source, content: Elements) -> Element:
    """A number with its source, as `lib.report.render.sources` writes it."""
    return {"t": "Span", "c": [["", ["source"], [["data-ref", source.ref], ["data-value", source.value]]], content]}


def sourced(tree: Any) -> Any:
    """A tree with Spans in place of the marks of `lib.core.traced`."""
    if isinstance(tree, str):
        return traced.plain(tree)
    if isinstance(tree, dict):
        return {key: sourced(value) for key, value in tree.items()}
    if not isinstance(tree, list):
        return tree
    result: list[Any] = []
    number, within = None, result  # the number that is open, and where elements go
    for child in tree:
        if not (isinstance(child, dict) and child.get("t") == "Str"):
            within.append(sourced(child))
            continue
        for text in re.split(f"([^\0-{chr(traced.FIRST - 1)}])", child["c"]):
            source = traced.source_of(text) if len(text) == 1 else None
            if source is not None:
                number, within = source, []
            elif text == traced.END:
                if number is not None:
                    result.append(span(number, within))
                number, within = None, result
            elif text:
                within.append({"t": "Str", "c": text})
    return result if number is None else [*result, *within]


@cache
def works() -> frozenset[str]:
    """The keys of all works in the bibliography."""
    return frozenset(re.findall(r"^@\w+\{([^,\s]+),", BIBLIOGRAPHY.read_text(encoding="utf-8"), re.MULTILINE))


def cite(citations: Elements) -> tuple[list[Elements], Elements]:
    """Resolve citations, in pandoc's own style (Chicago, author and date).

    Args:
        citations: Cite elements, of known works only.

    Returns:
        For each citation its inlines, with links to `#ref-<key>`; and the list of the works cited, a Div `refs` with
        a Div `ref-<key>` for each.
    """
    if not citations:
        return [], []
    meta = {"link-citations": {"t": "MetaBool", "c": True}}
    blocks = [{"t": "Plain", "c": [citation]} for citation in citations]
    source = json.dumps({"pandoc-api-version": API_VERSION, "meta": meta, "blocks": blocks}, ensure_ascii=False)
    options = ("--citeproc", "--bibliography", str(BIBLIOGRAPHY))
    *cited, references = json.loads(_run(source, "--from", "json", "--to", "json", *options))["blocks"]
    return [block["c"][0]["c"][1] for block in cited], [references]


def write(parts: Sequence[Elements], form: str, *options: str) -> list[str]:
    """Write lists of blocks with one run of pandoc.

    Args:
        parts: lists of blocks.
        form: `html5` or `typst`; raw elements of the form `html` or `typst` are written as they are.
        *options: more of pandoc's command line.

    Returns:
        The text of each part, in the same order.

    Raises:
        PandocError: something cannot be written in this form, such as TeX with an unknown command.
    """
    if not parts:
        return []
    mark = "\x1eend of part\x1e"
    raw = {"t": "RawBlock", "c": ["html" if form == "html5" else form, mark]}
    blocks = [block for part in parts for block in [*part, raw]]
    tree = {"pandoc-api-version": API_VERSION, "meta": {}, "blocks": blocks}
    source = json.dumps(tree, ensure_ascii=False)
    # No line ends in "95". The number may be in a Span.
    percent = r'(\d"}(?:\]\]})?), {"t": "Space"}, {"t": "Str", "c": "%'
    source = re.sub(percent, '\\1, {"t": "Str", "c": "\u00a0%', source)
    text = _run(source, "--from", "json", "--to", form, "--wrap=none", *options)
    return [part.strip() for part in text.split(mark)[:-1]]


def elements(tree: Any) -> Iterator[Element]:
    """Every element of a tree, outermost first."""
    if isinstance(tree, dict):
        if "t" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for child in tree:
            yield from elements(child)


def replace(tree: Any, change: Callable[[Element], Elements | None]) -> Any:
    """A copy of a tree with elements replaced, innermost first.

    Args:
        tree: blocks or inlines, or any part of them.
        change: takes an element and returns the elements to put in its place, or None to keep it.
    """
    if isinstance(tree, dict):
        return {key: value if isinstance(value, str) else replace(value, change) for key, value in tree.items()}
    if not isinstance(tree, list):
        return tree
    result = []
    for child in tree:
        if isinstance(child, dict | list):
            child = replace(child, change)
        new = change(child) if isinstance(child, dict) and "t" in child else None
        if new is None:
            result.append(child)
        else:
            result.extend(new)
    return result


def plain(tree: Any) -> str:
    """The words of a tree, without markup; mathematics as its TeX."""
    words = []
    for element in elements(tree):
        if element["t"] == "Str":
            words.append(element["c"])
        elif element["t"] in ("Space", "SoftBreak", "LineBreak"):
            words.append(" ")
        elif element["t"] in ("Code", "Math"):
            words.append(element["c"][1])
    return " ".join("".join(words).split())


def paragraph(inlines: Elements) -> Elements:
    """Inlines as blocks, written without a paragraph's tags."""
    return [{"t": "Plain", "c": inlines}]


def raw(form: str, text: str) -> Element:
    """An inline that `write` writes as it is."""
    return {"t": "RawInline", "c": [form, text]}


@cache
def _program() -> str:
    """The pandoc of the Python package; another version on the machine could write other bytes."""
    bundled = Path(pypandoc.__file__).parent / "files" / "pandoc"
    return str(bundled) if bundled.is_file() else pypandoc.get_pandoc_path()


def _run(source: str, *options: str) -> str:
    done = subprocess.run([_program(), *options], input=source.encode(), capture_output=True, check=False)
    message = " ".join(done.stderr.decode(errors="replace").split())
    if done.returncode or message:
        raise PandocError(message or f"pandoc ended with {done.returncode}")
    return done.stdout.decode()
