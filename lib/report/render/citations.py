"""Resolve the citations of a report, and list the works cited."""

from collections.abc import Sequence

from lib.core.errors import did_you_mean
from lib.report.render import pandoc
from lib.report.render.outputs import Item
from lib.report.render.pandoc import Element, Elements

LIST = "refs"  # id of the list of works cited; an empty Div with it marks its place


def resolve(items: Sequence[Item], listed: bool) -> Elements:
    """Replace the citations in texts and captions by authors and year, linked to the list of works cited.

    Args:
        items: of all chapters, parsed; their content and captions are replaced.
        listed: whether the report has a place for the list.

    Returns:
        The list, a Div with an id `ref-<key>` for each work; nothing if no work is cited.

    Raises:
        RenderError: a work is not in the bibliography, or there is no place for the list.
    """
    citations: Elements = []

    def collect(element: Element) -> None:
        if element["t"] == "Cite":
            citations.append(element)

    for item in items:
        known = len(citations)
        pandoc.replace([item.content, item.caption], collect)  # in the order in which they are replaced below
        for key in (citation["citationId"] for cite in citations[known:] for citation in cite["c"][0]):
            if key not in pandoc.works():
                raise item.error(f"citation of unknown work '@{key}'{did_you_mean(key, sorted(pandoc.works()))}")
            if not listed:
                raise item.error(f"citation of '@{key}' in a report without an appendix, which would list it")
    texts, references = pandoc.cite(citations)
    following = iter(texts)
    for item in items:
        item.content, item.caption = pandoc.replace(
            [item.content, item.caption], lambda element: next(following) if element["t"] == "Cite" else None
        )
    return references
