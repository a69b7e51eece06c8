"""Write the PDF of a study: the decision memo, contents, lists and chapters, typeset by Typst and checked as PDF/UA-1.

pandoc writes the text as Typst markup. Its own writer loses alternative texts and column widths, so figures, tables,
headings, links and formulas are written here, as calls of the functions in style.typ. Typst and all fonts come with
Python packages, so the same chapters give the same bytes on every machine.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

import typst

from lib.core import traced
from lib.core.cache import replacing
from lib.report.render import fonts, links, pandoc, placement, sources, tabular
from lib.report.render.document import parse_outside
from lib.report.render.model import APPENDIX, Chapter, Figure, Prose, RenderError, ReportInfo, Table, Text
from lib.report.render.pandoc import TEMPLATES, Element, Elements, raw
from lib.report.render.placement import Plan, Unit

BODY = "body.typ"
PLACE = "//@ "  # begins a comment that names the notebook and cell of the lines below
ALONE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # characters that a PDF's strings cannot hold
# Typst would make a minus sign, a soft hyphen, or an ellipsis of these, and pandoc does not escape them.
SHORTHAND = re.compile(r"((?<!\w)-(?=\d)|-(?=\?)|\.(?=\.\.))")
LONG_WORD = re.compile(r"\S{40,}")

Titles = Mapping[str, str]  # the ids of the chapters' titles


def write_pdf(
    chapters: Sequence[Chapter],
    info: ReportInfo,
    path: Path,
    typesetting: Event | None = None,
    stop: Event | None = None,
) -> None:
    """Write the report as one PDF/UA-1 document. The same chapters give the same bytes.

    Args:
        chapters: as `read_chapters` returns them.
        info: what the cover says.
        path: the PDF to write.
        typesetting: set when all is written that Typst reads; from then on other threads can compute.
        stop: set by another thread to end this before the PDF is finished.

    Raises:
        RenderError: Typst reported an error or a warning, or this was stopped.
    """
    if not chapters:
        raise RenderError("a report needs at least one notebook")
    with tempfile.TemporaryDirectory(prefix="report-") as temporary:
        folder = Path(temporary)
        pieces = write_source(chapters, info, folder)
        if typesetting is not None:
            typesetting.set()
        pdf = _compile(folder, pieces, info, stop or Event())
    with replacing(Path(path)) as target:
        target.write_bytes(pdf)


@dataclass(frozen=True)
class Piece:
    """A unit of the report: what it is to the placement of figures, its notebook and cell, its content or markup."""

    unit: Unit
    place: str
    content: Elements
    markup: str = ""


def write_source(chapters: Sequence[Chapter], info: ReportInfo, folder: Path) -> list[Piece]:
    """Write everything that Typst reads: templates, fonts, images, `info.json`, `memo.typ` and `body.typ`.

    Args:
        chapters: of the report.
        info: what the cover says.
        folder: an empty folder.

    Returns:
        The pieces of `body.typ`, with their markup.
    """
    for template in sorted((TEMPLATES / "pdf").glob("*.typ")):
        shutil.copyfile(template, folder / template.name)
    (folder / "fonts").mkdir()
    for path in fonts.files():
        (folder / "fonts" / path.name).symlink_to(path)
    for figure in (figure for chapter in chapters for figure in chapter.figures):
        (folder / _file_name(figure)).write_bytes(figure.image)
    if info.memo.picture:
        (folder / "picture.svg").write_bytes(info.memo.picture.image)
    (folder / "info.json").write_text(json.dumps(_printable(_cover(chapters, info))), encoding="utf-8")
    titles = {chapter.stem: _title(chapter) for chapter in chapters}
    memo = [_typst(blocks, "", titles) for blocks in parse_outside(_memo(info), chapters, "first page", info.origin)]
    pieces = [piece for chapter in chapters for piece in _pieces(chapter, titles)]
    written = pandoc.write([*memo, *(piece.content for piece in pieces)], "typst", "--syntax-highlighting=idiomatic")
    texts = "".join(f"  [{text}],\n" for text in written[: len(memo)])
    (folder / "memo.typ").write_text(f'#import "style.typ": *\n\n#let texts = (\n{texts})\n', encoding="utf-8")
    pieces = [
        Piece(piece.unit, piece.place, piece.content, text)
        for piece, text in zip(pieces, written[len(memo) :], strict=True)
    ]
    _arrange(pieces, Plan(tuple(piece.unit.key for piece in pieces)), folder)
    return pieces


def quoted(text: str) -> str:
    """A text as a Typst string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "    ")
    return f'"{escaped}"'


