"""Link the first use of each term in a chapter to its entry in the glossary."""

import re
from collections.abc import Collection, Iterable

from lib.presentation.text.glossary import OTHER_MEANINGS, TERMS
from lib.report.render.outputs import Item
from lib.report.render.pandoc import Element, Elements

PREFIX = "term-"  # of the anchors of entries


def link_first_uses(items: Iterable[Item], anchors: Collection[str]) -> set[str]:
    """Link the first use of each term in the prose of a chapter; return the anchors that are linked to.

    Headings, captions, tables, code, links and citations stay as they are.

    Args:
        items: of one chapter; their content is replaced.
        anchors: of the entries that the glossary has.
    """
    linker = _Linker(anchors)
    for item in items:
        if item.kind in ("markdown", "prose"):
            item.content = linker.blocks(item.content)
    return set(anchors) - linker.pending


def _forms(word: str) -> set[str]:
    """A word with a small and a capital first letter, and the plural of both."""
    both = {word[0].lower() + word[1:], word[0].upper() + word[1:]}
    return both | {f"{form}s" for form in both}


_ANCHORS = {form: term.anchor for term in TERMS for word in term.words for form in _forms(word)}
_OTHER = {form: "" for word in OTHER_MEANINGS for form in _forms(word)}
_WORDS = sorted([*_ANCHORS, *_OTHER], key=lambda form: (-len(form), form))  # the longest first: `false alarm rate`
_PATTERN = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, _WORDS))})(?![\w-])")


class _Linker:
    def __init__(self, anchors: Collection[str]):
        self.pending = set(anchors)

    def blocks(self, blocks: Elements) -> Elements:
        return [self._block(block) for block in blocks]

    def _block(self, block: Element) -> Element:
        kind, content = block["t"], block.get("c")
        if kind in ("Para", "Plain"):
            return {"t": kind, "c": self._inlines(content)}
        if kind == "BlockQuote":
            return {"t": kind, "c": self.blocks(content)}
        if kind == "BulletList":
            return {"t": kind, "c": [self.blocks(entry) for entry in content]}
        if kind == "OrderedList":
            return {"t": kind, "c": [content[0], [self.blocks(entry) for entry in content[1]]]}
        return block

    def _inlines(self, inlines: Elements) -> Elements:
        result, words = [], []
        for element in inlines:
            if element["t"] in ("Str", "Space", "SoftBreak"):
                words.append(element)
                continue
            result += self._words(words)
            words = []
            if element["t"] in ("Strong", "Emph"):
                element = {"t": element["t"], "c": self._inlines(element["c"])}
            result.append(element)
        return result + self._words(words)

    def _words(self, words: Elements) -> Elements:
        """Words and spaces with links; a term may be several of them, and end within one."""
        text = "".join(element["c"].replace("\u00a0", " ") if element["t"] == "Str" else " " for element in words)
        result, done = [], 0
        for match in _PATTERN.finditer(text):
            anchor = _ANCHORS.get(match[0])
            if anchor in self.pending:
                self.pending.discard(anchor)
                link = [["", ["term"], []], _cut(words, *match.span()), [f"#{anchor}", ""]]
                result += [*_cut(words, done, match.start()), {"t": "Link", "c": link}]
                done = match.end()
        return result + _cut(words, done, len(text))


def _cut(words: Elements, start: int, end: int) -> Elements:
    """The part of some words from one character to another."""
    part, offset = [], 0
    for element in words:
        length = len(element["c"]) if element["t"] == "Str" else 1
        low, high = max(start - offset, 0), min(end - offset, length)
        if low < high:
            part.append({"t": "Str", "c": element["c"][low:high]} if element["t"] == "Str" else element)
        offset += length
    return part
