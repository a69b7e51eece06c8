"""The first page of a report, from its run folder."""

from lib.core import traced
from lib.core.characters import readable
from lib.detectors import BASELINE
from lib.presentation import plots, show
from lib.presentation.memo import Memo, Picture
from lib.presentation.text import first_page, warning
from lib.study import Run, Study

KINDS = ("Detected anomaly", "Missed anomaly", "False alarm", "Normal image")


@traced.marks
def memo(study: Study, run: Run) -> Memo:
    """The decision memo of a study.

    Args:
        study: The study.
        run: Its run, after the last notebook.
    """
    params, figures = study.params, run.read("metrics")
    answer = figures["answer"]
    return Memo(
        question=first_page.question(params, study.counts["anomalies"]),
        answer=first_page.answer(answer),
        in_use=first_page.in_use(answer, params.prevalence),
        boxes=first_page.boxes(answer),
        picture=_picture(study, run),
        warnings=tuple(warning(record) for record in figures["warnings"]),
        next_steps=tuple(first_page.next_steps(params, figures)),
    )


def _picture(study: Study, run: Run) -> Picture | None:
    """A detected anomaly with its heat map, a missed anomaly, and a false alarm, as far as there are any."""
    arrays = run.arrays("first_page", BASELINE)
    indices = {kind: int(index) for kind, index in zip(KINDS, arrays["indices"], strict=True) if index >= 0}
    if not indices:
        return None
    images = {kind: study.pixels([index])[0] for kind, index in indices.items()}
    heat_map, by, scale = arrays.get("map"), str(arrays.get("by", "")), tuple(arrays.get("scale", ()))
    if by:
        images[next(iter(images))] = arrays["picture"]
    classes = {kind: str(study.class_names[index]) for kind, index in indices.items()}
    titles = [f"{kind}\n{readable(name)}" for kind, name in classes.items()]
    figure = plots.decisions(list(images.values()), titles, heat_map, scale)
    return Picture(show.svg(figure).encode(), figure.get_label(), first_page.picture(classes, by))
