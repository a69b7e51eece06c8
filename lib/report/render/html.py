"""Write the web pages of a study: a first page and one page for each chapter, without scripts, readable offline.

nbconvert writes each notebook with its code behind a switch; pandoc writes all texts in one run, with mathematics as
MathML. Figures are files in `images/`, and each links to its file: a browser opens a file at its full size, but refuses
to open an image that is part of a page. The PDF is the report as one file.
"""

import copy
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from nbconvert.exporters import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from lib.core.cache import replacing
from lib.presentation.pages import digest
from lib.report.render import links, pandoc, sources
from lib.report.render.document import parse_outside
from lib.report.render.model import APPENDIX, Block, Chapter, Figure, Prose, RenderError, ReportInfo, Table, Text
from lib.report.render.pandoc import TEMPLATES, Element, Elements

TEMPLATE = "html"
COVER_PICTURE = "images/cover.svg"
PIXELS_PER_INCH = 96  # CSS
MAGNIFICATION = 1.3  # figures are drawn for paper; a screen is read from further away
LONG = 40  # characters; a longer word is broken where its cell ends
SHORT = 24  # characters; a column of cells up to this long is not broken into lines
CARDS = 5  # columns; a table with this many or more becomes a list of cards on a phone
DARK = "screen and (prefers-color-scheme: dark)"  # paper stays white
_LENGTH = re.compile(r"([\d.]+)\s*(pt|px|in|cm|mm)?")
_INCHES = {"pt": 1 / 72, "in": 1, "cm": 1 / 2.54, "mm": 1 / 25.4, "px": 1 / PIXELS_PER_INCH, None: 1 / PIXELS_PER_INCH}


def write_site(chapters: Sequence[Chapter], info: ReportInfo, folder: Path, explorer: bool = False) -> list[Path]:
    """Write the pages of a study. The same chapters give the same bytes.

    Args:
        chapters: as `read_chapters` returns them.
        info: what the first page says of the report.
        folder: takes `index.html`, a page for each chapter, named after its notebook, and their figures in `images/`;
            made if missing. The pages link to `report.pdf` (unless there is no PDF), `run/` and
            `notebooks/` beside them.
        explorer: whether `explorer.html` is beside them too.

    Returns:
        The files written, `index.html` first.

    Raises:
        RenderError: something in the text cannot be shown, or there is no chapter.
    """
    if not chapters:
        raise RenderError("a report needs at least one notebook")
    folder = Path(folder)
    texts = _Texts(chapters, info)
    finished = sum(chapter.stem != APPENDIX for chapter in chapters)
    counted = finished + info.to_come
    site = frame(info.title) | {
        "kind": info.kind,
        "study": info.study,
        "generated": info.generated,
        "explorer": explorer,
        "pdf": not (info.pdf_problem or info.to_come),
        "unfinished": f"This report has {finished} of {counted} chapters so far." if info.to_come else "",
        "pages": [texts.page(chapter, counted) for chapter in chapters],
    }
    files: dict[str, str | bytes] = {"index.html": _cover(site, info, texts, chapters)}
    exporter = _exporter()
    for index, chapter in enumerate(chapters):
        page = site["pages"][index] | {
            "blocks": [texts.block(chapter, block) for block in chapter.blocks],
            "previous": site["pages"][index - 1] if index else None,
            "next": site["pages"][index + 1] if index + 1 < len(chapters) else None,
        }
        resources = {"site": site, "page": page, "metadata": {"name": chapter.stem}}
        files[page["file"]], _ = exporter.from_notebook_node(chapter.notebook, resources=resources)
        files |= {_image_file(figure): figure.image for figure in chapter.figures}
    if info.memo.picture:
        files[COVER_PICTURE] = info.memo.picture.image
    for name in [*list(files)[1:], "index.html"]:  # the first page last: it links to the others
        content = files[name]
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content if isinstance(content, bytes) else f"{content.rstrip()}\n".encode())
    return [folder / name for name in files]


def frame(title: str) -> dict[str, Any]:
    """What the head of every page needs: its title, the style sheet, and the policy that allows just that."""
    css = stylesheet()
    policy = f"default-src 'none'; style-src '{digest(css)}'; img-src 'self'; base-uri 'none'; form-action 'none'"
    return {"title": title, "css": css, "policy": policy}


def environment() -> jinja2.Environment:
    """Jinja templates of pages that are not notebooks."""
    loader = jinja2.FileSystemLoader(TEMPLATES / TEMPLATE)
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)


def stylesheet() -> str:
    """The style sheet of every page, with colours of code that can be read on its background."""
    light, dark = (HtmlFormatter(style=style, nobackground=True) for style in ("xcode", "github-dark"))
    css = (TEMPLATES / TEMPLATE / "report.css").read_text(encoding="utf-8")
    return f"{css}{light.get_style_defs('.highlight')}\n@media {DARK} {{\n{dark.get_style_defs('.highlight')}\n}}"


