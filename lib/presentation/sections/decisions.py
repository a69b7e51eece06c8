"""Parts about the images that a detector decides rightly and wrongly, where there are any."""

from collections.abc import Sequence

import numpy as np

from lib.data import attributes
from lib.detectors import BASELINE
from lib.evaluation.claims import FEW, Verdict, check_claims
from lib.evaluation.mistakes import Mistakes, compare
from lib.presentation import examples, plots, show, tables, text
from lib.study import Run, Study, citation

CLASSES = 4  # whose images are shown at either end


def heat_maps(study: Study, run: Run) -> None:
    """Heat maps of the anomalies that the published autoencoder scores lowest, where a detector has any."""
    arrays = run.arrays("heat_maps", BASELINE)
    if not arrays:
        show.nothing("no detector of the parameter file has heat maps")
        return
    show.prose(text.heat_maps(study.params, len(arrays["indices"])))
    maps, classes = arrays["maps"], study.class_names[arrays["indices"]]
    show.figure(
        plots.heat_maps(arrays["pictures"], maps, maps.max(axis=(1, 2)), classes),
        label="fig-heat",
        caption="The anomalies with the lowest scores, and where they are unlike every normal image.",
    )


def missed(study: Study, scores: np.ndarray, wrong: Mistakes) -> None:
    """The missed anomalies with the lowest scores."""
    if not len(wrong.missed):
        show.nothing("no anomaly is missed")
        return
    indices = examples.lowest(scores, wrong.missed)
    show.figure(
        examples.grid(study, indices, scores),
        label="fig-missed",
        caption=f"Missed anomalies: {len(indices)} of {len(wrong.missed):,}, lowest scores first.",
    )


def false_alarms(study: Study, scores: np.ndarray, wrong: Mistakes) -> None:
    """The flagged normal images with the highest scores."""
    if not len(wrong.alarms):
        show.nothing("there is no false alarm")
        return
    indices = examples.highest(scores, wrong.alarms)
    show.figure(
        examples.grid(study, indices, scores, classes=False),
        label="fig-alarms",
        caption=f"False alarms: {len(indices)} of {len(wrong.alarms):,} flagged normal images, highest scores first.",
    )


def compared(study: Study, run: Run, names: tuple[str, str], group: np.ndarray, others: np.ndarray, label: str) -> None:
    """How the measured attributes of one group of images differ from those of another, as sentences and a table.

    Args:
        study: the study.
        run: its run; `metrics.json` takes the differences.
        names: what the two groups are called, in the plural.
        group: indices of the images in question.
        others: indices of those to compare with.
        label: of the table.
    """
    described, results = compare(study, group, others)
    kept = run.update_metrics({"differences": {names[0]: dict(zip(described, results, strict=True))}})["differences"]
    shifts = described, list(kept[names[0]].values())
    show.prose(text.shifts(*names, len(group), *shifts))
    if len(group) >= FEW and any(tables.reading(shift) != tables.UNCLEAR for shift in shifts[1]):
        caption = f"Attributes of {len(group):,} {names[0]} compared with those of {len(others):,} {names[1]}."
        show.table(tables.shifts(*shifts), label=label, caption=caption)


def claims(study: Study, wrong: Mistakes) -> None:
    """The claims of the published study about its mistakes, where there is one about this data."""
    if not citation(study.params):
        show.nothing("no published study makes claims about this data")
        return
    verdicts = checked_claims(study, wrong)
    show.prose(text.claims(verdicts))
    table = tables.claims(verdicts)
    if not table.empty:
        show.table(table, label="tab-claims", caption="The study's claims, and the result of testing each.")


def checked_claims(study: Study, wrong: Mistakes) -> list[Verdict]:
    """The verdicts on the published study's claims; empty where there is none about this data."""
    if not citation(study.params):
        return []
    groups = wrong.missed, wrong.alarms, study.anomalies, study.normal
    return check_claims(attributes.of_images(study.images), study.params.normal_class, *groups)


def images_by_class(study: Study, scores: np.ndarray, wrong: Mistakes, classes: Sequence[str]) -> None:
    """Missed images of the hardest classes and images of the easiest.

    Args:
        study: The study.
        scores: Of every image, float64 (N,).
        wrong: The decisions.
        classes: Classes of anomalies, hardest first.
    """
    images = {
        "hardest": ("Missed images of the hardest classes, with their scores.", wrong.missed, classes[:CLASSES]),
        "easiest": ("Images of the easiest classes, with their scores.", study.anomalies, classes[-CLASSES:]),
    }
    for label, (caption, group, names) in images.items():
        present = set(study.class_names[group])
        if names := [name for name in names if name in present]:
            show.figure(examples.by_class(study, group, names, scores), label=f"fig-{label}", caption=caption)
