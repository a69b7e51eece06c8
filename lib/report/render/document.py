"""Read executed notebooks as one document with numbered figures and tables and checked links.

The HTML pages and the PDF are both written from what `read_chapters` returns, so a figure has the same number in both.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import nbformat

from lib.core.errors import UserError
from lib.report.render import links, pandoc
from lib.report.render.links import Targets
from lib.report.render.model import Block, Chapter, Figure, Prose, RenderError, Section, Table, Text
from lib.report.render.outputs import Item, read_outputs
from lib.report.render.pandoc import Elements

SUMMARIES = {"parameters": "Show default parameters", "injected-parameters": "Show parameters of this study"}


def read_chapters(paths: Sequence[Path]) -> list[Chapter]:
    """Read executed notebooks as the chapters of one document.

    Args:
        paths: the notebooks, in the order of the chapters.

    Returns:
        A chapter for each notebook. Figures and tables are numbered through all of them.

    Raises:
        RenderError: a notebook cannot be read or was not executed to its end, a figure lacks its caption or its
            alternative text, a label is used twice, a link leads nowhere, headings are out of order, or a text has
            something that HTML or PDF cannot show.
    """
    drafts = [_Draft(Path(path)) for path in paths]
    stems = Counter(draft.stem for draft in drafts)
    for draft in drafts:
        if not re.fullmatch(r"\w[\w-]*", draft.stem) or stems[draft.stem] > 1:
            raise RenderError(f"{draft.name}: a notebook's name must be unique, of letters, digits, - and _")
    items = [item for draft in drafts for item in draft.items]
    _parse(items)
    _number(items)
    targets = {draft.stem: draft.find_targets() for draft in drafts}
    _check_mathematics(items)
    return [draft.chapter(number, targets) for number, draft in enumerate(drafts, start=1)]


def parse_outside(markdown: str, chapters: Sequence[Chapter], place: str) -> Elements:
    """Parse Markdown that is outside the chapters, such as the cover's; its links may lead into them.

    Args:
        markdown: the text.
        chapters: of the report.
        place: what an error calls the text.

    Returns:
        Its blocks.

    Raises:
        RenderError: a link leads nowhere.
    """
    targets = {chapter.stem: chapter.targets for chapter in chapters}
    try:
        return links.resolve(pandoc.parse([markdown])[0], None, targets)
    except UserError as error:
        raise RenderError(f"{place}: {error}") from None


class _Draft:
    """A notebook on its way to becoming a chapter."""

    def __init__(self, path: Path):
        self.stem = path.stem
        self.name = path.name
        self.items: list[Item] = []
        self.notebook = _read(path)
        self.title: Elements = []
        self.sections: list[Section] = []
        cells = []
        for number, cell in enumerate(self.notebook.cells, start=1):
            tags = cell.get("metadata", {}).get("tags", [])
            if "remove-cell" in tags or not (cell.source.strip() or cell.get("outputs")):
                continue
            place = f"{self.name}, cell {number}"
            cell.id = f"cell-{number:03d}"
            summary = next((SUMMARIES[tag] for tag in tags if tag in SUMMARIES), "Show code")
            cell.metadata = nbformat.from_dict({"tags": tags, "summary": summary})
            if cell.cell_type == "markdown":
                cell.metadata["block"] = self._add(Item(place, "markdown", markdown=cell.source))
                cells.append(cell)
            elif cell.cell_type == "code":
                if cell.source.strip() and cell.execution_count is None:
                    raise RenderError(f"{place}: was not executed; run the notebook to its end")
                indices = [self._add(item) for item in read_outputs(cell, place)]
                cell.outputs = [nbformat.v4.new_output("display_data", metadata={"block": index}) for index in indices]
                cells.append(cell)
        self.notebook.cells = cells

    def _add(self, item: Item) -> int:
        self.items.append(item)
        return len(self.items) - 1

    def find_targets(self) -> Targets:
        """Check the headings, give them their ids, and list everything that links may lead to."""
        numbered = [item for item in self.items if item.number]
        labels = {item.metadata["label"]: f"{item.kind.capitalize()} {item.number}" for item in numbered}
        anchors = set(labels)
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
        return Targets(labels, frozenset(anchors))

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
        blocks = tuple(self._block(item, targets) for item in self.items)
        sections = tuple(Section(section.anchor, self._heading(section.title, targets)) for section in self.sections)
        title = self._heading(self.title, targets)
        places = tuple(item.place for item in self.items)
        return Chapter(self.stem, number, title, sections, blocks, places, self.notebook, targets[self.stem])

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
        item.content = content
        if item.kind in ("figure", "table"):
            if len(caption) != 1 or caption[0]["t"] not in ("Para", "Plain"):
                raise item.error(f"caption of {item.metadata['label']!r} is not one paragraph")
            item.caption = caption[0]["c"]
        if item.kind == "table" and [block["t"] for block in content] != ["Table"]:
            raise item.error(f"table {item.metadata['label']!r} is not one Markdown pipe table")


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
