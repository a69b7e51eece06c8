# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Examine the decisions
#
# Which images does the autoencoder flag, which of them rightly, and what do its
# mistakes have in common? The anomaly score is the mean squared error between
# an image and its reconstruction. A higher score is more abnormal, and a score
# above the threshold is flagged.

# %%
from lib.evaluation import claims, evaluate, metrics, mistakes
from lib.presentation import examples, plots, sections, show, tables, text
from lib.study import published_at

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.02  # a score above it is flagged, 0 to 1

# %%
run, opened = sections.opened(study, threshold=threshold)
scores = run.scores_of("autoencoder")
rule = evaluate.threshold(opened, run, "autoencoder")
threshold = rule.value
normal, anomalies = opened.normal, opened.anomalies
wrong = mistakes.mistakes(opened, scores, threshold)

# %% [markdown]
# ## Decide at the threshold
#
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
#
# [Figure](#fig-extreme-anomalies) shows the anomalies with the lowest and the
# highest scores, with the decision for each, [Figure](#fig-extreme-normal) the
# normal images.

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
#
# [Figure](#fig-maps) shows where image and reconstruction differ, for the
# anomalies with the highest scores: bright is a large difference. All share one
# colour scale. A reconstruction has errors at every edge, in normal images and
# in anomalies.

# %%
show.figure(
    examples.difference_maps(opened, run, "autoencoder"),
    label="fig-maps",
    caption="The anomalies with the highest scores: original, reconstruction, and their difference.",
)

# %% [markdown]
# ## Where an image is unlike normal images
#
# A network trained on many other images can show where an image is unlike all
# normal ones: for each patch, its distance from normal patches
# [@roth2022; @defard2021]. [Figure](#fig-heat) shows such heat maps of the anomalies that
# the autoencoder reconstructs best.

# %%
sections.heat_maps(opened, run)

# %% [markdown]
# ## The missed anomalies
#
# [Figure](#fig-missed) shows the missed anomalies that the autoencoder
# reconstructs best, lowest score first.

# %%
sections.missed(opened, scores, wrong)

# %% [markdown]
# ## The false alarms
#
# [Figure](#fig-alarms) shows the flagged normal images, highest score first.
# Are they damaged, unusual, or as normal as the others?

# %%
sections.false_alarms(opened, scores, wrong)

# %% [markdown]
# ## What the mistakes have in common
#
# Attributes of every image are measured, such as its brightness or the size of
# the object, and groups are compared: missed with detected anomalies, and false
# alarms with normal images that pass. A value near one half means that the
# attribute does not distinguish the groups.

# %%
names = "missed anomalies", "detected anomalies"
sections.compared(opened, run, names, wrong.missed, wrong.detected, "tab-missed")

# %%
names = "false alarms", "normal images that pass"
sections.compared(opened, run, names, wrong.alarms, wrong.passed, "tab-alarms")

# %% [markdown]
# [Table](#tab-associations) correlates each attribute with the score itself,
# among the normal images and among the anomalies of the test set
# [@bonett2000].

# %%
groups = {"normal images": normal, "anomalies": anomalies}
associations = run.keep_table("associations", claims.associations(mistakes.measured(opened), scores, groups))
show.table(
    tables.associations(associations, top=10),
    label="tab-associations",
    caption="Spearman's correlation of attributes with the score, with 95 % intervals, strongest first.",
)

# %% [markdown]
# ## Test what the published study claims of its mistakes
#
# The study looked at some mistakes and named what they share. Each claim is
# tested here on all of them, in [Table](#tab-claims): is it true of most
# mistakes, and is it more often true of them than of the images that the
# detector decides rightly? The size of an effect is worded as Vargha and
# Delaney do [-@vargha2000].

# %%
sections.claims(opened, wrong)

# %% [markdown]
# ## Which classes are missed
#
# [Figure](#fig-classes-recall) and [Table](#tab-classes-recall) show recall by
# class for the classes with the lowest and the highest recall. The intervals
# are wide where a class has few images.

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
sections.images_by_class(opened, scores, wrong, by_class["class"].tolist())

# %% [markdown]
# ## What to do about it
#
# Each recommendation follows from figures of this chapter, and has not been
# tried here.

# %%
refined = bool(opened.params.refinements)
advice = text.advice(sections.checked_claims(opened, wrong), associations, refined)
show.prose(text.recommendations(opened.params, advice, run.history("autoencoder")["loss"]))
