"""Read executed notebooks as one document with numbered figures and tables and checked links.

The HTML pages and the PDF are both written from what `read_chapters` returns, so a figure has the same number in both.
"""

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from lib import presentation
from lib.core.errors import UserError
from lib.report.render import citations, glossary, links, pandoc, sources
from lib.report.render.links import Targets
from lib.report.render.model import APPENDIX, Block, Chapter, Figure, Prose, RenderError, Section, Table, Text
from lib.report.render.outputs import Item, read_outputs
from lib.report.render.pandoc import Element, Elements
from lib.study import METRICS


def read_chapters(
    paths: Sequence[Path], appendix: nbformat.NotebookNode | None = None, to_come: Sequence[Path] = ()
) -> list[Chapter]:
    """Read executed notebooks as the chapters of one document.

    A section in which a cell called `show.nothing` is left out. Citations become authors and year. The first use of a
    term in a chapter becomes a link to the glossary, if the appendix has one.

    Args:
        paths: the notebooks, in the order of the chapters.
        appendix: the notebook of the last chapter, as `lib.report.render.appendix` makes it.
        to_come: texts of notebooks that are not executed yet; links to them become text.

    Returns:
        A chapter for each notebook, but for those left out. Figures and tables are numbered through all of them.

    Raises:
        RenderError: a notebook cannot be read or was not executed to its end, a figure lacks its caption or its
            alternative text, a label is used twice, a link leads nowhere, an unknown work is cited, headings are out
            of order, or a text has something that HTML or PDF cannot show.
    """
    drafts = [_Draft(Path(path).stem, Path(path).name, _read(Path(path))) for path in paths]
    if appendix is not None:
        drafts.append(_Draft(APPENDIX, APPENDIX, copy.deepcopy(appendix)))
    stems = Counter(draft.stem for draft in drafts)
    for draft in drafts:
        if not re.fullmatch(r"\w[\w-]*", draft.stem) or stems[draft.stem] > 1:
            raise RenderError(f"{draft.name}: a notebook's name must be unique, of letters, digits, - and _")
    _parse([item for draft in drafts for item in draft.items])
    for draft in drafts:
        draft.leave_out_sections()
    printed = [draft for draft in drafts if f"{draft.stem}#" not in draft.absent]
    _refer(printed)
    items = [item for draft in printed for item in draft.items]
    _number(items)
    absent = _labels_of_presentation().union(*(draft.absent for draft in drafts), *map(_links_to, to_come))
    targets = {draft.stem: draft.find_targets(absent) for draft in printed}
    _check_mathematics(items)
    return [draft.chapter(number, targets) for number, draft in enumerate(printed, start=1)]


def read_ahead(paths: Sequence[Path]) -> None:
    """Parse the texts of executed notebooks while others are not finished; `read_chapters` then takes less time.

    Raises:
        RenderError: a notebook cannot be read or was not executed to its end.
    """
    _parse([item for path in paths for item in _Draft(path.stem, path.name, _read(path)).items])


def parse_outside(
    texts: Sequence[str], chapters: Sequence[Chapter], place: str, origin: str = METRICS
) -> list[Elements]:
    """Parse Markdown that is outside the chapters, such as the cover's; its links may lead into them.

    Args:
        texts: each on its own.
        chapters: of the report.
        place: what an error calls the texts.
        origin: the file that their numbers come from.

    Returns:
        The blocks of each text.

    Raises:
        RenderError: a link leads nowhere.
    """
    targets = {chapter.stem: chapter.targets for chapter in chapters}
    try:
        parsed = [sources.attributed(blocks, origin) for blocks in pandoc.parse(texts)]
        return [links.resolve(blocks, None, targets) for blocks in parsed]
    except UserError as error:
        raise RenderError(f"{place}: {error}") from None


@dataclass
class _Part:
    """A cell, with its text or its outputs."""

    cell: nbformat.NotebookNode
    items: list[Item]
    removed: bool = False

    @property
    def blocks(self) -> list[Element | None]:
        """The blocks of a text; a single None for code, which is kept or removed as a whole."""
        if self.cell.cell_type == "markdown":
            return self.items[0].content
        return [] if self.removed else [None]

    def keep(self, blocks: list[Element | None]) -> None:
        """Remove the other blocks."""
        if self.cell.cell_type == "markdown":
            self.items[0].content = blocks
        self.removed = not blocks


