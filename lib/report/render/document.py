"""Executed notebooks as one document: chapters whose figures and tables are numbered and whose references are checked.

The HTML pages and the PDF are both written from what [`read_chapters`][lib.report.render.document.read_chapters] returns,
so a figure has one number and a broken reference stops both.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from lib.core.errors import UserError
from lib.report.render import pandoc
from lib.report.render.model import Block, Chapter, Figure, Prose, RenderError, ReportInfo, Section, Table, Text
from lib.report.render.outputs import Item, shown
from lib.report.render.pandoc import Elements
from lib.report.render.references import Targets, resolved

SUMMARIES = {"parameters": "Show default parameters", "injected-parameters": "Show parameters of this study"}
__all__ = [
    "Block", "Chapter", "Figure", "Prose", "RenderError", "ReportInfo", "Section", "Table", "Text",
    "read_chapters", "resolved_text",
]  # fmt: skip


def read_chapters(paths: Sequence[Path]) -> list[Chapter]:
    """Reads executed notebooks as the chapters of one document.

    Args:
        paths: the notebooks, in the order of the chapters.

    Returns:
        A chapter for each notebook. Figures and tables are numbered through all of them.

    Raises:
        RenderError: a notebook cannot be read or was not executed to its end, a figure lacks its caption or its
            alternative text, a label is used twice, a reference leads nowhere, headings are out of order, or a text
            holds what one of the two forms cannot show.
    """
    drafts = [_Draft(Path(path)) for path in paths]
    for draft in drafts:
        if not re.fullmatch(r"\w[\w-]*", draft.stem) or [each.stem for each in drafts].count(draft.stem) > 1:
            raise RenderError(f"{draft.name}: a notebook's name must be its own, of letters, digits, - and _")
    _parse([item for draft in drafts for item in draft.items])
    _number([item for draft in drafts for item in draft.items])
    targets = {draft.stem: draft.find_targets() for draft in drafts}
    _check_mathematics(drafts)
    return [draft.chapter(number, targets) for number, draft in enumerate(drafts, start=1)]


def resolved_text(markdown: str, chapters: Sequence[Chapter], where: str) -> Elements:
    """Parses Markdown that stands outside the chapters; its references lead into them.

    Args:
        markdown: the text.
        chapters: of the report.
        where: what to call the place in an error.

    Returns:
        Its blocks.

    Raises:
        RenderError: a reference leads nowhere.
    """
    targets = {chapter.stem: chapter.targets for chapter in chapters}
    try:
        return resolved(pandoc.parse([markdown])[0], None, targets)
    except UserError as error:
        raise RenderError(f"{where}: {error}") from None


class _Draft:
    """A notebook on its way to becoming a chapter."""

    def __init__(self, path: Path):
        self.stem = path.stem
        self.name = path.name
        self.items: list[Item] = []
        self.notebook = _read(path)
        self.title: Elements = []
        self.sections: list[Section] = []
        kept = []
        for index, cell in enumerate(self.notebook.cells, start=1):
            tags = cell.get("metadata", {}).get("tags", [])
            if "remove-cell" in tags or not (cell.source.strip() or cell.get("outputs")):
                continue
            where = f"{self.name}, cell {index}"
            cell.id = f"cell-{index:03d}"
            summary = next((SUMMARIES[tag] for tag in tags if tag in SUMMARIES), "Show code")
            cell.metadata = nbformat.from_dict({"tags": tags, "summary": summary})
            if cell.cell_type == "markdown":
                cell.metadata["block"] = self._add(Item(where, "markdown", markdown=cell.source))
                kept.append(cell)
            elif cell.cell_type == "code":
                if cell.source.strip() and cell.execution_count is None:
                    raise RenderError(f"{where}: was not executed; run the notebook to its end")
                cell.outputs = self._outputs(cell.outputs, where)
                kept.append(cell)
        self.notebook.cells = kept

    def _add(self, item: Item) -> int:
        self.items.append(item)
        return len(self.items) - 1

    def _outputs(self, outputs: list, where: str) -> list:
        """The outputs that are shown, as display data that carry the index of their item."""
        kept = []
        for output in outputs:
            item = shown(output, where)
            if item is None:
                continue
            if item.kind == "text" and kept and self.items[-1].kind == "text":
                self.items[-1].text += "\n" + item.text
                continue
            kept.append(nbformat.v4.new_output("display_data", metadata={"block": self._add(item)}))
        return kept

    def find_targets(self) -> Targets:
        """Checks the headings, gives them their ids, and lists all that references may lead to."""
        labels = {item.report["label"]: f"{_kind(item)} {item.number}" for item in self.items if item.number}
        anchors: dict[str, str] = dict.fromkeys(labels, "")
        level = 0
        for item in self.items:
            for element in pandoc.elements(item.content):
                if element["t"] != "Header":
                    continue
                title = pandoc.plain(element["c"][2])
                if item.kind != "markdown":
                    raise item.error(f"heading {title!r} in an output; headings belong into Markdown cells")
                if element["c"][0] == 1 and level:
                    raise item.error(f"second title {title!r}; a notebook has one heading with a single #")
                if element["c"][0] > level + 1:
                    raise item.error(_heading_problem(title, level))
                level = element["c"][0]
                element["c"][1][0] = anchor = _free(element["c"][1][0] or "section", anchors)
                anchors[anchor] = title
                if level == 1:
                    self.title = element["c"][2]
                if level == 2:
                    self.sections.append(Section(anchor, element["c"][2]))
        first = self.items[0] if self.items else None
        if not first or first.kind != "markdown" or not first.content or first.content[0]["t"] != "Header":
            raise RenderError(f"{self.name}: no title; its first cell must be Markdown that begins with '# Title'")
        return Targets(labels, frozenset(anchors))

    def chapter(self, number: int, targets: dict[str, Targets]) -> Chapter:
        """The chapter, with its references resolved."""
        blocks = tuple(self._block(item, targets) for item in self.items)
        sections = tuple(Section(each.anchor, self._inlines(each.title, targets)) for each in self.sections)
        title = self._inlines(self.title, targets)
        places = tuple(item.where for item in self.items)
        return Chapter(self.stem, number, title, sections, blocks, places, self.notebook, targets[self.stem])

    def _inlines(self, inlines: Elements, targets: dict[str, Targets]) -> Elements:
        """A heading as it stands in lists of contents: its references are text there."""
        unlinked = pandoc.changed(inlines, lambda element: element["c"][1] if element["t"] == "Link" else None)
        return resolved(unlinked, self.stem, targets)

    def _block(self, item: Item, targets: dict[str, Targets]) -> Block:
        if item.kind == "text":
            return Text(item.text)
        try:
            content = resolved(item.content, self.stem, targets)
            caption = resolved(item.caption, self.stem, targets)
        except UserError as error:
            raise item.error(str(error)) from None
        if item.kind == "figure":
            return Figure(item.report["label"], item.number, caption, item.report["alt"], item.image, item.suffix)
        if item.kind == "table":
            return Table(item.report["label"], item.number, caption, content[0])
        return Prose(content)


def _read(path: Path) -> nbformat.NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise RenderError(f"{path.name}: no such notebook in {path.parent.name}; execute it first") from None
    except Exception as error:  # nbformat has no one kind of error for files that are no notebooks
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RenderError(f"{path.name}: not a notebook ({said}); execute it again") from None


def _parse(items: list[Item]) -> None:
    """Parses all Markdown of the report at once: a pandoc for each text would take minutes."""
    texts = pandoc.parse([text for item in items for text in (item.markdown, (item.report or {}).get("caption", ""))])
    for item, content, caption in zip(items, texts[::2], texts[1::2], strict=True):
        item.content = content
        if item.report and item.report["kind"] in ("figure", "table"):
            if len(caption) != 1 or caption[0]["t"] not in ("Para", "Plain"):
                raise item.error(f"caption of {item.report['label']!r} is not one paragraph")
            item.caption = caption[0]["c"]
        if item.kind == "table" and [block["t"] for block in content] != ["Table"]:
            raise item.error(f"table {item.report['label']!r} is not one Markdown pipe table")


def _number(items: list[Item]) -> None:
    """Numbers figures and tables in order of appearance, and refuses a label that is taken."""
    seen: dict[str, Item] = {}
    counts = {"figure": 0, "table": 0}
    for item in items:
        if item.kind not in counts:
            continue
        label = item.report["label"]
        if label in seen:
            raise item.error(f"label {label!r} is taken ({seen[label].where}); give each figure and table its own")
        seen[label] = item
        counts[item.kind] += 1
        item.number = counts[item.kind]


def _check_mathematics(drafts: list[_Draft]) -> None:
    """Refuses TeX that pandoc cannot read, and says where it stands."""
    places: dict[str, Item] = {}
    formulas = []
    for draft in drafts:
        for item in draft.items:
            for element in pandoc.elements([item.content, item.caption]):
                if element["t"] == "Math" and element["c"][1] not in places:
                    places[element["c"][1]] = item
                    formulas.append(element)
    for form in ("html5", "typst"):
        try:
            pandoc.write([pandoc.paragraph([formula]) for formula in formulas], form, "--mathml")
        except pandoc.PandocError as error:
            said = str(error).split("TeX math ", 1)[-1]
            for tex, item in places.items():
                if said.startswith(" ".join(tex.split())):
                    raise item.error(f"TeX that cannot be read: {' '.join(tex.split())}") from None
            raise RenderError(str(error)) from None


def _kind(item: Item) -> str:
    return item.kind.capitalize()


def _heading_problem(title: str, level: int) -> str:
    if level == 0:
        return f"heading {title!r} before the title; a notebook begins with '# Title'"
    return f"heading {title!r} skips a level; it follows one with {level} #"


def _free(anchor: str, taken: dict[str, str]) -> str:
    """The anchor, or with a number behind it if it is taken."""
    number, free = 1, anchor
    while free in taken:
        number, free = number + 1, f"{anchor}-{number + 1}"
    return free
