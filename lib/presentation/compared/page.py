"""The page of two studies: no script, no network, and a policy that allows its own style and pictures only."""

from dataclasses import dataclass
from pathlib import Path

from lib.core.cache import replacing
from lib.core.formatting import count, listed
from lib.evaluation import paired
from lib.evaluation.paired import Comparison, Finished
from lib.presentation.compared import tables, words
from lib.presentation.compared.cards import groups, saved_with_maps
from lib.presentation.pages import environment, policy
from lib.presentation.scored import look

FOLDER = Path(__file__).parent


def write_page(studies: tuple[Finished, Finished], path: Path) -> None:
    """Write the page, whole or not at all. The same reports give the same bytes."""
    text = compared_html(studies)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def compared_html(studies: tuple[Finished, Finished]) -> str:
    """Return the page of two finished studies, A and B."""
    found = paired.compare(*map(paired.answered, studies))
    saved = tuple(saved_with_maps(side, study) for side, study in zip((found.a, found.b), studies, strict=True))
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
            params=params,
            differing=_differing(studies, len(params)),
            made_with=tables.made_with(studies),
            parts=_parts(found, studies),
            paired=found.paired,
            decisions=tables.decisions(found),
            groups=groups(found, studies, saved),
            maps=_maps(studies, saved),
        )
    )


@dataclass
class Part:
    """A table of metrics: its heading, sentences about its images, and detectors with their rows.

    Attributes:
        heading: above it.
        sentences: which images it is of.
        paired: whether it has differences.
        detectors: of each, a line, empty where there is one alone, and its rows.
    """

    heading: str
    sentences: list[str]
    paired: bool
    detectors: list[tuple[str, list]]


def _parts(answers: Comparison, studies: tuple[Finished, Finished]) -> list[Part]:
    """The answers, then the published detectors that both studies have; those with the same images in one table."""
    sentences = [words.detectors(answers), *words.sharing(answers, studies)]
    parts = [Part("The answers of the reports", sentences, answers.paired, [("", tables.metrics(answers))])]
    first, second = map(paired.published, studies)
    for column in first:
        if column not in second or column == answers.a.column == answers.b.column:
            continue
        found = paired.compare(first[column], second[column])
        sentences = words.sharing(found, studies, "each published detector")
        rows = words.thresholds(found), tables.metrics(found)
        same = next((part for part in parts[1:] if part.sentences == sentences), None)
        if same:
            same.detectors.append(rows)
        else:
            parts.append(Part("Published detectors in both studies", sentences, found.paired, [rows]))
    return parts


def _differing(studies: tuple[Finished, Finished], differing: int) -> str:
    if not differing:
        return "The two studies have equal parameters but for name and title."
    return f"{count(differing, 'parameter differs', 'parameters differ')} besides name and title; the others are equal."


def _maps(studies: tuple[Finished, Finished], saved: tuple) -> str:
    """Whose heat maps the cards have."""
    able = [study.name for study, own in zip(studies, saved, strict=True) if own]
    unable = [study.name for study, own in zip(studies, saved, strict=True) if not own]
    if not able:
        return "The saved detectors of the answers draw no heat maps."
    missing = f" That of {unable[0]} draws none." if unable else ""
    return f"Heat maps are by the answering detector{'' if unable else 's'} of {listed(able)}.{missing}"
