"""The PDF of a study: one document with cover, contents and lists, set by Typst and checked as PDF/UA-1.

pandoc writes the words as Typst; this module puts figures and tables around them. Typst and its fonts come with its
Python package, so the same chapters give the same bytes on every machine.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from lib.cache import replacing
from lib.report import pandoc, references
from lib.report.document import Block, Chapter, Figure, Prose, RenderError, ReportInfo, Table, resolved_text
from lib.report.html import first_sentence
from lib.report.pandoc import TEMPLATES, Element, Elements, raw

LINE = 98  # characters of a table's letters on a line of text
BETWEEN = 2.6  # the space between two columns, in characters
LONG = 26  # a cell with more characters may be broken into lines
WHOLE = 18  # a table with more rows may go over pages


def write_pdf(chapters: Sequence[Chapter], info: ReportInfo, path: Path) -> None:
    """Writes the report as one PDF/UA-1 document. The same chapters give the same bytes.

    Args:
        chapters: as `read_chapters` returns them.
        info: what the cover says.
        path: the PDF to write.

    Raises:
        RenderError: Typst refused or warned: a letter that no font has, say.
    """
    if not chapters:
        raise RenderError("a report needs at least one notebook")
    with tempfile.TemporaryDirectory(prefix="report-") as temporary:
        folder = Path(temporary)
        lay_out(chapters, info, folder)
        pdf = _compile(folder, info)
    with replacing(Path(path)) as target:
        target.write_bytes(pdf)


def lay_out(chapters: Sequence[Chapter], info: ReportInfo, folder: Path) -> None:
    """Writes all that Typst reads: `main.typ` and its style, `info.json`, `headline.typ`, `body.typ` and the images.

    Args:
        chapters: of the report.
        info: what the cover says.
        folder: an empty folder.
    """
    for template in sorted((TEMPLATES / "pdf").glob("*.typ")):
        shutil.copyfile(template, folder / template.name)
    made = _date(info)
    facts = {
        "title": info.title,
        "description": info.description,
        "study": info.study,
        "notice": info.notice,
        "generated": info.generated,
        "date": [made.year, made.month, made.day],
        "facts": [list(fact) for fact in info.facts],
        "headline": bool(info.headline),
        "figures": any(chapter.figures for chapter in chapters),
        "tables": any(chapter.tables for chapter in chapters),
    }
    (folder / "info.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    sentences = [resolved_text(sentence, chapters, "key results") for sentence in info.headline]
    headline = [{"t": "BulletList", "c": sentences}] if sentences else []
    parts = [_typst(headline, chapters[0].stem)]
    for chapter in chapters:
        blocks = [element for block in chapter.blocks for element in _blocks(block)]
        parts.append(_typst(blocks, chapter.stem))
        for figure in chapter.figures:
            (folder / _file(figure)).write_bytes(figure.image)
    written = pandoc.write(parts, "typst", "--syntax-highlighting=idiomatic")
    for name, text in (("headline.typ", written[0]), ("body.typ", "\n\n#next-chapter\n\n".join(written[1:]))):
        (folder / name).write_text(f'#import "style.typ": *\n\n{text}\n', encoding="utf-8")


def quoted(text: str) -> str:
    """A text as a Typst string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "    ")
    return f'"{escaped}"'


def _date(info: ReportInfo) -> datetime:
    try:
        return datetime.fromisoformat(info.generated).replace(tzinfo=UTC)
    except ValueError:
        raise RenderError(f"generated {info.generated!r} is not a date as in 2026-11-23") from None


def _compile(folder: Path, info: ReportInfo) -> bytes:
    compiler = typst.Compiler(str(folder / "main.typ"), root=str(folder), ignore_system_fonts=True)
    try:
        pdf, warnings = compiler.compile_with_warnings(
            format="pdf", pdf_standards=["ua-1"], timestamp=int(_date(info).timestamp())
        )
    except typst.TypstError as error:
        raise RenderError(f"PDF: {_said(error)}") from None
    if warnings:
        raise RenderError(f"PDF: {_said(warnings[0])}")
    return pdf


def _said(error: Any) -> str:
    hints = " ".join(f"({hint})" for hint in getattr(error, "hints", None) or [])
    return " ".join(f"{getattr(error, 'message', None) or error} {hints}".split())


def _blocks(block: Block) -> Elements:
    """A block of a chapter as pandoc's, with what pandoc's own Typst would lose written by us."""
    if isinstance(block, Prose):
        return block.content
    if isinstance(block, Figure):
        alt = " ".join(block.alt.split())
        opening = f"#report-figure({quoted(_file(block))}, {quoted(alt)}, {block.number}, ["
        return [_line([raw("typst", opening), *_captions(block), raw("typst", f"]) <{block.label}>")])]
    if isinstance(block, Table):
        rows = len(_rows(block.content)[1])
        opening = f"#captioned-table({block.number}, {'true' if rows > WHOLE else 'false'}, ["
        body = [raw("typst", "], "), *_table(block.content), raw("typst", f") <{block.label}>")]
        return [_line([raw("typst", opening), *_captions(block), *body])]
    return [{"t": "RawBlock", "c": ["typst", f"#printed({quoted(block.text)})"]}]


