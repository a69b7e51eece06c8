"""The parts of a report: chapters, and in them prose, figures, tables and printed text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nbformat

from lib.core.errors import UserError
from lib.presentation.memo import Memo
from lib.report.render import pandoc
from lib.report.render.links import Targets
from lib.report.render.pandoc import Element, Elements
from lib.study import METRICS

FILES = (
    (METRICS.rstrip("#"), "every metric of every detector"),
    ("run/scores.parquet", "every detector's anomaly score of every image"),
    ("run/fits.json", "what was fitted, with all options"),
)
APPENDIX = "appendix"  # stem of the last chapter: glossary, references, and where everything came from


class RenderError(UserError):
    """A report cannot be rendered; the message is one line: which notebook and cell, what, what to do."""


@dataclass(frozen=True)
class ReportInfo:
    """What the cover and the first page say of the report.

    Attributes:
        title: of the report, plain text.
        study: short name of the study, as in its folder.
        notice: empty, or why this study is shown instead of another; shown prominently.
        generated: the day of the results, as in 2026-11-23.
        facts: label and value of data set, protocol, seed, versions and the like, plain text; on the web page
            only, since the PDF has them in its appendix.
        memo: the decision memo.
        pdf_problem: why there is no PDF; empty where there is one.
        metrics: the run's `metrics.json`, for what the numbers of a page say of themselves.
        kind: what the report is of, one word.
        origin: the file that numbers of the first page come from.
        files: of the report, relative to its folder, and what is in them; the first page links to them.
        to_come: number of chapters that are still being made; none of a finished report.
    """

    title: str
    study: str
    notice: str
    generated: str
    facts: tuple[tuple[str, str], ...]
    memo: Memo
    pdf_problem: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "Study"
    origin: str = METRICS
    files: tuple[tuple[str, str], ...] = FILES
    to_come: int = 0


@dataclass(frozen=True)
class Prose:
    """Text; `content` are its blocks."""

    content: Elements


@dataclass(frozen=True)
class Text:
    """What a cell printed, to be shown as it is."""

    text: str


@dataclass(frozen=True)
class _Numbered:
    label: str
    number: int
    caption: Elements

    @property
    def name(self) -> str:
        """`"Figure 3"`, `"Table 2"`."""
        return f"{type(self).__name__} {self.number}"

    @property
    def short_caption(self) -> Elements:
        """The caption's first sentence, for lists of figures and tables."""
        for index, element in enumerate(self.caption[:-1]):
            full_stop = element["t"] == "Str" and re.fullmatch(r".*[^.\s]{2,}[.?!][)”\"']?", element["c"])
            following = pandoc.plain(self.caption[index + 2 : index + 3])
            if full_stop and self.caption[index + 1]["t"] in ("Space", "SoftBreak") and not following[:1].islower():
                return self.caption[: index + 1]
        return self.caption


@dataclass(frozen=True)
class Figure(_Numbered):
    """A numbered figure.

    Attributes:
        label: what other text refers to it by, `fig-...`.
        number: from 1, counted through all chapters.
        caption: its inlines.
        alt: a description for people who do not see it.
        image: the file's bytes.
        suffix: `svg` or `png`.
    """

    alt: str
    image: bytes
    suffix: str


@dataclass(frozen=True)
class Table(_Numbered):
    """A numbered table.

    Attributes:
        label: what other text refers to it by, `tab-...`.
        number: from 1, counted through all chapters.
        caption: its inlines.
        content: one block, pandoc's Table.
    """

    content: Element


Block = Prose | Text | Figure | Table


@dataclass(frozen=True)
class Section:
    """A heading of the second level.

    Attributes:
        anchor: its id, unique in its chapter.
        title: its inlines.
    """

    anchor: str
    title: Elements


@dataclass(frozen=True)
class Chapter:
    """One notebook.

    Attributes:
        stem: the notebook's file name without its suffix; the page and the PDF's labels are named after it.
        number: from 1; of the appendix too, which comes last.
        title: inlines of its first heading.
        sections: its second-level headings.
        blocks: everything that is shown, in order, without the code.
        places: notebook and cell of each block, for errors.
        notebook: the same with its code, for nbconvert, without what is not shown; Markdown cells and outputs have
            their index in `blocks` as `metadata["block"]`.
        targets: what links may lead to on its page.
    """

    stem: str
    number: int
    title: Elements
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    places: tuple[str, ...]
    notebook: nbformat.NotebookNode
    targets: Targets

    @property
    def numeral(self) -> str:
        """What it is counted by: `"3"`; the appendix is `"A"`."""
        return "A" if self.stem == APPENDIX else str(self.number)

    @property
    def figures(self) -> list[Figure]:
        """Its figures, in order."""
        return [block for block in self.blocks if isinstance(block, Figure)]

    @property
    def tables(self) -> list[Table]:
        """Its tables, in order."""
        return [block for block in self.blocks if isinstance(block, Table)]
