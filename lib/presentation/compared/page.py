"""The page of two studies: no script, no network, and a policy that allows its own style and pictures only."""

from pathlib import Path

from lib.core.cache import replacing
from lib.core.formatting import count, listed
from lib.evaluation import paired
from lib.evaluation.paired import Comparison, Finished
from lib.presentation.compared import tables, words
from lib.presentation.compared.cards import groups, saved_with_maps
from lib.presentation.pages import environment, policy
from lib.presentation.scored import look
from lib.presentation.text.terms import in_words

FOLDER = Path(__file__).parent


def write_page(studies: tuple[Finished, Finished], path: Path) -> None:
    """Write the page, whole or not at all. The same reports give the same bytes."""
    text = compared_html(studies)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def compared_html(studies: tuple[Finished, Finished]) -> str:
    """Return the page of two finished studies, A and B."""
    found = paired.compare(*map(paired.answered, studies))
    saved = tuple(saved_with_maps(tested, study) for tested, study in zip((found.a, found.b), studies, strict=True))
    style = look() + (FOLDER / "compared.css").read_text(encoding="utf-8")
    params = tables.parameters(studies)
    return (
        environment(FOLDER)
        .get_template("compared.html.j2")
        .render(
            style=style,
            policy=policy(style),
            a=studies[0].params,
            b=studies[1].params,
            verdict=words.verdict(found),
            sharing=words.sharing(found, studies),
            params=params,
            differing=_differing(studies, len(params)),
            made_with=tables.made_with(studies),
            parts=[_part("The answers of the reports", words.detectors(found), found, studies)]
            + [_part(*each, studies) for each in _published(found, studies)],
            paired=found.paired,
            decisions=tables.decisions(found),
            groups=groups(found, studies, saved),
            maps=_maps(studies, saved),
        )
    )


def _part(heading: str, intro: str, found: Comparison, studies: tuple[Finished, Finished]) -> dict:
    """A heading, sentences and a table of metrics, as the template takes them."""
    return {
        "heading": heading,
        "sentences": [intro, *words.sharing(found, studies)],
        "rows": tables.metrics(found),
        "paired": found.paired,
    }


def _published(answers: Comparison, studies: tuple[Finished, Finished]) -> list[tuple[str, str, Comparison]]:
    """Heading, first sentence and comparison of each published detector that both studies have."""
    first, second = map(paired.published, studies)
    result = []
    for column in first:
        same = column == answers.a.column == answers.b.column  # these are compared already
        if column in second and not same:
            found, name = paired.compare(first[column], second[column]), in_words(first[column].detector)
            result.append((name[0].upper() + name[1:], words.thresholds(found), found))
    return result


def _differing(studies: tuple[Finished, Finished], differing: int) -> str:
    if not differing:
        return "The two studies have equal parameters but for name and title."
    return f"{count(differing, 'parameter differs', 'parameters differ')} besides name and title; the others are equal."


def _maps(studies: tuple[Finished, Finished], saved: tuple) -> str:
    """Whose heat maps the cards have."""
    able = [study.name for study, own in zip(studies, saved, strict=True) if own]
    unable = [study.name for study, own in zip(studies, saved, strict=True) if not own]
    if not able:
        return "The answering detectors have no heat maps."
    missing = f" The answering detector of {unable[0]} has none." if unable else ""
    return f"Heat maps are by the answering detector{'' if unable else 's'} of {listed(able)}.{missing}"
