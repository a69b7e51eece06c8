"""The outputs of a notebook's cells as items to parse and number; an output that cannot be rendered is refused."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import nbformat
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

from lib.core import traced
from lib.report.render.model import RenderError

IMAGES = {"image/svg+xml": "svg", "image/png": "png"}


@dataclass
class Item:
    """A Markdown cell or an output, on its way to becoming a block of a chapter.

    Attributes:
        place: notebook and cell, for errors.
        kind: markdown (a cell), prose, figure, table, text or nothing (its section is left out).
        markdown: its Markdown, if any.
        text: what was printed.
        metadata: what `lib.presentation.show` attached to a figure or table: kind, label, caption, alt.
        image: bytes of a figure's file.
        suffix: svg or png.
        number: of a figure or table, once it is known.
        origin: the cell that computed it, `notebooks/04_evaluation.ipynb#c012`; empty for text that was written.
        content: the blocks that `markdown` was parsed to.
        caption: the inlines that the caption was parsed to.
    """

    place: str
    kind: str
    markdown: str = ""
    text: str = ""
    metadata: Any = None
    image: bytes = b""
    suffix: str = ""
    number: int = 0
    origin: str = ""
    content: Any = None
    caption: Any = None

    def error(self, problem: str) -> RenderError:
        """An error with the place of this item."""
        return RenderError(f"{self.place}: {problem}")


def read_outputs(cell: nbformat.NotebookNode, place: str) -> Iterator[Item]:
    """The outputs of a code cell that a report shows; those for JupyterLab or a terminal are left out.

    Args:
        cell: an executed code cell; its outputs are changed.
        place: notebook and cell, for errors.

    Raises:
        RenderError: the cell ended in an error, or a figure or table lacks what a page needs.
    """
    cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    cell, _ = CoalesceStreamsPreprocessor().preprocess_cell(cell, {}, 0)
    for output in cell.outputs:
        item = _read_output(output, place)
        if item is not None:
            yield item


def _read_output(output: Any, place: str) -> Item | None:
    if output.output_type == "error":
        raise RenderError(f"{place}: ended in {output.ename}: {' '.join(strip_ansi(output.evalue).split())}")
    if output.output_type == "stream":
        return _printed(output.text, place)
    data, metadata = output.get("data", {}), output.get("metadata", {}).get("report")
    if metadata:
        return _read_shown(data, metadata, place)
    if any(mime.startswith("image/") for mime in data):
        raise RenderError(f"{place}: a figure without label, caption and alt; show it with show.figure")
    if output.output_type == "display_data" and "text/markdown" in data:
        return Item(place, "prose", markdown=data["text/markdown"])
    return _printed(data.get("text/plain", ""), place)


def _printed(text: str, place: str) -> Item | None:
    text = strip_ansi(text).replace("\r", "").strip("\n").rstrip()
    return Item(place, "text", text=text) if text else None


def _read_shown(data: Any, metadata: Any, place: str) -> Item | None:
    """A figure, a table or sentences that `lib.presentation.show` gave metadata."""
    kind, label = metadata.get("kind"), metadata.get("label", "")
    if kind == "lab":
        return None
    markdown = traced.marked_again(data.get("text/markdown", ""), metadata.get("sources", ()))
    if kind == "prose":
        return Item(place, "prose", markdown=markdown)
    if kind == "nothing":
        return Item(place, kind)
    if kind not in ("figure", "table"):
        raise RenderError(f"{place}: output of unknown kind {kind!r}; it may be figure, table, prose, nothing or lab")
    caption = traced.marked_again(str(metadata.get("caption") or ""), metadata.get("caption_sources", ()))
    metadata = {**metadata, "caption": caption}
    prefix = "fig" if kind == "figure" else "tab"
    if not re.fullmatch(rf"{prefix}-[A-Za-z0-9][A-Za-z0-9_-]*", label):
        raise RenderError(f"{place}: {kind} labelled {label!r}; a label is {prefix}- and letters, digits, - or _")
    for field in ("caption", "alt") if kind == "figure" else ("caption",):
        if not str(metadata.get(field) or "").strip():
            raise RenderError(f"{place}: {kind} {label!r} has no {field}; give it one")
    if kind == "table":
        if "text/markdown" not in data:
            raise RenderError(f"{place}: table {label!r} holds no Markdown table; show it with show.table")
        return Item(place, kind, markdown=markdown, metadata=metadata)
    images = [mime for mime in IMAGES if mime in data]
    if len(images) != 1:
        raise RenderError(f"{place}: figure {label!r} holds {len(images)} images, not one SVG or one PNG")
    body = data[images[0]]
    try:
        image = base64.b64decode(body) if images[0] == "image/png" else body.encode()
    except ValueError:
        raise RenderError(f"{place}: figure {label!r} is damaged; execute the notebook again") from None
    return Item(place, kind, metadata=metadata, image=image, suffix=IMAGES[images[0]])