class _Draft:
    """A notebook on its way to becoming a chapter."""

    def __init__(self, stem: str, name: str, notebook: nbformat.NotebookNode):
        self.stem = stem
        self.name = name
        self.notebook = notebook
        self.parts: list[_Part] = []
        self.absent: set[str] = set()
        self.title: Elements = []
        self.sections: list[Section] = []
        for number, cell in enumerate(notebook.cells, start=1):
            tags = cell.get("metadata", {}).get("tags", [])
            if "remove-cell" in tags or not (cell.source.strip() or cell.get("outputs")):
                continue
            place = f"{self.name}, cell {number}"
            cell.id = f"cell-{number:03d}"
            origin = cell.metadata.get("origin") or f"notebooks/{self.name}#{cell.id}"
            cell.metadata = nbformat.from_dict({"tags": tags})
            if cell.cell_type == "markdown":
                self.parts.append(_Part(cell, [Item(place, "markdown", markdown=cell.source)]))
            elif cell.cell_type == "code":
                if cell.source.strip() and cell.execution_count is None:
                    raise RenderError(f"{place}: was not executed; run the notebook to its end")
                self.absent |= _labels(cell.source)
                items = [replace(item, origin=origin) for item in read_outputs(cell, place)]
                self.parts.append(_Part(cell, items))

    @property
    def items(self) -> list[Item]:
        return [item for part in self.parts for item in part.items]

    def leave_out_sections(self) -> None:
        """Remove the sections with nothing to say, and note what links may have led to in them."""
        section: tuple[int, ...] = ()  # the number of the section of level 2, and of the one of level 3 in it
        count = 0
        within: list[list[tuple[int, ...]]] = []  # the section of each block of a text, or of the outputs of a cell
        empty = set()
        for part in self.parts:
            within.append([])
            for block in part.blocks:
                if block and block["t"] == "Header" and block["c"][0] in (2, 3):
                    count += 1
                    section = (count,) if block["c"][0] == 2 else (*section[:1], count)
                within[-1].append(section)
            empty |= {section for item in part.items if item.kind == "nothing"}
        for part, sections in zip(self.parts, within, strict=True):
            left = [not any(section[:depth] in empty for depth in range(3)) for section in sections]
            self._keep(part, [block for block, keep in zip(part.blocks, left, strict=True) if keep])
        if () in empty:
            self.absent.add(f"{self.stem}#")
        self.parts = [part for part in self.parts if part.blocks]

    def rewrite(self, change: Callable[[Element], Elements | None]) -> None:
        """Replace elements of the text; a cell of which only its heading is left is removed."""
        for part in self.parts:
            content = pandoc.replace(part.blocks, change)
            if content != part.blocks:
                self._keep(part, [] if all(block["t"] == "Header" for block in content) else content)
        self.parts = [part for part in self.parts if part.blocks]

    def _keep(self, part: _Part, blocks: list[Element | None]) -> None:
        """Leave some blocks of a part, and note what links may have led to in the others."""
        gone = {anchor for anchor, _ in _anchors(part.blocks)} - {anchor for anchor, _ in _anchors(blocks)}
        self.absent |= {f"{self.stem}#{anchor}" for anchor in gone}
        if self.stem == APPENDIX:  # links of any chapter may lead there without its name
            self.absent |= {f"#{anchor}" for anchor in gone}
        if not blocks:
            self.absent |= {f"#{item.metadata['label']}" for item in part.items if "label" in (item.metadata or {})}
        part.keep(blocks)

    def find_targets(self, absent: frozenset[str]) -> Targets:
        """Check the headings, give them their ids, and list everything that links may lead to."""
        labels = {
            item.metadata["label"]: f"{item.kind.capitalize()} {item.number}" for item in self.items if item.number
        }
        others = {anchor for item in self.items for anchor, kind in _anchors(item.content) if kind != "Header"}
        if self.stem == APPENDIX:
            labels |= dict.fromkeys(others, "")
        anchors = {*labels, *others}
        level = 0
        for item in self.items:
            for element in pandoc.elements(item.content):
                if element["t"] != "Header":
                    continue
                self._check_heading(item, element, level)
                level, attributes, title = element["c"]
                attributes[0] = _unused(attributes[0] or "section", anchors)
                anchors.add(attributes[0])
                if level == 1:
                    self.title = title
                if level == 2:
                    self.sections.append(Section(attributes[0], title))
        first = self.items[0] if self.items else None
        if not first or first.kind != "markdown" or not first.content or first.content[0]["t"] != "Header":
            raise RenderError(f"{self.name}: no title; its first cell must be Markdown that begins with '# Title'")
        return Targets(labels, frozenset(anchors), absent)

    def _check_heading(self, item: Item, heading: pandoc.Element, level_before: int) -> None:
        level, title = heading["c"][0], pandoc.plain(heading["c"][2])
        if item.kind != "markdown":
            raise item.error(f"heading {title!r} in an output; write headings in Markdown cells")
        if level == 1 and level_before:
            raise item.error(f"second title {title!r}; a notebook has one heading with a single #")
        if level > 1 and not level_before:
            raise item.error(f"heading {title!r} before the title; a notebook begins with '# Title'")
        if level > level_before + 1:
            raise item.error(f"heading {title!r} skips a level; it follows one with {level_before} #")

    def chapter(self, number: int, targets: dict[str, Targets]) -> Chapter:
        """The chapter, with its links resolved."""
        self._index()
        blocks = tuple(self._block(item, targets) for item in self.items)
        sections = tuple(Section(section.anchor, self._heading(section.title, targets)) for section in self.sections)
        title = self._heading(self.title, targets)
        places = tuple(item.place for item in self.items)
        return Chapter(self.stem, number, title, sections, blocks, places, self.notebook, targets[self.stem])

    def _index(self) -> None:
        """Write the index of its blocks into each cell."""
        index = 0
        for part in self.parts:
            indices = range(index, index := index + len(part.items))
            if part.cell.cell_type == "markdown":
                part.cell.metadata["block"] = indices[0]
            else:
                # `new_output` validates each, which takes ten times as long.
                outputs = [{"output_type": "display_data", "data": {}, "metadata": {"block": each}} for each in indices]
                part.cell.outputs = nbformat.from_dict(outputs)
        self.notebook.cells = [part.cell for part in self.parts]

    def _heading(self, inlines: Elements, targets: dict[str, Targets]) -> Elements:
        """A heading for tables of contents, where its links are text."""
        without = pandoc.replace(inlines, lambda element: element["c"][1] if element["t"] == "Link" else None)
        return links.resolve(without, self.stem, targets)

    def _block(self, item: Item, targets: dict[str, Targets]) -> Block:
        if item.kind == "text":
            return Text(item.text)
        try:
            content = links.resolve(item.content, self.stem, targets)
            caption = links.resolve(item.caption, self.stem, targets)
        except UserError as error:
            raise item.error(str(error)) from None
        if item.kind == "figure":
            return Figure(item.metadata["label"], item.number, caption, item.metadata["alt"], item.image, item.suffix)
        if item.kind == "table":
            return Table(item.metadata["label"], item.number, caption, content[0])
        return Prose(content)


