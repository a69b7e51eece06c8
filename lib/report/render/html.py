"""Write the web pages of a study: a first page and one page for each chapter, without scripts, readable offline.

nbconvert writes each notebook with its code folded; pandoc writes all texts in one run, with mathematics as MathML.
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
from lib.report.render import links, pandoc
from lib.report.render.document import parse_outside
from lib.report.render.model import Block, Chapter, Figure, Prose, RenderError, ReportInfo, Table, Text
from lib.report.render.pandoc import TEMPLATES, Element, Elements

TEMPLATE = "html"
PIXELS_PER_INCH = 96  # CSS
MAGNIFICATION = 1.15  # figures are drawn for paper; a screen is read from further away
SHORT = 24  # characters; a column of cells up to this long is not broken into lines
MIMES = {"svg": "image/svg+xml", "png": "image/png"}
_LENGTH = re.compile(r"([\d.]+)\s*(pt|px|in|cm|mm)?")
_INCHES = {"pt": 1 / 72, "in": 1, "cm": 1 / 2.54, "mm": 1 / 25.4, "px": 1 / PIXELS_PER_INCH, None: 1 / PIXELS_PER_INCH}


def write_site(chapters: Sequence[Chapter], info: ReportInfo, folder: Path) -> list[Path]:
    """Write the pages of a study. The same chapters give the same bytes.

    Args:
        chapters: as `read_chapters` returns them.
        info: what the first page says of the report.
        folder: takes `index.html` and a page for each chapter, named after its notebook; made if missing. The first
            page links to `report.pdf` beside it.

    Returns:
        The files written, `index.html` first.

    Raises:
        RenderError: something in the text cannot be shown, or there is no chapter.
    """
    if not chapters:
        raise RenderError("a report needs at least one notebook")
    folder = Path(folder)
    texts = _Texts(chapters, info)
    site = {
        "title": info.title,
        "study": info.study,
        "generated": info.generated,
        "css": stylesheet(),
        "pages": [texts.page(chapter) for chapter in chapters],
    }
    files = {"index.html": _cover(site, info, texts, chapters)}
    exporter = _exporter()
    for index, chapter in enumerate(chapters):
        page = site["pages"][index] | {
            "blocks": [texts.block(chapter, block) for block in chapter.blocks],
            "previous": site["pages"][index - 1] if index else None,
            "next": site["pages"][index + 1] if index + 1 < len(chapters) else None,
        }
        resources = {"site": site, "page": page, "metadata": {"name": chapter.stem}}
        files[page["file"]], _ = exporter.from_notebook_node(chapter.notebook, resources=resources)
    for name in [*list(files)[1:], "index.html"]:  # the first page last: it links to the others
        with replacing(folder / name) as temporary:
            temporary.write_text(files[name].rstrip() + "\n", encoding="utf-8")
    return [folder / name for name in files]


def environment() -> jinja2.Environment:
    """Jinja templates of pages that are not notebooks."""
    loader = jinja2.FileSystemLoader(TEMPLATES / TEMPLATE)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)


def stylesheet() -> str:
    """The style sheet of every page, with the colours of code."""
    code = HtmlFormatter(style="default", nobackground=True).get_style_defs(".highlight")
    return (TEMPLATES / TEMPLATE / "report.css").read_text(encoding="utf-8") + code


class _Texts:
    """All texts of a site as HTML, written by one run of pandoc and then looked up by the identity of their tree."""

    def __init__(self, chapters: Sequence[Chapter], info: ReportInfo):
        self._parts: dict[tuple[int, str], Elements] = {}
        for chapter in chapters:
            for block in chapter.blocks:
                if isinstance(block, Prose):
                    self._add(chapter.stem, block.content, block.content)
                if isinstance(block, Table):
                    self._add(chapter.stem, block.content, [_mark_short_columns(block.content)])
                if isinstance(block, Figure | Table):
                    self._add(chapter.stem, block.caption, pandoc.paragraph(block.caption))
                    self._add("", block.caption, pandoc.paragraph(block.short_caption))
            for title in (chapter.title, *(section.title for section in chapter.sections)):
                self._add("", title, pandoc.paragraph(title))
        headline = [parse_outside(sentence, chapters, "key results") for sentence in info.headline]
        for sentence in headline:
            self._add("", sentence, _unwrap(sentence))
        written = pandoc.write(list(self._parts.values()), "html5", "--mathml", "--syntax-highlighting=none")
        self._html = dict(zip(self._parts, written, strict=True))
        self.headline = [self.html(sentence) for sentence in headline]

    def _add(self, stem: str, tree: Any, blocks: Elements) -> None:
        self._parts[id(tree), stem] = pandoc.replace(blocks, lambda element: _replace_link(element, stem))

    def html(self, tree: Any, stem: str = "") -> str:
        """The HTML of a tree on a chapter's page; the empty stem is the first page's."""
        return self._html[id(tree), stem]

    def page(self, chapter: Chapter) -> dict[str, Any]:
        """A chapter's page as the templates of all pages need it."""
        return {
            "file": f"{chapter.stem}.html",
            "number": chapter.number,
            "title": self.html(chapter.title),
            "plain_title": pandoc.plain(chapter.title),
            "sections": [{"anchor": section.anchor, "title": self.html(section.title)} for section in chapter.sections],
        }

    def block(self, chapter: Chapter, block: Block) -> dict[str, Any]:
        """A block as the template of a chapter needs it."""
        if isinstance(block, Text):
            return {"kind": "text", "text": block.text}
        if isinstance(block, Prose):
            return {"kind": "prose", "html": self.html(block.content, chapter.stem)}
        common = {"label": block.label, "name": block.name, "caption": self.html(block.caption, chapter.stem)}
        if isinstance(block, Table):
            return common | {"kind": "table", "html": self.html(block.content, chapter.stem)}
        width, height = natural_size(block)
        encoded = base64.b64encode(block.image).decode()
        return common | {
            "kind": "figure",
            "source": f"data:{MIMES[block.suffix]};base64,{encoded}",
            "alt": " ".join(block.alt.split()),
            "width": round(width * PIXELS_PER_INCH * MAGNIFICATION),
            "height": round(height * PIXELS_PER_INCH * MAGNIFICATION),
        }

    def entry(self, chapter: Chapter, block: Figure | Table) -> dict[str, str]:
        """A figure or table in the lists on the first page."""
        page = f"{chapter.stem}.html"
        return {"file": page, "label": block.label, "name": block.name, "caption": self.html(block.caption)}


