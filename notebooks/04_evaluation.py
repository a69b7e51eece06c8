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
# # Evaluate the autoencoder
#
# How good is the published autoencoder at this threshold, how good at any
# threshold, and how much of that would a decision without looking at the image
# reach?

# %%
import numpy as np

from lib.evaluation import comparison, evaluate, metrics
from lib.presentation import plots, sections, show, tables, text
from lib.study import published_at

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.01  # a score above it is flagged, 0 to 1

# %%
run, opened = sections.opened(study, threshold=threshold)
record = evaluate.evaluate(opened, run, "autoencoder")
rule, result = evaluate.threshold(opened, run, "autoencoder"), record["at"]
threshold = rule.value
labels, scores = evaluate.labels_and_scores(opened, run, "autoencoder")

# %% [markdown]
# ## At the threshold
#
# An anomaly is the positive class: recall is the share of anomalies that are
# flagged, precision the share of flagged images that are anomalies. Accuracy
# and F1 depend on the share of anomalies, so each is shown beside what flagging
# every image would reach. Balanced accuracy and the Matthews correlation
# coefficient (MCC) do not depend on it.

# %%
show.prose(text.threshold(rule, opened.params, len(opened.split.calibration), result["fpr"]))
show.prose(text.performance("autoencoder", result, record["auroc"]))
show.table(
    tables.metrics(result, published_at(opened.params, "autoencoder", threshold)),
    label="tab-metrics",
    caption=f"The autoencoder at the threshold of {threshold:.4g}, on the test set.",
)

# %%
show.figure(
    plots.confusion(result),
    label="fig-confusion",
    caption=f"Decisions at the threshold of {threshold:.4g} on the test set: counts, and shares of each row.",
)

# %% [markdown]
# ## At any threshold
#
# The ROC curve in [Figure](#fig-roc) shows every threshold at once: the share
# of anomalies flagged against the share of normal images flagged. The dot is
# the threshold of this study. AUROC, the area under the curve, is the
# probability that a random anomaly scores higher than a random normal image; it
# does not depend on the threshold.

# %%
fpr, tpr, _ = metrics.roc_curve(labels, scores)
mark = (result["fpr"]["value"], result["recall"]["value"], f"threshold {threshold:.4g}")
show.figure(
    plots.roc_curves({"autoencoder": (fpr, tpr, record["auroc"])}, {"autoencoder": mark}),
    label="fig-roc",
    caption="ROC curve of the autoencoder on the test set; the diagonal is chance.",
)

# %% [markdown]
# Precision against recall ([Figure](#fig-pr)) looks good wherever anomalies are
# common: its chance level is their share, not one half.

# %%
recall, precision, _ = metrics.pr_curve(labels, scores)
show.figure(
    plots.pr_curves({"autoencoder": (recall, precision, record["aupr"])}, float(np.mean(labels))),
    label="fig-pr",
    caption="Precision against recall of the autoencoder on the test set; the line is chance.",
)

# %% [markdown]
# ## Every metric
#
# [Table](#tab-against-chance) gives every metric on the test set. Each stands
# beside its interval, what chance would reach, and what flagging every image
# would reach. Where the interval includes the trivial value, the table says
# that the metric is no evidence for the detector.

# %%
show.table(
    tables.against_chance({**record, **result}),
    label="tab-against-chance",
    caption="The autoencoder by every metric, with intervals, chance, and flagging everything.",
)
show.prose(metrics.INTERVALS)

# %% [markdown]
# ## On images that it was not fitted on
#
# A detector scores the images that it was fitted on lower than new ones. How
# much of its AUROC comes from that?

# %%
held_out = evaluate.held_out(opened, run)
show.prose(text.held_out(held_out.own, held_out.new, held_out.fitted, held_out.unseen))

# %% [markdown]
# ## Against baselines
#
# Would a cheaper detector do as well? The same held-out images, scored by
# baselines that take seconds, and by shortcuts that use nothing in the image:
# the size and proportions of the file, and blank margins.
# [Figure](#fig-baselines) compares their AUROC with the autoencoder's.

# %%
rows = comparison.cheap(comparison.leaderboard(opened, run))
show.prose(text.baselines(rows, rows[0]["name"]))
show.figure(
    plots.leaderboard(rows, highlight="autoencoder"),
    label="fig-baselines",
    caption="AUROC of the autoencoder, the baselines and the shortcuts on images held out; the line is chance.",
)

# %%
show.table(
    tables.leaderboard(rows, every_metric=True),
    label="tab-baselines",
    caption="The same in figures, with the paired difference of each AUROC to the autoencoder's, and seconds in all.",
)

# %% [markdown]
# ## How much depends on the seed
#
# Another seed gives other initial weights and another order of the images, and
# so another detector. A difference between two detectors that is smaller than
# the difference between two seeds says nothing about the detectors. Mixed
# precision, where a study uses it, changes the scores as well.

# %%
by_seed = evaluate.seeds(opened, run)
show.prose(text.seeds(by_seed))
if len(by_seed) > 1:
    show.figure(
        plots.seed_spread({"autoencoder": by_seed}),
        label="fig-seeds",
        caption="AUROC of the autoencoder by seed; the tick is their mean.",
    )
if policy := text.dtype_policy(opened.params.dtype_policy, evaluate.dtype_policy(opened, run)):
    show.prose(policy)

# %% [markdown]
# ## What it costs to use
#
# The share of anomalies in use is seldom that of a data set. Of a thousand
# images with the prevalence of this study's parameter set, how many are
# reviewed, how many anomalies are missed, and how many false alarms are there?

# %%
prevalence = opened.params.prevalence
grid = np.unique(np.quantile(scores, np.linspace(0, 1, 201)))
work = metrics.operations(*metrics.error_rates(labels, scores, grid), prevalence, thresholds=grid)
here = metrics.operations(*metrics.error_rates(labels, scores, [threshold]), prevalence)
show.prose(text.workload(here.iloc[0], prevalence))

# %%
show.figure(
    plots.operations(work, threshold),
    label="fig-operations",
    caption=f"Of 1,000 images with {text.percent(prevalence)} anomalies: reviewed, missed, and false alarms.",
)

# %%
few = np.quantile(scores[labels == 0], [0.5, 0.8, 0.9, 0.95, 0.99])
rows = metrics.operations(*metrics.error_rates(labels, scores, few), prevalence, thresholds=few)
show.table(
    tables.operations(rows),
    label="tab-operations",
    caption="The same, at thresholds that flag 50, 20, 10, 5 and 1 % of the normal images of the test set.",
)

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "evaluation")
