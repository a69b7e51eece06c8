"""The web site of a study: a first page and one page a chapter, readable offline, with no script and nothing loaded.

nbconvert walks each notebook and folds its code away; the words are written by pandoc, all of them in one run, with
mathematics as MathML.
"""

import base64
import copy
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from nbconvert.exporters import HTMLExporter
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from lib.core.cache import replacing
from lib.report.render import pandoc, references
from lib.report.render.document import (
    Block,
    Chapter,
    Figure,
    Prose,
    RenderError,
    ReportInfo,
    Table,
    Text,
    resolved_text,
)
from lib.report.render.pandoc import TEMPLATES, Element, Elements

TEMPLATE = "html"
PIXELS_PER_INCH = 96  # CSS
MAGNIFIED = 1.15  # figures are drawn for paper; on a screen their letters are read from further away
SHORT = 24  # characters of a table's cell that are kept on one line
MIMES = {"svg": "image/svg+xml", "png": "image/png"}
_LENGTH = re.compile(r"([\d.]+)\s*(pt|px|in|cm|mm)?")
_INCHES = {"pt": 1 / 72, "in": 1, "cm": 1 / 2.54, "mm": 1 / 25.4, "px": 1 / PIXELS_PER_INCH, None: 1 / PIXELS_PER_INCH}


def write_site(chapters: Sequence[Chapter], info: ReportInfo, folder: Path) -> list[Path]:
    """Writes the pages of a study. The same chapters give the same bytes.

    Args:
        chapters: as `read_chapters` returns them.
        info: what the first page says of the report.
        folder: gets `index.html` and a page for each chapter, named after its notebook; made if missing. The first
            page links to `report.pdf` beside it.

    Returns:
        The files written, `index.html` first.

    Raises:
        RenderError: something in the text cannot be shown, or there is no chapter.
    """
    if not chapters:
        raise RenderError("a report needs at least one notebook")
    folder = Path(folder)
    words = _Words(chapters, info)
    site = {
        "title": info.title,
        "study": info.study,
        "generated": info.generated,
        "css": stylesheet(),
        "pages": [words.page(chapter) for chapter in chapters],
    }
    files = {"index.html": _cover(site, info, words, chapters)}
    exporter = _exporter()
    for index, chapter in enumerate(chapters):
        page = site["pages"][index] | {
            "shown": [words.shown(chapter, block) for block in chapter.blocks],
            "previous": site["pages"][index - 1] if index else None,
            "next": site["pages"][index + 1] if index + 1 < len(chapters) else None,
        }
        resources = {"site": site, "page": page, "metadata": {"name": chapter.stem}}
        files[page["file"]], _ = exporter.from_notebook_node(chapter.notebook, resources=resources)
    for name in [*list(files)[1:], "index.html"]:  # the first page last: it never leads to a page that is not there
        with replacing(folder / name) as temporary:
            temporary.write_text(files[name].rstrip() + "\n", encoding="utf-8")
    return [folder / name for name in files]


def environment() -> jinja2.Environment:
    """Templates of pages that are no notebook."""
    loader = jinja2.FileSystemLoader(TEMPLATES / TEMPLATE)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)


def stylesheet() -> str:
    """The style of every page, with the colours of code."""
    code = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    return (TEMPLATES / TEMPLATE / "report.css").read_text(encoding="utf-8") + code