def _cover(chapters: Sequence[Chapter], info: ReportInfo) -> dict[str, Any]:
    """What the first page and the contents say in plain text, and how many texts of each kind memo.typ has."""
    date, memo = _date(info), info.memo
    return {
        "title": info.title,
        "kind": info.kind,
        "study": info.study,
        "notice": info.notice,
        "generated": info.generated,
        "date": [date.year, date.month, date.day],
        "question": memo.question,
        "boxes": [[_unbroken(text) for text in (box.value, box.label, box.note)] for box in memo.boxes],
        "picture": _alt(memo.picture.alt) if memo.picture else None,
        "answers": sum(map(bool, (memo.answer, memo.in_use))),
        "warnings": len(memo.warnings),
        "steps": len(memo.next_steps),
        "figures": any(chapter.figures for chapter in chapters),
        "tables": any(chapter.tables for chapter in chapters),
        "families": list(fonts.families()),
    }


def _unbroken(text: str) -> str:
    """A text in which no line begins with a percent sign."""
    return traced.plain(text).replace(" %", "\u00a0%")


def _memo(info: ReportInfo) -> list[str]:
    """The Markdown texts of the first page, in the order in which main.typ takes them."""
    memo = info.memo
    captions = [memo.picture.caption] if memo.picture else []
    return [*filter(None, (memo.answer, memo.in_use)), *captions, *memo.warnings, *memo.next_steps]


def _printable(value: Any) -> Any:
    """A value for JSON whose texts have only characters that can be printed."""
    if isinstance(value, dict):
        return {key: _printable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_printable(each) for each in value]
    return _breakable(fonts.printable(value)) if isinstance(value, str) else value


def _breakable(text: str) -> str:
    """A text in which a word that is too long for a line, such as the name of a file, may be broken anywhere."""
    return LONG_WORD.sub(lambda word: "\u200b".join(word[0]), text)


def _date(info: ReportInfo) -> datetime:
    try:
        return datetime.fromisoformat(info.generated).replace(tzinfo=UTC)
    except ValueError:
        raise RenderError(f"generated {info.generated!r} is not a date as in 2026-11-23") from None


def _compile(folder: Path, pieces: Sequence[Piece], info: ReportInfo, stop: Event) -> bytes:
    """Lay the report out until its figures are placed, then write the PDF."""
    compiler = typst.Compiler(
        str(folder / "main.typ"), root=str(folder), font_paths=[str(folder / "fonts")], ignore_system_fonts=True
    )

    def lay_out(plan: Plan) -> placement.Marks:
        if stop.is_set():
            raise RenderError("the PDF: stopped")
        _arrange(pieces, plan, folder, draft=True)
        marks = json.loads(compiler.query("<places>", field="value", one=True))
        sides = {"begin": {}, "end": {}}
        for mark in marks:
            sides[mark["side"]][mark["key"]] = placement.Mark(mark["page"], mark["y"])
        return placement.Marks(sides["begin"], sides["end"])

    try:
        _arrange(pieces, placement.place([piece.unit for piece in pieces], lay_out), folder)
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
    message = " ".join(str(getattr(error, "message", None) or error).replace(f"{folder}/", "").split())
    position = re.search(r"body\.typ:(\d+)", getattr(error, "diagnostic", None) or "")
    if position is None:
        return f"PDF: {message}"
    lines = (folder / BODY).read_text(encoding="utf-8").splitlines()[: int(position[1])]
    places = [line.removeprefix(PLACE) for line in lines if line.startswith(PLACE)]
    return f"{places[-1] if places else 'PDF'}: {message}"


