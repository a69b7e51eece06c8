"""Display of figures, tables and computed sentences in a notebook, with all that a page needs to know of them.

The caption, the label and the alternative text are metadata of the output, where `lib.report` reads them. JupyterLab
does not show metadata, so the caption is also displayed under the figure.
"""

import base64
import contextlib
import io
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import matplotlib
import pandas as pd
import PIL.Image
from IPython.display import display
from matplotlib.figure import Figure

from lib.core import traced
from lib.presentation import plots, tables
from lib.presentation.plots.style import lay_out

SOURCES = {"text/markdown": "sources", "caption": "caption_sources"}  # metadata with the places of traced numbers
DPI = 150  # of images in figures: one of 96 or 32 pixels in a grid of eight columns is not interpolated
QUALITY = 85  # of JPEG

_EMBEDDED = re.compile(r"data:image/png;base64,\s*([^\"]+)")
_PLACES = re.compile(r'\bd="[^"]*"|translate\([^)]*\)')
_DIGITS = re.compile(r"(?<=\.\d\d)\d+")  # below a hundredth of a point

Outputs = list[tuple[dict[str, Any], dict[str, Any]]]  # the bundle and the metadata of each
_captured: ContextVar[Outputs | None] = ContextVar("captured", default=None)
_drawing: ContextVar[bool] = ContextVar("drawing", default=True)


@contextlib.contextmanager
def captured(*, draw: bool) -> Iterator[Outputs]:
    """Collect what is shown in the block instead of displaying it.

    Args:
        draw: whether figures are drawn, which takes most of the time.

    Returns:
        A list that takes each output.
    """
    outputs: Outputs = []
    capturing, drawing = _captured.set(outputs), _drawing.set(draw)
    try:
        yield outputs
    finally:
        _captured.reset(capturing)
        _drawing.reset(drawing)


def figure(drawn: Figure, *, label: str, caption: str) -> None:
    """Show a figure, as SVG.

    Args:
        drawn: The figure, with its alternative text as its label, as all of `lib.presentation.plots` have it.
        label: The name that other text refers to, `fig-...`; unique in a study.
        caption: Markdown.

    Raises:
        ValueError: The figure has no alternative text.
    """
    alt = drawn.get_label()
    if not alt:
        raise ValueError(f"figure {label!r} has no alternative text; set it with `set_label`")
    bundle = {"image/svg+xml": svg(drawn)} if _drawing.get() else {}
    _display(bundle, {"kind": "figure", "label": label, "caption": caption, "alt": alt})
    _display_caption(caption)


def table(frame: pd.DataFrame, *, label: str, caption: str, **options: Any) -> None:
    """Show a table.

    Args:
        frame: The table; its index is left out.
        label: The name that other text refers to, `tab-...`; unique in a study.
        caption: Markdown.
        **options: Of `lib.presentation.tables.to_markdown`.

    Raises:
        ValueError: The table has no rows; leave it out, or call `nothing`.
    """
    if frame.empty:
        raise ValueError(f"table {label!r} has no rows; leave it out, or call `show.nothing`")
    markdown = tables.to_markdown(frame, **options)
    _display({"text/markdown": markdown}, {"kind": "table", "label": label, "caption": caption})
    _display_caption(caption)


def prose(markdown: str) -> None:
    """Show computed sentences, as Markdown."""
    _display({"text/markdown": markdown}, {"kind": "prose"})


def in_lab(markdown: str) -> None:
    """Show Markdown in JupyterLab only."""
    markdown = traced.plain(markdown)
    _emit({"text/plain": markdown, "text/markdown": markdown}, {"kind": "lab"})


def nothing(reason: str) -> None:
    """Leave the section of this cell out of the report, from its heading to the next of the same or a higher level.

    Before the first section it leaves out the whole chapter. Links to what is left out become text. JupyterLab shows
    the reason.

    Args:
        reason: Why there is nothing to show in this study, as the end of a sentence, Markdown.
    """
    text = f"*Nothing to show in this study: {reason.rstrip('.')}.*"
    _emit({"text/plain": text, "text/markdown": text}, {"kind": "nothing"})


def _display(bundle: dict[str, Any], report: dict[str, Any]) -> None:
    """Show an output; its metadata say where the numbers of its text and its caption come from."""
    for texts, key in ((bundle, "text/markdown"), (report, "caption")):
        if key in texts:
            texts[key], places = traced.unmarked(texts[key])
            if places:
                report[SOURCES[key]] = [list(place) for place in places]
    plain = report.get("alt") or report.get("caption") or report["kind"]
    text = bundle.get("text/markdown", plain)
    _emit({"text/plain": text, **bundle}, report)


def _emit(bundle: dict[str, Any], report: dict[str, Any]) -> None:
    outputs = _captured.get()
    if outputs is None:
        display(bundle, metadata={"report": report}, raw=True)
    else:
        outputs.append((bundle, report))


def svg(drawn: Figure) -> str:
    """A figure as SVG: text and lines are vectors, images have the resolution `DPI`."""
    buffer = io.BytesIO()
    # With a layout engine, even one without effect, saving would draw the figure once more.
    with plots.style(), matplotlib.rc_context({"figure.constrained_layout.use": False}):  # it also fixes the ids
        lay_out(drawn)  # unless its style has done so
        drawn.set_layout_engine(None)
        drawn.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None})
    text = _EMBEDDED.sub(_compressed, buffer.getvalue().decode())
    text = _PLACES.sub(lambda places: _DIGITS.sub("", " ".join(places[0].split())), text)
    return re.sub(r"\n\s+", "\n", text)


def _compressed(embedded: re.Match[str]) -> str:
    """An image in an SVG as JPEG, with its transparency; as it is where PNG takes less, as with few colours."""
    png, buffer = base64.b64decode(embedded[1]), io.BytesIO()
    image = PIL.Image.open(io.BytesIO(png))
    least, opacity = image.getextrema()[-1]
    image.convert("RGB").save(buffer, "JPEG", quality=QUALITY, optimize=True)
    if least < opacity or buffer.tell() >= len(png):
        return embedded[0]
    jpeg = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return jpeg if opacity == 255 else f'{jpeg}" opacity="{opacity / 255:.3f}'


def _display_caption(caption: str) -> None:
    in_lab(f"*{caption}*")