def _read(path: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise RenderError(f"{path.name}: no such notebook in {path.parent.name}; execute it first") from None
    except Exception as error:  # nbformat raises errors of many kinds for files that are no notebooks
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RenderError(f"{path.name}: not a notebook ({reason}); execute it again") from None


def _parse(items: list[Item]) -> None:
    """Parse all Markdown of the report at once: one run of pandoc for each text would take minutes."""
    texts = pandoc.parse([text for item in items for text in (item.markdown, (item.metadata or {}).get("caption", ""))])
    for item, content, caption in zip(items, texts[::2], texts[1::2], strict=True):
        item.content = sources.attributed(content, item.origin)
        if item.kind in ("figure", "table"):
            if len(caption) != 1 or caption[0]["t"] not in ("Para", "Plain"):
                raise item.error(f"caption of {item.metadata['label']!r} is not one paragraph")
            item.caption = sources.attributed(caption[0]["c"], item.origin)
        if item.kind == "table" and [block["t"] for block in content] != ["Table"]:
            raise item.error(f"table {item.metadata['label']!r} is not one Markdown pipe table")


def _refer(drafts: list[_Draft]) -> None:
    """Link terms to the glossary and citations to the works cited, and list in the appendix only what is used."""
    appendix = [draft for draft in drafts if draft.stem == APPENDIX]
    places = {anchor for draft in appendix for item in draft.items for anchor, _ in _anchors(item.content)}
    entries = {anchor for anchor in places if anchor.startswith(glossary.PREFIX)}
    chapters = [draft for draft in drafts if draft.stem != APPENDIX]
    used = set().union(*(glossary.link_first_uses(draft.items, entries) for draft in chapters))

    def leave_out_terms(element: Element) -> Elements | None:
        if element["t"] != "DefinitionList":
            return None
        terms = [entry for entry in element["c"] if not {anchor for anchor, _ in _anchors(entry[0])} & (entries - used)]
        return [{"t": "DefinitionList", "c": terms}] if terms else []

    def list_works(element: Element) -> Elements | None:
        return works if element["t"] == "Div" and element["c"][0][0] == citations.LIST else None

    for draft in appendix:
        draft.rewrite(leave_out_terms)
    works = citations.resolve([item for draft in drafts for item in draft.items], citations.LIST in places)
    for draft in appendix:
        draft.rewrite(list_works)


def _labels(code: str) -> frozenset[str]:
    """Figures and tables that code may show, in this study or in another, as links name them."""
    return frozenset(f"#{label}" for label in re.findall(r"""["']((?:fig|tab)-[\w-]+)["']""", code))


@cache
def _labels_of_presentation() -> frozenset[str]:
    files = Path(presentation.__file__).parent.rglob("*.py")
    return frozenset().union(*(_labels(path.read_text(encoding="utf-8")) for path in files))


def _links_to(notebook: Path) -> frozenset[str]:
    """What may lead to a notebook, by its text."""
    return _labels(notebook.read_text(encoding="utf-8")) | {f"{notebook.stem}#"}


def _anchors(tree: Any) -> Iterator[tuple[str, str]]:
    """The ids in a tree, each with the type of its element."""
    for element in pandoc.elements(tree):
        if element["t"] in ("Header", "Span", "Div"):
            attributes = element["c"][1 if element["t"] == "Header" else 0]
            if attributes[0]:
                yield attributes[0], element["t"]


def _number(items: list[Item]) -> None:
    """Number figures and tables in order of appearance; a label that is used twice is an error."""
    labelled: dict[str, Item] = {}
    counts = Counter()
    for item in items:
        if item.kind not in ("figure", "table"):
            continue
        label = item.metadata["label"]
        if label in labelled:
            place = labelled[label].place
            raise item.error(f"label {label!r} is taken ({place}); give each figure and table its own")
        labelled[label] = item
        counts[item.kind] += 1
        item.number = counts[item.kind]


def _check_mathematics(items: list[Item]) -> None:
    """Refuse TeX that pandoc cannot read, with the place where it is written."""
    formulas: dict[str, tuple[Item, pandoc.Element]] = {}
    for item in items:
        for element in pandoc.elements([item.content, item.caption]):
            if element["t"] == "Math":
                formulas.setdefault(element["c"][1], (item, element))
    for form in ("html5", "typst"):
        try:
            pandoc.write([pandoc.paragraph([formula]) for _, formula in formulas.values()], form, "--mathml")
        except pandoc.PandocError as error:
            message = str(error).split("TeX math ", 1)[-1]
            for tex, (item, _) in formulas.items():
                if message.startswith(" ".join(tex.split())):
                    raise item.error(f"TeX that cannot be read: {' '.join(tex.split())}") from None
            raise RenderError(str(error)) from None


def _unused(anchor: str, anchors: set[str]) -> str:
    """The anchor, with a number appended if it is taken."""
    number, unused = 1, anchor
    while unused in anchors:
        number += 1
        unused = f"{anchor}-{number}"
    return unused