class _Texts:
    """All texts of a site as HTML, written by one run of pandoc and then looked up by the identity of their tree."""

    def __init__(self, chapters: Sequence[Chapter], info: ReportInfo):
        self._parts: dict[tuple[int, str], Elements] = {}
        for chapter in chapters:
            counts = [0, 0]  # of sections, and of those below the last one
            for block in chapter.blocks:
                if isinstance(block, Prose):
                    numbered = _number_headings(block.content, chapter.numeral, counts)
                    self._add(chapter.stem, block.content, pandoc.replace(numbered, _prepare_table_in_text))
                if isinstance(block, Table):
                    self._add(chapter.stem, block.content, [_prepare_table(block.content)])
                if isinstance(block, Figure | Table):
                    self._add(chapter.stem, block.caption, pandoc.paragraph(block.caption))
                    self._add("", block.caption, pandoc.paragraph(block.short_caption))
            for title in (chapter.title, *(section.title for section in chapter.sections)):
                self._add("", title, pandoc.paragraph(title))
        memo = info.memo
        caption = (memo.picture.caption,) if memo.picture else ()
        texts = (memo.answer, memo.in_use, *caption, *memo.warnings, *memo.next_steps)
        sentences = dict(zip(texts, parse_outside(texts, chapters, "the first page", info.origin), strict=True))
        for sentence in sentences.values():
            self._add("", sentence, _unwrap(sentence))
        written = pandoc.write(list(self._parts.values()), "html5", "--mathml", "--syntax-highlighting=none")
        finished = [sources.written(_finish(text), info.metrics) for text in written]
        self._html = dict(zip(self._parts, finished, strict=True))
        self.memo = {sentence: self.html(tree) for sentence, tree in sentences.items()}

    def _add(self, stem: str, tree: Any, blocks: Elements) -> None:
        self._parts[id(tree), stem] = pandoc.replace(blocks, lambda element: _replace_link(element, stem))

    def html(self, tree: Any, stem: str = "") -> str:
        """The HTML of a tree on a chapter's page; the empty stem is the first page's."""
        return self._html[id(tree), stem]

    def page(self, chapter: Chapter, counted: int) -> dict[str, Any]:
        """A chapter's page as the templates of all pages need it."""
        appendix = chapter.stem == APPENDIX
        executed = any(cell.cell_type == "code" and cell.source for cell in chapter.notebook.cells)
        return {
            "file": f"{chapter.stem}.html",
            "numeral": chapter.numeral,
            "place": "Appendix" if appendix else f"Chapter {chapter.numeral} of {counted}",
            "title": self.html(chapter.title),
            "plain_title": pandoc.plain(chapter.title),
            "notebook": f"notebooks/{chapter.stem}.ipynb" if executed else "",
            "sections": [
                {"anchor": section.anchor, "numeral": f"{chapter.numeral}.{count}", "title": self.html(section.title)}
                for count, section in enumerate(chapter.sections, start=1)
            ],
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
        return common | {"kind": "figure"} | _image(_image_file(block), block.alt, natural_size(block))

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
        return (_png_size if figure.suffix == "png" else _svg_size)(figure.image)
    except (TypeError, ValueError, struct.error, ZeroDivisionError):
        raise RenderError(f"{figure.name} ({figure.label}): not a readable {figure.suffix.upper()} image") from None


def _image_file(figure: Figure) -> str:
    return f"images/{figure.label}.{figure.suffix}"


def _image(source: str, alt: str, size: tuple[float, float]) -> dict[str, Any]:
    """An image as the templates need it."""
    width, height = (round(side * PIXELS_PER_INCH * MAGNIFICATION) for side in size)
    return {"source": source, "alt": " ".join(alt.split()), "width": width, "height": height}


def _svg_size(image: bytes) -> tuple[float, float]:
    """Width and height of an SVG in inches."""
    tag = re.search(rb"<svg\b[^>]*>", image)[0].decode()
    width, height = (_LENGTH.match(re.search(rf'\b{side}="([^"]*)"', tag)[1]) for side in ("width", "height"))
    return float(width[1]) * _INCHES[width[2]], float(height[1]) * _INCHES[height[2]]


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


class _Exporter(HTMLExporter):
    """nbconvert's exporter without its last step: to parse the page, and add what our templates have already.

    That is texts for images without one, and places for the keyboard. It takes a third of the time of a page.
    """

    def from_notebook_node(self, nb, resources=None, **options):
        """The page of a notebook, and the resources."""
        resources = self._init_resources(resources)
        code = Highlight2HTML(pygments_lexer="ipython3", parent=self)
        types = WidgetsDataTypeFilter(notebook_metadata=self._nb_metadata, parent=self, resources=resources)
        self.register_filter("highlight_code", code)
        self.register_filter("filter_data_type", types)
        return TemplateExporter.from_notebook_node(self, nb, resources, **options)


def _exporter() -> HTMLExporter:
    config = Config()
    config.TemplateExporter.extra_template_basedirs = [str(TEMPLATES)]
    config.TemplateExporter.template_name = TEMPLATE
    return _Exporter(config=config)


def _cover(site: dict[str, Any], info: ReportInfo, texts: _Texts, chapters: Sequence[Chapter]) -> str:
    lists = [
        ("Figures", [texts.entry(chapter, figure) for chapter in chapters for figure in chapter.figures]),
        ("Tables", [texts.entry(chapter, table) for chapter in chapters for table in chapter.tables]),
    ]
    memo = info.memo
    picture = _image(COVER_PICTURE, memo.picture.alt, _svg_size(memo.picture.image)) if memo.picture else None
    cover = environment().get_template("cover.html.j2")

    def sourced(text: str, origin: str = info.origin) -> str:
        return sources.plain_text(text, origin, info.metrics)

    return cover.render(site=site, info=info, memo=memo, text=texts.memo, picture=picture, lists=lists, sourced=sourced)


def _replace_link(element: Element, stem: str) -> Elements | None:
    """A resolved link as one to the address of a page or a file; None for other elements."""
    if element["t"] != "Link":
        return None
    address, target = links.address(element["c"][2][0]), links.split(element["c"][2][0])
    if target is not None:
        chapter, anchor = target
        page = "" if chapter == stem and anchor else f"{chapter}.html"
        address = f"{page}#{anchor}" if anchor else page
    if address is None:
        return None
    return [{"t": "Link", "c": [element["c"][0], element["c"][1], [address, ""]]}]


def _number_headings(content: Elements, numeral: str, counts: list[int]) -> Elements:
    """Blocks with numbered headings, such as `3.1`, as in the PDF; `counts` goes on from block to block."""

    def change(element: Element) -> Elements | None:
        if element["t"] != "Header" or element["c"][0] not in (2, 3):
            return None
        level, attributes, title = element["c"]
        counts[:] = [counts[0] + 1, 0] if level == 2 else [counts[0], counts[1] + 1]
        number = ".".join([numeral, *map(str, counts[: level - 1])])
        span = {"t": "Span", "c": [["", ["numeral"], []], [{"t": "Str", "c": number}]]}
        return [{"t": "Header", "c": [level, attributes, [span, {"t": "Space"}, *title]]}]

    return pandoc.replace(content, change)


def _prepare_table(table: Element) -> Element:
    """A copy of a table with row and column headers, and with classes in place of styles.

    Columns of short cells get a class of their own, so that `0.94 to 0.95` is not broken into lines. Cells carry the
    header of their column, which the style sheet shows where a row is a card.
    """
    table = copy.deepcopy(table)
    attributes, _, columns, (_, head), bodies, _ = table["c"]
    if len(columns) >= CARDS:
        attributes[1].append("cards")
    classes = [["number"] if column[0]["t"] == "AlignRight" else [] for column in columns]
    columns[:] = [[{"t": "AlignDefault"}, {"t": "ColWidthDefault"}] for _ in columns]
    rows = [row[1] for body in bodies for row in body[3]]
    for index, cells in enumerate(zip(*rows, strict=True)):
        if max(len(pandoc.plain(cell[4])) for cell in cells) <= SHORT:
            classes[index].append("short")
        elif any(len(word) > LONG for cell in cells for word in pandoc.plain(cell[4]).split()):
            classes[index].append("long")
    labels = [pandoc.plain(cell[4]) for cell in head[-1][1]] if head else [""] * len(columns)
    for cells in [*(row[1] for row in head), *rows]:
        for cell, names in zip(cells, classes, strict=True):
            cell[0][1].extend(names)
    for row in head:
        for cell in row[1]:
            cell[0][2].append(["scope", "col"])
    for cells in rows:
        for cell, label in zip(cells[1:], labels[1:], strict=True):
            cell[0][2].append(["data-label", label])
            cell[4] = [{"t": "Div", "c": [["", [], []], cell[4]]}]  # one box, beside its label on a card
    if all(pandoc.plain(cells[0][4]) for cells in rows):
        for cells in rows:
            cells[0][0][2].append(["scope", "row"])
        for body in bodies:
            body[1] = 1  # columns of row headers
    return table


def _prepare_table_in_text(element: Element) -> Elements | None:
    """A table in running text in a box that scrolls; None for other elements."""
    if element["t"] != "Table":
        return None
    tags = ('<div class="scroll" tabindex="0" role="group" aria-label="Table">', "</div>")
    before, after = ({"t": "RawBlock", "c": ["html", tag]} for tag in tags)
    return [before, _prepare_table(element), after]


def _finish(html: str) -> str:
    """Pandoc's HTML without styles in its mathematics, which the policy forbids, and with formulas to tab to."""
    html = re.sub(r'(<m[a-z]+\b[^>]*?) style="[^"]*"', r"\1", html)
    return html.replace('<math display="block"', '<math display="block" tabindex="0"')


def _unwrap(blocks: Elements) -> Elements:
    """A single paragraph without its tags, other blocks as they are."""
    return pandoc.paragraph(blocks[0]["c"]) if len(blocks) == 1 and blocks[0]["t"] == "Para" else blocks
