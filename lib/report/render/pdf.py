"""Write the PDF of a study: cover, contents, lists and chapters, typeset by Typst and checked as PDF/UA-1.

pandoc writes the text as Typst markup. Its own writer loses alternative texts and column widths, so figures, tables,
headings, links and formulas are written here, as calls of the functions in style.typ. Typst and its fonts come with
its Python package, so the same chapters give the same bytes on every machine.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from lib.core.cache import replacing
from lib.report.render import links, pandoc, placement, tabular
from lib.report.render.document import parse_outside
from lib.report.render.model import Block, Chapter, Figure, Prose, RenderError, ReportInfo, Table
from lib.report.render.pandoc import TEMPLATES, Element, Elements, raw

BODY = "body.typ"
PLACEMENT = "placement.json"
PLACE = "//@ "  # begins a comment that names the notebook and cell of the lines below


def write_pdf(chapters: Sequence[Chapter], info: ReportInfo, path: Path) -> None:
    """Write the report as one PDF/UA-1 document. The same chapters give the same bytes.

    Args:
        chapters: as `read_chapters` returns them.
        info: what the cover says.
        path: the PDF to write.

    Raises:
        RenderError: Typst reported an error or a warning, such as a character that no font has.
    """
    if not chapters:
        raise RenderError("a report needs at least one notebook")
    with tempfile.TemporaryDirectory(prefix="report-") as temporary:
        folder = Path(temporary)
        write_source(chapters, info, folder)
        pdf = _compile(folder, chapters, info)
    with replacing(Path(path)) as target:
        target.write_bytes(pdf)


def write_source(chapters: Sequence[Chapter], info: ReportInfo, folder: Path) -> None:
    """Write everything that Typst reads: templates, `info.json`, `headline.typ`, `body.typ` and the images.

    Args:
        chapters: of the report.
        info: what the cover says.
        folder: an empty folder.
    """
    for template in sorted((TEMPLATES / "pdf").glob("*.typ")):
        shutil.copyfile(template, folder / template.name)
    date = _date(info)
    cover = {
        "title": info.title,
        "description": info.description,
        "study": info.study,
        "notice": info.notice,
        "generated": info.generated,
        "date": [date.year, date.month, date.day],
        "facts": [list(fact) for fact in info.facts],
        "headline": bool(info.headline),
        "figures": any(chapter.figures for chapter in chapters),
        "tables": any(chapter.tables for chapter in chapters),
    }
    (folder / "info.json").write_text(json.dumps(cover, ensure_ascii=False), encoding="utf-8")
    sentences = [parse_outside(sentence, chapters, "key results") for sentence in info.headline]
    headline = [{"t": "BulletList", "c": sentences}] if sentences else []
    for chapter in chapters:
        for figure in chapter.figures:
            (folder / _file_name(figure)).write_bytes(figure.image)
    parts = [_typst(headline, ""), *(_body(chapter) for chapter in chapters)]
    written = pandoc.write(parts, "typst", "--syntax-highlighting=idiomatic")
    for name, text in (("headline.typ", written[0]), (BODY, "\n\n#next-chapter\n\n".join(written[1:]))):
        (folder / name).write_text(f'#import "style.typ": *\n\n{text}\n', encoding="utf-8")
    (folder / PLACEMENT).write_text("{}", encoding="utf-8")


def quoted(text: str) -> str:
    """A text as a Typst string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "    ")
    return f'"{escaped}"'


def _date(info: ReportInfo) -> datetime:
    try:
        return datetime.fromisoformat(info.generated).replace(tzinfo=UTC)
    except ValueError:
        raise RenderError(f"generated {info.generated!r} is not a date as in 2026-11-23") from None


def _compile(folder: Path, chapters: Sequence[Chapter], info: ReportInfo) -> bytes:
    """Lay the report out until its figures are placed, then write the PDF."""
    compiler = typst.Compiler(str(folder / "main.typ"), root=str(folder), ignore_system_fonts=True)

    def lay_out(placements: placement.Placements) -> placement.Marks:
        (folder / PLACEMENT).write_text(json.dumps(placements), encoding="utf-8")
        return json.loads(compiler.query("<places>", field="value", one=True))

    labels = [[block.label for block in chapter.blocks if isinstance(block, Figure | Table)] for chapter in chapters]
    images = {figure.label for chapter in chapters for figure in chapter.figures}
    try:
        placement.place(labels, images, lay_out)
        pdf, warnings = compiler.compile_with_warnings(
            format="pdf", pdf_standards=["ua-1"], timestamp=int(_date(info).timestamp())
        )
    except typst.TypstError as error:
        raise RenderError(_problem(error, folder)) from None
    if warnings:
        raise RenderError(_problem(warnings[0], folder))
    return pdf