def _line(inlines: Elements) -> Element:
    return {"t": "Plain", "c": inlines}


def _captions(block: Figure | Table) -> Elements:
    """The short caption and the whole one."""
    return [*first_sentence(block.caption), raw("typst", "], ["), *block.caption]


def _file(figure: Figure) -> str:
    return f"{figure.label}.{figure.suffix}"


def _typst(blocks: Elements, stem: str) -> Elements:
    """Blocks whose links, headings, tables and mathematics are ready for pandoc's Typst writer."""
    return pandoc.changed(blocks, lambda element: _change(element, stem))


def _change(element: Element, stem: str) -> Elements | None:
    kind, content = element["t"], element.get("c")
    if kind == "Header":
        level, attributes, inlines = content
        anchor = {"t": "RawBlock", "c": ["typst", f"#metadata(none) <{stem}>"]}
        heading = {"t": "Header", "c": [level, [f"{stem}--{attributes[0]}", [], []], inlines]}
        return [heading, anchor] if level == 1 else [heading]
    if kind == "Link":
        place = references.split(content[2][0])
        return None if place is None else [{"t": "Link", "c": [content[0], content[1], [f"#{_label(*place)}", ""]]}]
    if kind == "Math":  # PDF/UA wants words for every formula; its TeX is what a reader of formulas reads
        block = "true" if content[0]["t"] == "DisplayMath" else "false"
        alt = quoted(" ".join(content[1].split()))
        return [raw("typst", f"#math.equation(alt: {alt}, block: {block}, "), element, raw("typst", ")")]
    if kind == "Table":
        return [_line([raw("typst", "#"), *_table(element)])]
    return None


def _label(stem: str, anchor: str) -> str:
    if not anchor:
        return stem
    return anchor if re.match(r"(fig|tab)-", anchor) else f"{stem}--{anchor}"


def _rows(table: Element) -> tuple[list[list[Elements]], list[list[Elements]]]:
    """Header rows and body rows of a table; each cell as its inlines."""
    _, _, _, head, bodies, _ = table["c"]
    body = [row for each in bodies for row in [*each[2], *each[3]]]
    return [_cells(row) for row in head[1]], [_cells(row) for row in body]


def _cells(row: Any) -> list[Elements]:
    return [[inline for block in cell[4] for inline in block["c"]] for cell in row[1]]


def _table(table: Element) -> Elements:
    """The call of `report-table`, as inlines."""
    head, body = _rows(table)
    header = head[0] if head else [[] for _ in table["c"][2]]
    sides = {"AlignRight": "right", "AlignCenter": "center"}
    alignments = [sides.get(spec[0]["t"], "left") for spec in table["c"][2]]
    header, columns, shrink = _fitted(header, body)
    opening = f"report-table({_array(columns)}, {_array(alignments)}, {'true' if shrink else 'false'}, "
    cells = [cell for row in body for cell in row]
    return [raw("typst", opening), *_contents(header), raw("typst", ", "), *_contents(cells), raw("typst", ")")]


def _array(items: Iterable[str]) -> str:
    return f"({', '.join(items)},)"


def _contents(cells: list[Elements]) -> Elements:
    inlines = [raw("typst", "(")]
    for cell in cells:
        inlines += [raw("typst", "["), *cell, raw("typst", "], ")]
    return [*inlines, raw("typst", ")")]


def _fitted(header: list[Elements], body: list[list[Elements]]) -> tuple[list[Elements], list[str], bool]:
    """How a table gets onto the width of a page: headings break first, then long cells, and only then it shrinks.

    Returns:
        The header, the columns' widths in Typst, and whether to shrink what is still too wide.
    """
    widest = [max((len(pandoc.plain(row[index])) for row in body), default=0) for index in range(len(header))]
    names = [len(pandoc.plain(name)) for name in header]
    columns = ["auto"] * len(header)
    if _width(max(pair) for pair in zip(widest, names, strict=True)) <= LINE:
        return header, columns, True
    header = [_broken(name, width) for name, width in zip(header, widest, strict=True)]
    words = [max((len(pandoc.plain([part])) for part in name), default=0) for name in header]
    if _width(max(pair) for pair in zip(widest, words, strict=True)) <= LINE or max(widest) <= LONG:
        return header, columns, True
    return header, [f"{width}fr" if width > LONG else "auto" for width in widest], False


def _width(characters: Iterable[int]) -> float:
    return sum(each + BETWEEN for each in characters)


def _broken(name: Elements, width: int) -> Elements:
    """A column's name, broken between words where a line is full."""
    result, used = [], 0
    for element in name:
        if element["t"] == "Space" and used >= width:
            element, used = {"t": "LineBreak"}, 0
        else:
            used += len(pandoc.plain([element])) if element["t"] != "Space" else 1
        result.append(element)
    return result