class _Words:
    """All words of a site as HTML, written by one pandoc and then looked up by the identity of their tree."""

    def __init__(self, chapters: Sequence[Chapter], info: ReportInfo):
        self._asked: list[Any] = []
        self._html: dict[tuple[int, str], str] = {}
        parts: list[Elements] = []
        for chapter in chapters:
            for block in chapter.blocks:
                if isinstance(block, Prose):
                    self._ask(parts, chapter.stem, block.content, block.content)
                if isinstance(block, Table):
                    self._ask(parts, chapter.stem, block.content, [_unbroken(block.content)])
                if isinstance(block, Figure | Table):
                    self._ask(parts, chapter.stem, block.caption, pandoc.paragraph(block.caption))
                    self._ask(parts, "", block.caption, pandoc.paragraph(block.short))
            for title in (chapter.title, *(section.title for section in chapter.sections)):
                self._ask(parts, "", title, pandoc.paragraph(title))
        self.headline = [resolved_text(sentence, chapters, "key results") for sentence in info.headline]
        for sentence in self.headline:
            self._ask(parts, "", sentence, _unwrapped(sentence))
        written = pandoc.write(parts, "html5", "--mathml", "--syntax-highlighting=none")
        for key, html in zip(self._asked, written, strict=True):
            self._html[key] = html

    def _ask(self, parts: list[Elements], stem: str, tree: Any, blocks: Elements) -> None:
        self._asked.append((id(tree), stem))
        parts.append(pandoc.changed(blocks, lambda element: _address(element, stem)))

    def of(self, tree: Any, stem: str = "") -> str:
        """The HTML of a tree as it stands on a page; the empty stem is the first page's."""
        return self._html[id(tree), stem]

    def page(self, chapter: Chapter) -> dict[str, Any]:
        """What other pages know of a chapter's page."""
        return {
            "file": f"{chapter.stem}.html",
            "number": chapter.number,
            "title": self.of(chapter.title),
            "plain_title": pandoc.plain(chapter.title),
            "sections": [{"anchor": each.anchor, "title": self.of(each.title)} for each in chapter.sections],
        }

    def shown(self, chapter: Chapter, block: Block) -> dict[str, Any]:
        """A block as the template needs it."""
        if isinstance(block, Text):
            return {"kind": "text", "text": block.text}
        if isinstance(block, Prose):
            return {"kind": "prose", "html": self.of(block.content, chapter.stem)}
        common = {"label": block.label, "name": block.name, "caption": self.of(block.caption, chapter.stem)}
        if isinstance(block, Table):
            return common | {"kind": "table", "html": self.of(block.content, chapter.stem)}
        width, height = natural_size(block)
        encoded = base64.b64encode(block.image).decode()
        return common | {
            "kind": "figure",
            "source": f"data:{MIMES[block.suffix]};base64,{encoded}",
            "alt": " ".join(block.alt.split()),
            "width": round(width * PIXELS_PER_INCH * MAGNIFIED),
            "height": round(height * PIXELS_PER_INCH * MAGNIFIED),
        }

    def float(self, chapter: Chapter, block: Figure | Table) -> dict[str, str]:
        """A figure or table in the lists on the first page."""
        return {
            "file": f"{chapter.stem}.html",
            "label": block.label,
            "name": block.name,
            "short": self.of(block.caption),
        }


def natural_size(figure: Figure) -> tuple[float, float]:
    """Width and height in inches that a figure was drawn for.

    Raises:
        RenderError: the image is damaged or does not tell.
    """
    try:
        if figure.suffix == "png":
            return _png_size(figure.image)
        tag = re.search(rb"<svg\b[^>]*>", figure.image)[0].decode()
        width, height = (_LENGTH.match(re.search(rf'\b{side}="([^"]*)"', tag)[1]) for side in ("width", "height"))
        return float(width[1]) * _INCHES[width[2]], float(height[1]) * _INCHES[height[2]]
    except (TypeError, ValueError, struct.error, ZeroDivisionError):
        raise RenderError(f"{figure.name} ({figure.label}): not a readable {figure.suffix.upper()} image") from None


def _png_size(image: bytes) -> tuple[float, float]:
    """Width and height of a PNG in inches, by its resolution; at that of a screen if it has none."""
    if not image.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError
    width, height = struct.unpack_from(">II", image, 16)
    place = image.find(b"pHYs", 0, image.find(b"IDAT"))
    if place < 0:
        return width / PIXELS_PER_INCH, height / PIXELS_PER_INCH
    across, down = struct.unpack_from(">II", image, place + 4)  # pixels per metre
    return width / (across * 0.0254), height / (down * 0.0254)


def _exporter() -> HTMLExporter:
    config = Config()
    config.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
    config.TemplateExporter.template_name = TEMPLATE
    return HTMLExporter(config=config)


def _cover(site: dict[str, Any], info: ReportInfo, words: _Words, chapters: Sequence[Chapter]) -> str:
    lists = [
        ("Figures", "figures", [words.float(chapter, each) for chapter in chapters for each in chapter.figures]),
        ("Tables", "tables", [words.float(chapter, each) for chapter in chapters for each in chapter.tables]),
    ]
    headline = [words.of(sentence) for sentence in words.headline]
    return environment().get_template("cover.html.j2").render(site=site, info=info, headline=headline, lists=lists)


def _address(element: Element, stem: str) -> Elements | None:
    """Turns a resolved link into the address of a page."""
    place = references.split(element["c"][2][0]) if element["t"] == "Link" else None
    if place is None:
        return None
    page = "" if place[0] == stem and place[1] else f"{place[0]}.html"
    address = f"{page}#{place[1]}" if place[1] else page
    return [{"t": "Link", "c": [element["c"][0], element["c"][1], [address, ""]]}]


def _unbroken(table: Element) -> Element:
    """A table whose columns of short cells are marked, so that `0.94 to 0.95` is not broken for want of room."""
    table = copy.deepcopy(table)
    rows = [row for body in table["c"][4] for row in body[3]]
    for cells in zip(*(row[1] for row in rows), strict=True):
        if max(len(pandoc.plain(cell[4])) for cell in cells) <= SHORT:
            for cell in cells:
                cell[0][1].append("short")
    return table


def _unwrapped(blocks: Elements) -> Elements:
    """One paragraph without its tags, more than one as they are."""
    return pandoc.paragraph(blocks[0]["c"]) if len(blocks) == 1 and blocks[0]["t"] == "Para" else blocks
