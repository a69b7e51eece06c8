"""The numbers of a finished report, read again from its web pages and from the text of its PDF."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pypdf

from lib.report.render.sources import NUMBER

WORD = re.compile(r"\S*\d\S*")
UNREAD = ("script", "style", "head", "svg", "math")  # elements without sentences; data of the explorer are read apart
CODE = ("code", "pre")  # of the page: shown as it was executed
BLOCKS = {"p", "li", "td", "th", "h1", "h2", "h3", "figcaption", "dd", "dt", "div", "img", "main", "footer"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass(frozen=True)
class Number:
    """A number on a page.

    Attributes:
        text: as it is printed; where it has no source, the whole word, which may be a name such as `Lite0`.
        ref: its source; empty for a number that has none.
        value: the number at the source, as the page states it.
        title: what its tooltip says.
        context: the words before it, for messages.
        kind: `computed`; `written` by hand, in a text; `alternative`, in the description of a figure; `numbering` of
            chapters, sections, figures and tables, and the date; `reference`, of a work that is cited; or `code`.
    """

    text: str
    ref: str = ""
    value: str = ""
    title: str = ""
    context: str = ""
    kind: str = "written"

    @property
    def stated(self) -> str:
        """The number in the word; empty for a mere name with a digit."""
        found = NUMBER.search(self.text)
        return found[0] if found else ""


class _Page(HTMLParser):
    """Collects the numbers of the visible text, of alternative texts, and of `<data>`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.numbers: list[Number] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self._words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if "alt" in attributes:
            self._read(attributes["alt"], kind="alternative")
        if tag not in VOID:
            self._open.append((tag, attributes))
        if tag in BLOCKS:
            self._words = ""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tags = {tag for tag, _ in self._open}
        if tags & set(UNREAD):
            return
        tag, attributes = self._open[-1] if self._open else ("", {})
        if tag == "data":
            ref, value, title = (attributes.get(name, "") for name in ("data-ref", "value", "title"))
            self.numbers.append(Number(data, ref, value, title, self._words[-60:], "computed"))
            self._words += data
        else:
            self._read(data, self._kind(tags))

    def _kind(self, tags: set[str]) -> str:
        if tags & set(CODE) or any("code" in attributes.get("class", "").split() for _, attributes in self._open):
            return "code"
        anchors = [attributes.get("href", "") for tag, attributes in self._open if tag == "a"]
        inside = {attributes.get("id", "") for _, attributes in self._open}
        if "refs" in inside or any("#ref-" in anchor for anchor in anchors):
            return "reference"
        classes = {name for _, attributes in self._open for name in attributes.get("class", "").split()}
        numbered = classes & {"numeral", "eyebrow"} or tags & {"nav", "footer", "summary"}
        floats = any(re.search("#(fig|tab)-", anchor) for anchor in anchors)
        if numbered or floats or ("b" in tags and "figcaption" in tags):
            return "numbering"
        return "written"

    def _read(self, text: str, kind: str) -> None:
        done = 0
        for match in WORD.finditer(text):
            self._words += text[done : match.start()]
            self.numbers.append(Number(match[0], context=self._words[-60:], kind=kind))
            self._words += match[0]
            done = match.end()
        self._words += text[done:]


def of_html(html: str) -> list[Number]:
    """The numbers of a web page, in order; those in formulas and in the data of the explorer are left out."""
    page = _Page()
    page.feed(html)
    page.close()
    return page.numbers


def data_of(html: str) -> str:
    """What the scripts of a page read, such as the scores of the explorer."""
    return "".join(re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL))


def of_pdf(path: Path) -> str:
    """The text of a PDF, page after page."""
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(path).pages)


def in_text(text: str) -> Iterator[Number]:
    """The numbers of a plain text, in order."""
    for match in WORD.finditer(text):
        yield Number(match[0], context=" ".join(text[max(0, match.start() - 60) : match.start()].split()))
