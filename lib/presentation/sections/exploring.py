"""Parts about the images before any detector is fitted."""

from lib.presentation import examples, plots, show, tables, text
from lib.presentation.tables import literal
from lib.study import Study


def classes(study: Study) -> None:
    """How many images each class has."""
    counts = study.images.table["class_name"].value_counts()
    show.prose(text.totals(study.params, study.counts, (counts.index[0], int(counts.iloc[0]))))
    if len(counts) < 2:
        return
    show.prose("[Figure](#fig-classes) shows the largest classes, the normal one among them.")
    show.figure(
        plots.class_counts(counts.index, counts, highlight=study.params.normal_class),
        label="fig-classes",
        caption=f"The largest of the {len(counts)} classes by number of images; the normal class is highlighted.",
    )


def divided(study: Study) -> None:
    """The sets that the images are divided into, and what duplicates there are."""
    show.prose(text.protocol(study.params, study.parts, study.split.seen, study.given))
    if study.params.dataset == "folder":
        across = text.crossing(study.crossing) if study.given else ""
        show.prose(f"{literal(study.grouping)} {across}".strip())
    else:
        show.prose(text.duplicates(**study.duplicates()))
    show.table(
        tables.parts(study.parts, study.split.seen),
        label="tab-split",
        caption="The sets that the images are divided into, and the purpose of each.",
    )


def samples(study: Study) -> None:
    """Normal images and anomalies, drawn at random with the study's seed."""
    anomalies = ", [Figure](#fig-anomalies) anomalies" if len(study.anomalies) else ""
    show.prose(
        f"[Figure](#fig-normal) shows normal images{anomalies}, as the detector sees them, drawn at random with the "
        "study's seed."
    )
    normal = examples.sample(study, study.normal, study.params.seed)
    show.figure(
        examples.grid(study, normal, classes=False),
        label="fig-normal",
        caption=f"Normal images: {len(normal)} drawn at random.",
    )
    if not len(study.anomalies):
        return
    anomalies = examples.sample(study, study.anomalies, study.params.seed)
    show.figure(
        examples.grid(study, anomalies),
        label="fig-anomalies",
        caption=f"Anomalies: {len(anomalies)} images of other classes, drawn at random, with their class names.",
    )
