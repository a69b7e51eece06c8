"""What a report is made of: its chapters, and in them prose, figures, tables and printed text."""

import re
from dataclasses import dataclass

import nbformat

from lib.core.errors import UserError
from lib.report.render import pandoc
from lib.report.render.pandoc import Element, Elements
from lib.report.render.references import Targets


class RenderError(UserError):
    """A report cannot be rendered; the message is one line: which notebook and cell, what, what to do."""


@dataclass(frozen=True)
class ReportInfo:
    """What a report says of itself, on its cover and its first page.

    Attributes:
        title: of the report, plain text.
        description: one or two sentences, plain text.
        study: short name of the study, as in its folder.
        notice: empty, or why the reader gets this study and not the one meant; shown prominently.
        generated: the day it was made, as in 2026-11-23.
        facts: label and value of data set, protocol, seed, versions and the like, plain text.
        headline: the main results, computed sentences in Markdown; may refer to figures and tables.
    """

    title: str
    description: str
    study: str
    notice: str
    generated: str
    facts: tuple[tuple[str, str], ...]
    headline: tuple[str, ...]


@dataclass(frozen=True)
class Prose:
    """Text.

    Attributes:
        content: its blocks.
    """

    content: Elements


@dataclass(frozen=True)
class Text:
    """What a cell printed, to be shown as it is."""

    text: str


@dataclass(frozen=True)
class Figure:
    """A numbered figure.

    Attributes:
        label: what other text refers to it by, `fig-...`.
        number: from 1, counted through all chapters.
        caption: its inlines.
        alt: what it shows, for people who do not see it.
        image: the file's bytes.
        suffix: `svg` or `png`.
    """

    label: str
    number: int
    caption: Elements
    alt: str
    image: bytes
    suffix: str

    @property
    def name(self) -> str:
        """`"Figure 3"`."""
        return f"Figure {self.number}"

    @property
    def short(self) -> Elements:
        """The caption as lists show it."""
        return _first_sentence(self.caption)


@dataclass(frozen=True)
class Table:
    """A numbered table.

    Attributes:
        label: what other text refers to it by, `tab-...`.
        number: from 1, counted through all chapters.
        caption: its inlines.
        content: one block, pandoc's Table.
    """

    label: str
    number: int
    caption: Elements
    content: Element

    @property
    def name(self) -> str:
        """`"Table 2"`."""
        return f"Table {self.number}"

    @property
    def short(self) -> Elements:
        """The caption as lists show it."""
        return _first_sentence(self.caption)


Block = Prose | Text | Figure | Table


@dataclass(frozen=True)
class Section:
    """A heading of the second level.

    Attributes:
        anchor: its id, once in a chapter.
        title: its inlines.
    """

    anchor: str
    title: Elements


@dataclass(frozen=True)
class Chapter:
    """One notebook.

    Attributes:
        stem: the notebook's file name without its suffix; the page and the PDF's labels go by it.
        number: from 1.
        title: inlines of its first heading.
        sections: its second-level headings.
        blocks: all that is shown, in order, but for the code.
        places: notebook and cell of each block, for errors.
        notebook: the same with its code, for nbconvert: what is not shown is gone from it, and Markdown cells and
            outputs carry in `metadata["block"]` their index in `blocks`.
        targets: the anchors of its page.
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
    def figures(self) -> list[Figure]:
        """Its figures, in order."""
        return [block for block in self.blocks if isinstance(block, Figure)]

    @property
    def tables(self) -> list[Table]:
        """Its tables, in order."""
        return [block for block in self.blocks if isinstance(block, Table)]


def _first_sentence(inlines: Elements) -> Elements:
    """The first sentence of a caption, for lists; all of it if it is one sentence."""
    for index, element in enumerate(inlines[:-1]):
        ends = element["t"] == "Str" and re.fullmatch(r".*[^.\s]{2,}[.?!][)”\"']?", element["c"])
        following = pandoc.plain(inlines[index + 2 : index + 3])
        if ends and inlines[index + 1]["t"] in ("Space", "SoftBreak") and not following[:1].islower():
            return inlines[: index + 1]
    return inlines
