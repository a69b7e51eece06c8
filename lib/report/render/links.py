"""Links inside a report: to chapters, headings, figures and tables; a link that leads nowhere is an error.

In a resolved text every inner link leads to `report:<chapter>#<anchor>`; HTML makes it the address of a page, the PDF
a label.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.core.errors import UserError, did_you_mean
from lib.report.render import pandoc
from lib.report.render.pandoc import Element, Elements

SCHEME = "report:"
_PAGE = re.compile(r"(?:\./)?([\w-]+)\.(?:ipynb|html)(?:#(.*))?")
_ENVIRONMENT = re.compile(r"\\begin\{(align|alignat|equation|gather|multline|eqnarray|flalign)\*?\}")


@dataclass(frozen=True)
class Targets:
    """What links may lead to in a chapter.

    Attributes:
        labels: labels of figures and tables, each with its name, such as "Figure 3".
        anchors: ids of headings, and the labels.
    """

    labels: Mapping[str, str]
    anchors: frozenset[str]


def resolve(tree: Any, stem: str | None, targets: Mapping[str, Targets]) -> Any:
    """A copy of a tree that both HTML and PDF can show, with its inner links resolved.

    The text of a link to a figure or table becomes its name. TeX environments become mathematics; comments are removed.

    Args:
        tree: blocks or inlines.
        stem: the chapter that the text belongs to, or None.
        targets: of every chapter, by its stem.

    Raises:
        UserError: a link leads nowhere, or there is an image, HTML or TeX that HTML or PDF would lose.
    """
    return pandoc.replace(tree, lambda element: _change(element, stem, targets))


def split(target: str) -> tuple[str, str] | None:
    """Chapter and anchor of a resolved inner link; None for any other link."""
    if not target.startswith(SCHEME):
        return None
    stem, _, anchor = target.removeprefix(SCHEME).partition("#")
    return stem, anchor


def _change(element: Element, stem: str | None, targets: Mapping[str, Targets]) -> Elements | None:
    kind = element["t"]
    if kind == "Link":
        return [_resolve_link(element, stem, targets)]
    if kind == "Image":
        raise UserError(f"image {element['c'][2][0]!r} in the text; show images with show.figure")
    if kind in ("RawInline", "RawBlock"):
        return _replace_raw(kind, *element["c"])
    return None


def _resolve_link(element: Element, stem: str | None, targets: Mapping[str, Targets]) -> Element:
    attributes, words, (target, _) = element["c"]
    place = _find(target, stem, targets)
    if place is None:
        return element
    name = targets[place[0]].labels.get(place[1])
    words = [{"t": "Str", "c": name.replace(" ", "\u00a0")}] if name else words
    return {"t": "Link", "c": [attributes, words or [{"t": "Str", "c": target}], [f"{SCHEME}{'#'.join(place)}", ""]]}


def _find(target: str, stem: str | None, targets: Mapping[str, Targets]) -> tuple[str, str] | None:
    """Chapter and anchor that a link leads to; None if it leads out of the report."""
    if re.match(r"(https?|mailto):", target):
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
