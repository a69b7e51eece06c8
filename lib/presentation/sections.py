"""Parts of a page that stand there more than once, or only where there is something to show."""

from typing import Any

import numpy as np

from lib.detectors import BASELINE
from lib.evaluation.comparison import fit_and_save
from lib.evaluation.evaluate import evaluate
from lib.evaluation.mistakes import compare
from lib.presentation import examples, plots, show, tables, text
from lib.study import Run, Study, differences, open_run, published_at


def opened(name: str, **changes: Any) -> tuple[Run, Study]:
    """Opens the run of a study, as `lib.study.open_run` does; first shows what differs from the study's file."""
    run, study = open_run(name, fit_and_save, **changes)
    if notice := text.draft(differences(run), study.params.study):
        show.prose(notice)
    return run, study


def heat_maps(study: Study, run: Run) -> None:
    """Heat maps of the anomalies that the published autoencoder scores lowest, where a detector has any."""
    arrays = run.arrays("heat_maps", BASELINE)
    show.prose(text.heat_maps(study.params, len(arrays.get("indices", []))))
    if arrays:
        maps, classes = arrays["maps"], study.class_names[arrays["indices"]]
        show.figure(
            plots.heat_maps(arrays["pictures"], maps, maps.max(axis=(1, 2)), classes),
            label="fig-heat",
            caption="The anomalies with the lowest scores, and where they are unlike every normal image, by a "
            "pretrained network.",
        )


def compared(study: Study, names: tuple[str, str], group: np.ndarray, others: np.ndarray, label: str) -> None:
    """How the measured features of one group of images differ from those of another, as sentences and a table.

    Args:
        study: the study.
        names: what the two groups are called, in the plural.
        group: indices of the images in question.
        others: indices of those to compare with.
        label: of the table.
    """
    shifts = compare(study, group, others)
    show.prose(text.shifts(*names, len(group), *shifts))
    caption = f"Features of {len(group):,} {names[0]} compared with those of {len(others):,} {names[1]}."
    show.table(tables.shifts(*shifts), label=label, caption=caption)


def variant(study: Study, run: Run, name: str) -> dict[str, Any]:
    """A variant of the autoencoder as the published study shows it; returns what `evaluate` says of it."""
    record, title = evaluate(study, run, name), text.detector_name(name)
    result, threshold, label = record["at"], record["threshold"]["value"], name.replace("_", "-")
    published = published_at(study.params, name, threshold)
    show.prose(text.learning(name, run.history(name), run.fits()[name]["seconds"]))
    show.figure(
        examples.reconstructions(study, run, name),
        label=f"fig-{label}-pairs",
        caption=f"The first images fitted on (above) and their reconstructions by the {title} (below).",
    )
    show.prose(text.decisions(name, result, threshold, published))
    for group, indices in {"anomalies": study.anomalies, "normal": study.normal}.items():
        show.figure(
            examples.extreme_scores(study, run, name, indices, threshold),
            label=f"fig-{label}-{group}",
            caption=f"{'Anomalies' if group == 'anomalies' else 'Normal images'} of the test set with the lowest and "
            f"the highest scores of the {title}.",
        )
    show.table(
        tables.metrics(result, published),
        label=f"tab-{label}",
        caption=f"The {title} at the threshold of {threshold:.4g}, on the test set.",
    )
    return record
