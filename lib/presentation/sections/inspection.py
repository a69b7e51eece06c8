"""Parts of the page that examines the detector of one's own images, with or without anomalies."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lib.core.characters import readable
from lib.evaluation import metrics
from lib.evaluation.comparison import inspected as images_of
from lib.evaluation.evaluate import by_class, labels_and_scores
from lib.evaluation.shortcuts import shares
from lib.presentation import plots, show, tables, text
from lib.study import Run, Study

NO_ANOMALIES = "the test set has no anomalies"
CAPTIONS = {
    "detected": "Detected anomalies, from the highest score to the lowest",
    "missed": "Missed anomalies, lowest scores first",
    "alarms": "False alarms, highest scores first",
    "normal": "The normal images with the highest scores among those that were not fitted on",
}
NOTHING = {
    "detected": "no anomaly is detected",
    "missed": "no anomaly is missed",
    "alarms": "there is no false alarm",
    "normal": "there is no normal image that was not fitted on",
}


def distribution(study: Study, run: Run, answer: Mapping[str, Any]) -> None:
    """The scores of calibration images, normal test images and anomalies, and the threshold."""
    scores = run.scores_of(answer["row"]["column"])
    groups = {
        "calibration images": scores[study.split.calibration],
        "normal test images": scores[study.normal],
        **{str(name): scores[study.anomalies[study.class_names[study.anomalies] == name]] for name in _kinds(study)},
    }
    show.figure(
        plots.score_distribution(groups, answer["threshold"].value),
        label="fig-distribution",
        caption="Scores of the images that were not fitted on, by group, and the threshold.",
    )


def decided(study: Study, run: Run, answer: Mapping[str, Any]) -> None:
    """Every metric of the detector on the test set, and its ROC curve."""
    if not len(study.anomalies):
        show.nothing(NO_ANOMALIES)
        return
    row, at = answer["row"], answer["at"]
    labels, scores = labels_and_scores(study, run, row["column"])
    show.table(
        tables.against_chance({**row, **at}),
        label="tab-metrics",
        caption=f"The detector at the threshold of {answer['threshold'].value:.4g} by every metric, on the test set.",
    )
    fpr, tpr, _ = metrics.roc_curve(labels, scores)
    mark = (at["fpr"]["value"], at["recall"]["value"], f"threshold {answer['threshold'].value:.4g}")
    show.figure(
        plots.roc_curves({row["name"]: (fpr, tpr, row["auroc"])}, {row["name"]: mark}),
        label="fig-roc",
        caption="ROC curve of the detector on the test set; the diagonal is chance.",
    )
    show.prose(text.INTERVALS)


def kinds(study: Study, run: Run, answer: Mapping[str, Any]) -> None:
    """How well each class of anomalies is detected."""
    if len(_kinds(study)) < 2:
        show.nothing("there are not two kinds of anomalies")
        return
    frame = by_class(study, run, answer["row"]["column"], answer["threshold"].value)
    show.prose(" ".join([text.by_class(frame, answer["threshold"].value), text.order(frame)]))
    show.table(
        tables.by_class(frame),
        label="tab-kinds",
        caption="Each class of anomalies of the test set against all normal images, hardest first.",
    )


def groups(study: Study, run: Run, answer: Mapping[str, Any]) -> None:
    """The decisions in each group of images, where the data has groups."""
    names = study.images.column("group")[study.split.test]
    if len(np.unique(names)) < 2:
        show.nothing("the images have no groups")
        return
    labels, scores = labels_and_scores(study, run, answer["row"]["column"])
    frame = metrics.by_group(labels, scores, names, answer["threshold"].value)
    run.write_table("groups.csv", frame)
    show.table(
        tables.by_group(frame),
        label="tab-groups",
        caption="The decisions on the test set in each group of images.",
    )


def shortcuts(study: Study, run: Run, answer: Mapping[str, Any]) -> None:
    """How much of the result facts explain that are no defects."""
    if min(len(study.anomalies), len(study.normal)) < 2:
        show.nothing(NO_ANOMALIES)
        return
    rows = shares(study, run.scores_of(answer["row"]["column"]))
    if not rows:
        show.nothing("no fact besides the content differs between the images")
        return
    rows = run.update_metrics({"shortcuts": rows})["shortcuts"]
    show.prose(text.shortcut_shares(rows))
    show.table(
        tables.shortcuts(rows),
        label="tab-shortcuts",
        caption="AUROC of each attribute alone, in its better direction, and of the detector among images that are "
        "alike in it, on the test set.",
    )


def pictures(study: Study, run: Run, answer: Mapping[str, Any], kind: str) -> None:
    """Images of one kind with their heat maps, all on one scale.

    Args:
        study: The study.
        run: Its run.
        answer: Of `lib.evaluation.comparison.answer`.
        kind: `detected`, `missed`, `alarms` or `normal`.
    """
    column, at = answer["row"]["column"], answer["threshold"].value
    scores = run.scores_of(column)
    shown = images_of.groups(study, scores, at)
    indices = shown[kind]
    if not len(indices):
        show.nothing(NO_ANOMALIES if kind in ("detected", "missed") and not len(study.anomalies) else NOTHING[kind])
        return
    titles = [f"{readable(str(study.class_names[index]))}\n{scores[index]:.3g}" for index in indices]
    arrays = run.arrays("inspected", column)
    caption = CAPTIONS[kind] + (", with their heat maps." if arrays else ".")
    if not arrays:  # no detector has heat maps
        figure = plots.image_grid(study.pixels(indices), titles)
    else:
        if kind == next(name for name, images in shown.items() if len(images)):
            show.prose(text.maps(str(arrays["by"]), answer["row"]["name"], study.params.target_fpr))
        place = np.searchsorted(arrays["indices"], indices)
        own, maps = arrays["pictures"][place], arrays["maps"][place]
        masks = study.images.take(indices).masks(own.shape[1])
        low, high = float(arrays["low"]), float(arrays["high"])
        figure = plots.inspected(own, maps, titles, low, high, masks if masks.any() else None)
    show.figure(figure, label="fig-normal-high" if kind == "normal" else f"fig-{kind}", caption=caption)


def pixels(run: Run, answer: Mapping[str, Any]) -> None:
    """How well the heat maps find the defects, where there are masks."""
    figures = run.read("metrics").get("pixels", {}).get(answer["row"]["column"])
    if not figures:
        show.nothing("no image has a mask of its defect")
        return
    show.prose(text.pixels(figures))
    show.table(
        tables.pixels(figures),
        label="tab-pixels",
        caption="How well the heat maps find the pixels of the defects, with 95 % intervals over images.",
    )


def work(study: Study, run: Run, answer: Mapping[str, Any]) -> None:
    """What the detector means for a thousand images in use."""
    if not len(study.anomalies):
        show.nothing(NO_ANOMALIES)
        return
    labels, scores = labels_and_scores(study, run, answer["row"]["column"])
    prevalence = study.params.prevalence
    rates = metrics.error_rates(labels, scores, [answer["threshold"].value])
    here = metrics.operations(*rates, prevalence).iloc[0]
    show.prose(text.workload(answer["row"]["name"], here, answer["precision_in_use"], prevalence))
    operations(labels, scores, prevalence)


def operations(labels: np.ndarray, scores: np.ndarray, prevalence: float) -> None:
    """The work in use at other thresholds.

    Args:
        labels: int (n,), of the test set.
        scores: float64 (n,), likewise.
        prevalence: Share of anomalies in use.
    """
    few = np.quantile(scores[labels == 0], [0.5, 0.8, 0.9, 0.95, 0.99])
    frame = metrics.operations(*metrics.error_rates(labels, scores, few), prevalence, thresholds=few)
    show.table(
        tables.operations(frame),
        label="tab-operations",
        caption="Work in use of 1,000 images, at thresholds that flag 50, 20, 10, 5 and 1 % of the normal images.",
    )


def _kinds(study: Study) -> Sequence[str]:
    """The classes of anomalies of the test set, largest first."""
    names, counts = np.unique(study.class_names[study.anomalies].astype(str), return_counts=True)
    return names[np.argsort(-counts, kind="stable")].tolist()
