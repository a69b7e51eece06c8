"""Links inside a report: to chapters, headings, figures and tables; a link that leads nowhere is an error.

In a resolved text every inner link leads to `report:<chapter>#<anchor>`; HTML makes it the address of a page, the PDF
a label. A link to `beside:<address>` leads to a file that is not of this report, relative to its folder; whoever writes
it knows that the file is there. The PDF, which may be read elsewhere, has only its words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.core.errors import UserError, did_you_mean
from lib.presentation.tables.markdown import BESIDE
from lib.report.render import pandoc
from lib.report.render.pandoc import Element, Elements

SCHEME = "report:"
_PAGE = re.compile(r"(?:\./)?([\w-]+)\.(?:ipynb|html)(?:#(.*))?")
_ENVIRONMENT = re.compile(r"\\begin\{(align|alignat|equation|gather|multline|eqnarray|flalign)\*?\}")


@dataclass(frozen=True)
class Targets:
    """What links may lead to in a chapter.

    Attributes:
        labels: what links of any chapter may lead to: figures and tables, each with its name, such as "Figure 3", and
            entries of the glossary and works cited, whose links keep their words.
        anchors: ids of headings and the like, and the labels.
        absent: what is not in this report and may be in that of another study, as `#label`, `chapter#anchor` or
            `chapter#`; the same in all chapters. A link to it becomes text.
    """

    labels: Mapping[str, str]
    anchors: frozenset[str]
    absent: frozenset[str] = frozenset()


def resolve(tree: Any, stem: str | None, targets: Mapping[str, Targets]) -> Any:
    """A copy of a tree that both HTML and PDF can show, with its inner links resolved.

    The text of a link to a figure or table becomes its name. A link to what is absent becomes text. TeX environments
    become mathematics; comments are removed.

    Args:
        tree: blocks or inlines.
        stem: the chapter that the text belongs to, or None.
        targets: of every chapter, by its stem.

    Raises:
        UserError: a link leads nowhere, or there is a citation that was not resolved, or an image, HTML or TeX that
            HTML or PDF would lose.
    """
    return pandoc.replace(tree, lambda element: _change(element, stem, targets))


def split(target: str) -> tuple[str, str] | None:
    """Chapter and anchor of a resolved inner link; None for any other link."""
    if not target.startswith(SCHEME):
        return None
    stem, _, anchor = target.removeprefix(SCHEME).partition("#")
    return stem, anchor


def address(target: str) -> str | None:
    """The address of a file beside the report that a link leads to; None for any other link."""
    return target.removeprefix(BESIDE) if target.startswith(BESIDE) else None


def _change(element: Element, stem: str | None, targets: Mapping[str, Targets]) -> Elements | None:
    kind = element["t"]
    if kind == "Link":
        return _resolve_link(element, stem, targets)
    if kind == "Cite":
        raise UserError(f"citation of '@{element['c'][0][0]['citationId']}' outside the chapters; cite it in a chapter")
    if kind == "Image":
        raise UserError(f"image {element['c'][2][0]!r} in the text; show images with show.figure")
    if kind in ("RawInline", "RawBlock"):
        return _replace_raw(kind, *element["c"])
    return None


def _resolve_link(element: Element, stem: str | None, targets: Mapping[str, Targets]) -> Elements:
    attributes, words, (target, _) = element["c"]
    try:
        place = _find(target, stem, targets)
    except UserError:
        if words and _is_absent(target, stem, targets):
            return words
        raise
    if place is None:
        return [element]
    name = targets[place[0]].labels.get(place[1])
    words = [{"t": "Str", "c": name.replace(" ", "\u00a0")}] if name else words
    words = words or [{"t": "Str", "c": target}]
    return [{"t": "Link", "c": [attributes, words, [f"{SCHEME}{'#'.join(place)}", ""]]}]


def _is_absent(target: str, stem: str | None, targets: Mapping[str, Targets]) -> bool:
    page = _PAGE.fullmatch(target)
    chapter, anchor = (page[1], page[2] or "") if page else (stem or "", target.removeprefix("#"))
    spellings = {f"#{anchor}", f"{chapter}#{anchor}", f"{chapter}#{anchor.lower()}", f"{chapter}#"}
    return any(spellings & known.absent for known in targets.values())


def _find(target: str, stem: str | None, targets: Mapping[str, Targets]) -> tuple[str, str] | None:
    """Chapter and anchor that a link leads to; None if it leads out of the report."""
    if re.match(rf"(https?:|mailto:|{BESIDE})", target):
        return None
    page = _PAGE.fullmatch(target)
    if page:
        stem, anchor = page[1], page[2] or ""
        if stem not in targets:
            raise UserError(f"link to {target!r}, no chapter of this report{did_you_mean(stem, list(targets))}")
    elif target.startswith("#"):
        anchor = target[1:]
        for chapter, known in targets.items():
            if anchor in known.labels:
                return chapter, anchor
    else:
        raise UserError(f"link to {target!r}, which is no part of the report; link to a chapter, a label or the web")
    if page and not anchor:
        return stem, ""
    anchors = targets[stem].anchors if stem else frozenset()
    # JupyterLab keeps capitals in the ids of headings, pandoc does not.
    for spelling in (anchor, anchor.lower()):
        if spelling in anchors:
            return stem, spelling
    names = [*anchors, *(label for known in targets.values() for label in known.labels)]
    raise UserError(f"link to unknown label {target!r}{did_you_mean(anchor, names)}")


def _replace_raw(kind: str, form: str, text: str) -> Elements:
    """Mathematics for TeX environments, nothing for comments, a line break for `<br>`; other raw text is refused."""
    if form in ("tex", "latex") and _ENVIRONMENT.match(text.strip()):
        formula = {"t": "Math", "c": [{"t": "DisplayMath"}, text.strip()]}
        return [formula] if kind == "RawInline" else [{"t": "Para", "c": [formula]}]
    if form == "html" and text.lstrip().startswith("<!--"):
        return []
    if form == "html" and kind == "RawInline" and re.fullmatch(r"<br\s*/?>", text.strip()):
        return [{"t": "LineBreak"}]
    excerpt = " ".join(text.split())[:40]
    raise UserError(f"{form} in the text ({excerpt}), which HTML and PDF cannot both show; write Markdown")