def natural_size(figure: Figure) -> tuple[float, float]:
    """Width and height in inches that a figure was drawn for.

    Raises:
        RenderError: the image is damaged or states no size.
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
    """Width and height of a PNG in inches, by its resolution; by that of a screen if it states none."""
    if not image.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError
    width, height = struct.unpack_from(">II", image, 16)
    position = image.find(b"pHYs", 0, image.find(b"IDAT"))
    if position < 0:
        return width / PIXELS_PER_INCH, height / PIXELS_PER_INCH
    across, down = struct.unpack_from(">II", image, position + 4)  # pixels per metre
    return width / (across * 0.0254), height / (down * 0.0254)


def _exporter() -> HTMLExporter:
    config = Config()
    config.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
    config.TemplateExporter.template_name = TEMPLATE
    return HTMLExporter(config=config)


def _cover(site: dict[str, Any], info: ReportInfo, texts: _Texts, chapters: Sequence[Chapter]) -> str:
    lists = [
        ("Figures", "figures", [texts.entry(chapter, figure) for chapter in chapters for figure in chapter.figures]),
        ("Tables", "tables", [texts.entry(chapter, table) for chapter in chapters for table in chapter.tables]),
    ]
    cover = environment().get_template("cover.html.j2")
    return cover.render(site=site, info=info, headline=texts.headline, lists=lists)


def _replace_link(element: Element, stem: str) -> Elements | None:
    """A resolved link as one to the address of a page; None for other elements."""
    target = links.split(element["c"][2][0]) if element["t"] == "Link" else None
    if target is None:
        return None
    chapter, anchor = target
    page = "" if chapter == stem and anchor else f"{chapter}.html"
    address = f"{page}#{anchor}" if anchor else page
    return [{"t": "Link", "c": [element["c"][0], element["c"][1], [address, ""]]}]


def _mark_short_columns(table: Element) -> Element:
    """A copy of a table with a class on columns of short cells, so that `0.94 to 0.95` is not broken into lines."""
    table = copy.deepcopy(table)
    rows = [row for body in table["c"][4] for row in body[3]]
    for cells in zip(*(row[1] for row in rows), strict=True):
        if max(len(pandoc.plain(cell[4])) for cell in cells) <= SHORT:
            for cell in cells:
                cell[0][1].append("short")
    return table


def _unwrap(blocks: Elements) -> Elements:
    """A single paragraph without its tags, other blocks as they are."""
    return pandoc.paragraph(blocks[0]["c"]) if len(blocks) == 1 and blocks[0]["t"] == "Para" else blocks
