"""The chapters in Typst's words: pandoc's tree with figures, tables, headings, links and formulas made ready.

pandoc's own Typst writer loses alternative texts and column widths; what it would lose is written here, as calls of
the functions in style.typ.
"""

import re

from lib.report.render import pandoc, references, tabular
from lib.report.render.document import Block, Chapter, Figure, Prose, Table
from lib.report.render.pandoc import Element, Elements, raw

PLACE = "//@ "  # begins a line that names the notebook and cell of the lines below


def body(chapter: Chapter) -> Elements:
    """A chapter as blocks for pandoc's Typst writer; a comment before each says where it comes from."""
    blocks = []
    for block, place in zip(chapter.blocks, chapter.places, strict=True):
        blocks += [{"t": "RawBlock", "c": ["typst", f"{PLACE}{place}"]}, *_blocks(block)]
    return ready(blocks, chapter.stem)


def ready(blocks: Elements, stem: str) -> Elements:
    """Blocks whose headings, links, tables and formulas are ready; `stem` is the chapter that they stand in."""
    return pandoc.changed(blocks, lambda element: _change(element, stem))


def file_name(figure: Figure) -> str:
    """The file that a figure's image is written to."""
    return f"{figure.label}.{figure.suffix}"


def quoted(text: str) -> str:
    """A text as a Typst string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "    ")
    return f'"{escaped}"'


def _blocks(block: Block) -> Elements:
    if isinstance(block, Prose):
        return pandoc.changed(block.content, _marked)
    if isinstance(block, Figure):
        alt = quoted(" ".join(block.alt.split()))
        given = f"{quoted(block.label)}, {quoted(file_name(block))}, {alt}, {block.number}"
        return [_line([raw("typst", f"#report-figure({given}, ["), *_captions(block), raw("typst", "])")])]
    if isinstance(block, Table):
        laid = tabular.layout(block.content)
        given = f"{quoted(block.label)}, {block.number}, {'true' if laid.breakable else 'false'}"
        opening = raw("typst", f"#captioned-table({given}, [")
        table = [raw("typst", "], "), *tabular.call(laid, _mark(block.label)), raw("typst", ")")]
        return [_line([opening, *_captions(block), *table])]
    return [{"t": "RawBlock", "c": ["typst", f"#printed({quoted(block.text)})"]}]


def _marked(element: Element) -> Elements | None:
    """A paragraph with a mark before its last word; Typst would move one behind it to what comes next."""
    if element["t"] not in ("Para", "Plain"):
        return None
    return [{"t": element["t"], "c": [*element["c"][:-1], _mark(""), *element["c"][-1:]]}]


def _mark(label: str) -> Element:
    return raw("typst", f"#mark({quoted(label)});")


def _line(inlines: Elements) -> Element:
    return {"t": "Plain", "c": inlines}


def _captions(block: Figure | Table) -> Elements:
    """The short caption and the whole one."""
    return [*block.short, raw("typst", "], ["), *block.caption]


def _change(element: Element, stem: str) -> Elements | None:
    kind, content = element["t"], element.get("c")
    if kind == "Header":
        level, attributes, inlines = content
        heading = {"t": "Header", "c": [level, [f"{stem}--{attributes[0]}", [], []], inlines]}
        anchor = {"t": "RawBlock", "c": ["typst", f"#metadata(none) <{stem}>"]}
        return [heading, anchor] if level == 1 else [heading]
    if kind == "Link":
        place = references.split(content[2][0])
        return None if place is None else [{"t": "Link", "c": [content[0], content[1], [f"#{_label(*place)}", ""]]}]
    if kind == "Math":  # PDF/UA wants words for every formula; its TeX is what a reader of formulas reads
        block = "true" if content[0]["t"] == "DisplayMath" else "false"
        alt = quoted(" ".join(content[1].split()))
        return [raw("typst", f"#math.equation(alt: {alt}, block: {block}, "), element, raw("typst", ")")]
    if kind == "Table":
        return [_line([raw("typst", "#"), *tabular.call(tabular.layout(element))])]
    return None


def _label(stem: str, anchor: str) -> str:
    if not anchor:
        return stem
    return anchor if re.match(r"(fig|tab)-", anchor) else f"{stem}--{anchor}"
