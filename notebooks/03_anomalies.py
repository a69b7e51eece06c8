# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # See what is flagged and what is missed
# Which images does the autoencoder flag, which of them rightly, and what do its
# mistakes have in common? This page reads the scores that training wrote: the
# mean squared error between each image and its reconstruction. A higher score
# is more abnormal, and a score above the threshold is flagged.

# %%
from lib.evaluation import claims, evaluate, metrics, mistakes
from lib.presentation import examples, plots, sections, show, tables, text
from lib.study import published_at

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.01  # a score above it is flagged, 0 to 1

# %%
run, opened = sections.opened(study, threshold=threshold)
scores = run.scores_of("autoencoder")
rule = evaluate.threshold(opened, run, "autoencoder")
threshold = rule.value
normal, anomalies = opened.normal, opened.anomalies
wrong = mistakes.mistakes(opened, scores, threshold)

# %% [markdown]
# ## Decide at the threshold
# [Figure](#fig-scores) shows the scores of the normal images and of the
# anomalies of the test set. Anomalies to the left of the threshold are missed;
# normal images to its right are false alarms.

# %%
result = metrics.at_threshold(*evaluate.labels_and_scores(opened, run, "autoencoder"), threshold)
published = published_at(opened.params, "autoencoder", threshold)
show.prose(text.threshold(rule, opened.params, len(opened.split.calibration), result["fpr"]))
show.prose(text.decisions("autoencoder", result, threshold, published))
show.figure(
    plots.score_histogram(scores[normal], scores[anomalies], threshold),
    label="fig-scores",
    caption="Scores of normal images and of anomalies, each as a share of its own class, and the threshold.",
)

# %% [markdown]
# ## The lowest and the highest scores
# The four lowest and the four highest scores, with the decision for each:
# anomalies in [Figure](#fig-extreme-anomalies), normal images in
# [Figure](#fig-extreme-normal).

# %%
show.figure(
    examples.extreme_scores(opened, run, "autoencoder", anomalies, threshold),
    label="fig-extreme-anomalies",
    caption="Anomalies of the test set with the lowest and the highest scores.",
)

# %%
show.figure(
    examples.extreme_scores(opened, run, "autoencoder", normal, threshold),
    label="fig-extreme-normal",
    caption="Normal images of the test set with the lowest and the highest scores.",
)

# %% [markdown]
# ## Where the error lies
# For the five anomalies with the highest scores, [Figure](#fig-maps) shows
# where image and reconstruction differ: bright is a large difference. All five
# share one colour scale.

# %%
show.figure(
    examples.difference_maps(opened, run, "autoencoder"),
    label="fig-maps",
    caption="The five anomalies with the highest scores: original, reconstruction, and their difference.",
)

# %% [markdown]
# A reconstruction has errors at every edge, in normal images and in anomalies.
# A network trained on many other images can show where an image is unlike all
# normal ones: for each patch, the distance to the nearest normal patch. These
# maps are of the anomalies with the lowest scores, which the autoencoder
# reconstructs best.

# %%
sections.heat_maps(opened, run)

# %% [markdown]
# ## What the mistakes look like
# [Figure](#fig-missed) shows missed anomalies, lowest score first, and
# [Figure](#fig-alarms) shows false alarms, highest score first.

# %%
shown = examples.lowest(scores, wrong.missed)
show.figure(
    examples.grid(opened, shown, scores),
    label="fig-missed",
    caption=f"Missed anomalies: {len(shown)} of {len(wrong.missed):,}, lowest scores first.",
)

# %%
shown = examples.highest(scores, wrong.alarms)
show.figure(
    examples.grid(opened, shown, scores, classes=False),
    label="fig-alarms",
    caption=f"False alarms: {len(shown)} of {len(wrong.alarms):,} flagged normal images, highest scores first.",
)

# %% [markdown]
# ## What the mistakes have in common
# The published study named such features by eye: backgrounds, colours, the size
# of the object. Here each is measured on every image, and groups are compared:
# missed with detected anomalies, and false alarms with normal images that pass.
# A value near one half means that the feature does not distinguish the groups.

# %%
names = "missed anomalies", "detected anomalies"
sections.compared(opened, names, wrong.missed, wrong.detected, "tab-missed")

# %%
names = "false alarms", "normal images that pass"
sections.compared(opened, names, wrong.alarms, wrong.passed, "tab-alarms")

# %% [markdown]
# ## What the published study claims of them
# The study looked at some mistakes and named what they share. Each claim is
# tested here on all of them: is it true of most mistakes, and is it more often
# true of them than of the images that the detector decides rightly?

# %%
measured = mistakes.measured(opened)
verdicts = claims.check_claims(measured, opened.params.normal_class, wrong.missed, wrong.alarms, anomalies, normal)
show.table(tables.claims(verdicts), label="tab-claims", caption="The study's claims, and the result of testing each.")
show.prose(text.claims(verdicts))

# %% [markdown]
# Which features go with the score itself? [Table](#tab-associations) correlates
# each feature with the score, among the normal images and among the anomalies
# of the test set.

# %%
associations = claims.associations(measured, scores, {"normal images": normal, "anomalies": anomalies})
show.table(
    tables.associations(associations, top=12),
    label="tab-associations",
    caption="Spearman's correlation of features with the score, with 95 % intervals, strongest first.",
)

# %% [markdown]
# ## Which classes are missed
# Recall by class, with intervals, since a class with few images can have a low
# recall by chance. [Figure](#fig-classes-recall) and
# [Table](#tab-classes-recall) show the classes with the lowest and the highest
# recall, [Figure](#fig-hardest) and [Figure](#fig-easiest) some of their
# images.

# %%
by_class = evaluate.by_class(opened, run, "autoencoder", threshold)
show.prose(text.by_class(by_class, threshold))
show.figure(
    plots.by_class(by_class),
    label="fig-classes-recall",
    caption=f"Recall at the threshold of {threshold:.4g} for the hardest and the easiest classes, with 95 % intervals.",
)
show.table(
    tables.by_class(by_class), label="tab-classes-recall", caption="The same classes: images, recall, and AUROC."
)

# %%
hardest, easiest = by_class["class"].head(4).tolist(), by_class["class"].tail(4).tolist()
show.figure(
    examples.by_class(opened, wrong.missed, hardest, scores),
    label="fig-hardest",
    caption=f"Missed images of the hardest classes: {', '.join(hardest)}.",
)
show.figure(
    examples.by_class(opened, anomalies, easiest, scores),
    label="fig-easiest",
    caption=f"Images of the easiest classes: {', '.join(easiest)}.",
)

# %% [markdown]
# ## What to do about it
# Each recommendation follows from figures of this page. None of them has been
# tried on this page; the chapter on comparison tests those of the published
# study.

# %%
advice = text.advice(verdicts, associations)
show.prose(text.recommendations(opened.params, advice, run.history("autoencoder")["loss"]))

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "anomalies")