def _arrange(pieces: Sequence[Piece], plan: Plan, folder: Path, draft: bool = False) -> None:
    """Write the pieces in the order and sizes of a plan; a draft has nothing before the chapters."""
    known = {piece.unit.key: piece for piece in pieces}
    lines = ['#import "style.typ": *']
    for key in plan.order:
        new_page = ["#pagebreak(weak: true)"] if key in plan.breaks else []
        lines += [*new_page, f"{PLACE}{known[key].place}\n{known[key].markup}"]
    (folder / BODY).write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    sizes = {"scale": plan.scale, "parts": dict(plan.parts), "broken": sorted(plan.broken), "draft": draft}
    (folder / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")


def _title(chapter: Chapter) -> str:
    """The id of a chapter's title."""
    headers = (element for element in pandoc.elements([vars(block) for block in chapter.blocks[:1]]))
    return next(element["c"][1][0] for element in headers if element["t"] == "Header")


def _pieces(chapter: Chapter, titles: Titles) -> Iterator[Piece]:
    """The units of a chapter, with their content for pandoc's Typst writer."""
    for number, (block, place) in enumerate(zip(chapter.blocks, chapter.places, strict=True)):
        if isinstance(block, Prose):
            for part, element in enumerate(block.content):
                unit = _unit(element, f"{chapter.stem}-{number}-{part}", chapter.stem)
                marked = pandoc.replace([element], lambda each, key=unit.key: _mark_paragraph(each, key))
                appendix = [{"t": "RawBlock", "c": ["typst", "#show: appendix"]}]
                opening = appendix if unit.kind == "chapter" and chapter.stem == APPENDIX else []
                yield Piece(unit, place, _typst([*opening, *marked], chapter.stem, titles))
        elif isinstance(block, Text):
            key = f"{chapter.stem}-{number}"
            text = quoted(fonts.printable(block.text))
            yield Piece(Unit(key, "text"), place, [{"t": "RawBlock", "c": ["typst", f'#printed("{key}", {text})']}])
        elif isinstance(block, Figure):
            arguments = f"{quoted(block.label)}, {quoted(_file_name(block))}, {quoted(_alt(block.alt))}, {block.number}"
            opening = raw("typst", f"#report-figure({arguments}, [")
            content = pandoc.paragraph([opening, *_captions(block), raw("typst", "])")])
            unit = Unit(block.label, "figure", breakable=False)
            yield Piece(unit, place, _typst(content, chapter.stem, titles))
        else:
            layout = tabular.layout(block.content)
            arguments = f"{quoted(block.label)}, {block.number}, {'true' if layout.breakable else 'false'}"
            opening = raw("typst", f"#captioned-table({arguments}, [")
            table = [raw("typst", "], "), *tabular.call(layout, _mark(block.label)), raw("typst", ")")]
            content = pandoc.paragraph([opening, *_captions(block), *table])
            unit = Unit(block.label, "table", breakable=layout.breakable)
            yield Piece(unit, place, _typst(content, chapter.stem, titles))


def _unit(element: Element, key: str, stem: str) -> Unit:
    if element["t"] == "Header":
        level, attributes, _ = element["c"]
        return Unit(f"{stem}--{attributes[0]}", "chapter" if level == 1 else "heading", binds=True)
    return Unit(key, "text", binds=pandoc.plain(element).endswith(":"))


def _file_name(figure: Figure) -> str:
    return f"{figure.label}.{figure.suffix}"


def _alt(text: str) -> str:
    """An alternative text on one line. It is read aloud, so it keeps letters that no font has."""
    return ALONE.sub("\ufffd", " ".join(text.split()))


def _captions(block: Figure | Table) -> Elements:
    """The short caption and the whole one, as two arguments."""
    return [*block.short_caption, raw("typst", "], ["), *block.caption]


def _mark_paragraph(element: Element, key: str) -> Elements | None:
    """A paragraph with a mark before its last word; Typst would move a mark after it to the next block."""
    if element["t"] not in ("Para", "Plain"):
        return None
    return [{"t": element["t"], "c": [*element["c"][:-1], _mark(key), *element["c"][-1:]]}]


def _mark(key: str) -> Element:
    return raw("typst", f"#mark({quoted(key)});")


def _typst(blocks: Elements, stem: str, titles: Titles) -> Elements:
    """Blocks with headings, links, tables and formulas as Typst takes them; `stem` is the chapter they belong to."""
    return pandoc.replace(blocks, lambda element: _replace(element, stem, titles))


def _replace(element: Element, stem: str, titles: Titles) -> Elements | None:
    kind, content = element["t"], element.get("c")
    if (number := sources.without(element)) is not None:
        return number
    if kind == "Str":
        parts = SHORTHAND.split(_breakable(fonts.printable(content)))
        return [raw("typst", f"\\{part}") if place % 2 else {"t": kind, "c": part} for place, part in enumerate(parts)]
    if kind in ("Code", "CodeBlock"):
        return [{"t": kind, "c": [content[0], fonts.printable(content[1])]}]
    if kind == "Header":
        level, attributes, inlines = content
        return [{"t": "Header", "c": [level, [_label(stem, attributes[0], titles), [], []], inlines]}]
    if kind in ("Div", "Span") and content[0][0]:  # references and terms have ids
        attributes, inner = content
        return [{"t": kind, "c": [[_label(stem, attributes[0], titles), *attributes[1:]], inner]}]
    if kind == "Link":
        target = links.split(content[2][0])
        words = content[1]
        if links.address(content[2][0]) is not None:
            return words
        if "term" in content[0][1]:
            words = [raw("typst", "#term["), *words, raw("typst", "]")]
        return target and [{"t": "Link", "c": [content[0], words, [f"#{_label(*target, titles)}", ""]]}]
    if kind == "Math":  # PDF/UA requires a description of every formula: its TeX
        block = "true" if content[0]["t"] == "DisplayMath" else "false"
        alt = quoted(_alt(content[1]))
        formula = {"t": kind, "c": [content[0], fonts.printable(content[1])]}
        return [raw("typst", f"#math.equation(alt: {alt}, block: {block}, "), formula, raw("typst", ")")]
    if kind == "Table":
        return pandoc.paragraph([raw("typst", "#"), *tabular.call(tabular.layout(element))])
    if kind == "DefinitionList":  # pandoc's own begins a line for each definition
        items = [raw("typst", "#terms(")]
        for term, definitions in content:
            text = [inline for definition in definitions for block in definition for inline in block["c"]]
            items += [raw("typst", "terms.item(["), *term, raw("typst", "], ["), *text, raw("typst", "]), ")]
        return pandoc.paragraph([*items, raw("typst", ")")])
    return None


def _label(stem: str, anchor: str, titles: Titles) -> str:
    if re.match(r"(fig|tab)-", anchor):
        return anchor
    return f"{stem}--{anchor or titles[stem]}"
