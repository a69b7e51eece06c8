"""What a notebook's cells show: outputs in, items to parse and to number out; what cannot be shown is refused."""

import base64
import re
from dataclasses import dataclass
from typing import Any

from lib.report.render.model import RenderError

IMAGES = {"image/svg+xml": "svg", "image/png": "png"}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Item:
    """One thing to show, before it is a block of a chapter.

    Attributes:
        where: notebook and cell, for errors.
        kind: markdown (a cell), prose, figure, table or text.
        markdown: its Markdown, if any.
        text: what was printed.
        report: the metadata of `lib.presentation.show`: kind, label, caption, alt.
        image: bytes of a figure's file.
        suffix: svg or png.
        number: of a figure or table, once it is known.
        content: the blocks that `markdown` was parsed to.
        caption: the inlines that the caption was parsed to.
    """

    where: str
    kind: str
    markdown: str = ""
    text: str = ""
    report: Any = None
    image: bytes = b""
    suffix: str = ""
    number: int = 0
    content: Any = None
    caption: Any = None

    def error(self, problem: str) -> RenderError:
        """An error that says where this stands."""
        return RenderError(f"{self.where}: {problem}")


def shown(output: Any, where: str) -> Item | None:
    """What an output shows.

    Args:
        output: of a code cell.
        where: notebook and cell, for errors.

    Returns:
        The item; None for what is meant for JupyterLab or a terminal only.

    Raises:
        RenderError: the cell ended in an error, or a figure or table lacks what a page needs to know.
    """
    if output.output_type == "error":
        raise RenderError(f"{where}: ended in {output.ename}: {' '.join(_clean(output.evalue).split())}")
    if output.output_type == "stream":
        text = _clean(output.text) if output.name == "stdout" else ""
        return Item(where, "text", text=text) if text else None
    data, report = output.get("data", {}), output.get("metadata", {}).get("report")
    if report:
        return _reported(data, report, where)
    if any(mime.startswith("image/") for mime in data):
        raise RenderError(f"{where}: a figure without label, caption and alt; show it with show.figure")
    if output.output_type == "display_data" and "text/markdown" in data:
        return Item(where, "prose", markdown=data["text/markdown"])
    text = _clean(data.get("text/plain", ""))
    return Item(where, "text", text=text) if text else None


def _reported(data: Any, report: Any, where: str) -> Item | None:
    """A figure, a table or sentences that came with their own metadata."""
    kind, label = report.get("kind"), report.get("label", "")
    if kind == "lab":
        return None
    if kind == "prose":
        return Item(where, "prose", markdown=data.get("text/markdown", ""))
    if kind not in ("figure", "table"):
        raise RenderError(f"{where}: output of unknown kind {kind!r}; it may be figure, table, prose or lab")
    prefix = "fig" if kind == "figure" else "tab"
    if not re.fullmatch(rf"{prefix}-[A-Za-z0-9][A-Za-z0-9_-]*", label):
        raise RenderError(f"{where}: {kind} labelled {label!r}; a label is {prefix}- and letters, digits, - or _")
    for field, needed in (("caption", True), ("alt", kind == "figure")):
        if needed and not str(report.get(field) or "").strip():
            raise RenderError(f"{where}: {kind} {label!r} has no {field}; give it one")
    if kind == "table":
        if "text/markdown" not in data:
            raise RenderError(f"{where}: table {label!r} holds no Markdown table; show it with show.table")
        return Item(where, kind, markdown=data["text/markdown"], report=report)
    images = [mime for mime in IMAGES if mime in data]
    if len(images) != 1:
        raise RenderError(f"{where}: figure {label!r} holds {len(images)} images, not one SVG or one PNG")
    body = data[images[0]]
    try:
        image = base64.b64decode(body) if images[0] == "image/png" else body.encode()
    except ValueError:
        raise RenderError(f"{where}: figure {label!r} is damaged; execute the notebook again") from None
    return Item(where, kind, report=report, image=image, suffix=IMAGES[images[0]])


def _clean(text: str) -> str:
    """Printed text as it last stood on the terminal: no colours, no overwritten progress bars."""
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in _ANSI.sub("", text).split("\n")]
    return "\n".join(lines).strip("\n")
