"""The PDF of a study: one document with cover, contents and lists, set by Typst and checked as PDF/UA-1.

pandoc writes the words as Typst; this module puts figures and tables around them. Typst and its fonts come with its
Python package, so the same chapters give the same bytes on every machine.
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
from lib.report.render import pandoc, placement, typeset
from lib.report.render.document import Chapter, Figure, RenderError, ReportInfo, Table, resolved_text
from lib.report.render.pandoc import TEMPLATES

BODY = "body.typ"
PLACEMENT = "placement.json"


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
        pdf = _compile(folder, chapters, info)
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
    for chapter in chapters:
        for figure in chapter.figures:
            (folder / typeset.file_name(figure)).write_bytes(figure.image)
    parts = [typeset.ready(headline, ""), *(typeset.body(chapter) for chapter in chapters)]
    written = pandoc.write(parts, "typst", "--syntax-highlighting=idiomatic")
    for name, text in (("headline.typ", written[0]), (BODY, "\n\n#next-chapter\n\n".join(written[1:]))):
        (folder / name).write_text(f'#import "style.typ": *\n\n{text}\n', encoding="utf-8")
    (folder / PLACEMENT).write_text("{}", encoding="utf-8")


def _date(info: ReportInfo) -> datetime:
    try:
        return datetime.fromisoformat(info.generated).replace(tzinfo=UTC)
    except ValueError:
        raise RenderError(f"generated {info.generated!r} is not a date as in 2026-11-23") from None


def _compile(folder: Path, chapters: Sequence[Chapter], info: ReportInfo) -> bytes:
    """Lays the report out until its figures are in their places, then writes the PDF."""
    compiler = typst.Compiler(str(folder / "main.typ"), root=str(folder), ignore_system_fonts=True)

    def marks(choices: placement.Choices) -> placement.Marks:
        (folder / PLACEMENT).write_text(json.dumps(choices), encoding="utf-8")
        return json.loads(compiler.query("<places>", field="value", one=True))

    labels = [[block.label for block in chapter.blocks if isinstance(block, Figure | Table)] for chapter in chapters]
    images = {figure.label for chapter in chapters for figure in chapter.figures}
    try:
        placement.choose(labels, images, marks)
        pdf, warnings = compiler.compile_with_warnings(
            format="pdf", pdf_standards=["ua-1"], timestamp=int(_date(info).timestamp())
        )
    except typst.TypstError as error:
        raise RenderError(_said(error, folder)) from None
    if warnings:
        raise RenderError(_said(warnings[0], folder))
    return pdf


def _said(error: Any, folder: Path) -> str:
    """What Typst said, on one line, with the notebook and cell it said it of."""
    said = " ".join(str(getattr(error, "message", None) or error).split())
    found = re.search(r"body\.typ:(\d+)", getattr(error, "diagnostic", None) or "")
    if found is None:
        return f"PDF: {said}"
    lines = (folder / BODY).read_text(encoding="utf-8").splitlines()[: int(found[1])]
    places = [line.removeprefix(typeset.PLACE) for line in lines if line.startswith(typeset.PLACE)]
    return f"{places[-1] if places else 'PDF'}: {said}"