def _problem(error: Any, folder: Path) -> str:
    """Typst's message on one line, after the notebook and cell that it is about."""
    message = " ".join(str(getattr(error, "message", None) or error).split())
    position = re.search(r"body\.typ:(\d+)", getattr(error, "diagnostic", None) or "")
    if position is None:
        return f"PDF: {message}"
    lines = (folder / BODY).read_text(encoding="utf-8").splitlines()[: int(position[1])]
    places = [line.removeprefix(PLACE) for line in lines if line.startswith(PLACE)]
    return f"{places[-1] if places else 'PDF'}: {message}"


def _body(chapter: Chapter) -> Elements:
    """A chapter as blocks for pandoc's Typst writer; a comment before each block names its place."""
    blocks = []
    for block, place in zip(chapter.blocks, chapter.places, strict=True):
        blocks += [{"t": "RawBlock", "c": ["typst", f"{PLACE}{place}"]}, *_blocks(block)]
    return _typst(blocks, chapter.stem)


def _blocks(block: Block) -> Elements:
    if isinstance(block, Prose):
        return pandoc.replace(block.content, _mark_paragraph)
    if isinstance(block, Figure):
        alt = quoted(" ".join(block.alt.split()))
        arguments = f"{quoted(block.label)}, {quoted(_file_name(block))}, {alt}, {block.number}"
        return pandoc.paragraph([raw("typst", f"#report-figure({arguments}, ["), *_captions(block), raw("typst", "])")])
    if isinstance(block, Table):
        layout = tabular.layout(block.content)
        arguments = f"{quoted(block.label)}, {block.number}, {'true' if layout.breakable else 'false'}"
        opening = raw("typst", f"#captioned-table({arguments}, [")
        table = [raw("typst", "], "), *tabular.call(layout, _mark(block.label)), raw("typst", ")")]
        return pandoc.paragraph([opening, *_captions(block), *table])
    return [{"t": "RawBlock", "c": ["typst", f"#printed({quoted(block.text)})"]}]


def _file_name(figure: Figure) -> str:
    return f"{figure.label}.{figure.suffix}"


def _captions(block: Figure | Table) -> Elements:
    """The short caption and the whole one, as two arguments."""
    return [*block.short_caption, raw("typst", "], ["), *block.caption]


def _mark_paragraph(element: Element) -> Elements | None:
    """A paragraph with a mark before its last word; Typst would move a mark after it to the next block."""
    if element["t"] not in ("Para", "Plain"):
        return None
    return [{"t": element["t"], "c": [*element["c"][:-1], _mark(""), *element["c"][-1:]]}]


def _mark(label: str) -> Element:
    return raw("typst", f"#mark({quoted(label)});")


def _typst(blocks: Elements, stem: str) -> Elements:
    """Blocks with headings, links, tables and formulas as Typst takes them; `stem` is the chapter they belong to."""
    return pandoc.replace(blocks, lambda element: _replace(element, stem))


def _replace(element: Element, stem: str) -> Elements | None:
    kind, content = element["t"], element.get("c")
    if kind == "Header":
        level, attributes, inlines = content
        heading = {"t": "Header", "c": [level, [f"{stem}--{attributes[0]}", [], []], inlines]}
        anchor = {"t": "RawBlock", "c": ["typst", f"#metadata(none) <{stem}>"]}
        return [heading, anchor] if level == 1 else [heading]
    if kind == "Link":
        target = links.split(content[2][0])
        return None if target is None else [{"t": "Link", "c": [*content[:2], [f"#{_label(*target)}", ""]]}]
    if kind == "Math":  # PDF/UA requires a description of every formula: its TeX
        block = "true" if content[0]["t"] == "DisplayMath" else "false"
        alt = quoted(" ".join(content[1].split()))
        return [raw("typst", f"#math.equation(alt: {alt}, block: {block}, "), element, raw("typst", ")")]
    if kind == "Table":
        return pandoc.paragraph([raw("typst", "#"), *tabular.call(tabular.layout(element))])
    return None


def _label(stem: str, anchor: str) -> str:
    if not anchor:
        return stem
    return anchor if re.match(r"(fig|tab)-", anchor) else f"{stem}--{anchor}"
