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
# # Evaluate the autoencoder
#
# How good is the autoencoder at this threshold, how good at any threshold, and
# how much of that would a decision without looking at the image reach?

# %%
import numpy as np

from lib.evaluation import comparison, evaluate, metrics
from lib.presentation import plots, sections, show, tables, text
from lib.study import published_at

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.02  # a score above it is flagged, 0 to 1

# %%
run, opened = sections.opened(study, threshold=threshold)
record = evaluate.evaluate(opened, run, "autoencoder")
result, threshold = record["at"], record["threshold"]["value"]
labels, scores = evaluate.labels_and_scores(opened, run, "autoencoder")

# %% [markdown]
# ## At the threshold
#
# An anomaly is the positive class: recall is the share of anomalies that are
# flagged, precision the share of flagged images that are anomalies. Accuracy
# and F1 depend on the share of anomalies. Balanced accuracy and the Matthews
# correlation coefficient (MCC) [@matthews1975] do not. [Figure](#fig-confusion)
# shows the decisions, [Table](#tab-metrics) every metric beside its interval,
# what chance would reach, and what flagging every image would reach. A metric
# whose interval includes the trivial value is no evidence for the detector.

# %%
show.prose(text.performance("autoencoder", result, record["auroc"]))

# %%
show.figure(
    plots.confusion(result),
    label="fig-confusion",
    caption=f"Decisions at the threshold of {threshold:.4g} on the test set: counts, and shares of each row.",
)

# %%
show.table(
    tables.against_chance({**record, **result}, published_at(opened.params, "autoencoder", threshold)),
    label="tab-metrics",
    caption=f"The autoencoder at the threshold of {threshold:.4g} by every metric, on the test set.",
)

# %%
show.prose(text.INTERVALS)

# %% [markdown]
# ## At any threshold
#
# The ROC curve [@fawcett2006] in [Figure](#fig-roc) shows every threshold at
# once: the share of anomalies flagged against the share of normal images
# flagged. The dot is the threshold of this study. AUROC, the area under the
# curve, is the probability that a random anomaly scores higher than a random
# normal image. Precision against recall ([Figure](#fig-pr)) looks good wherever
# anomalies are common: its chance level is their share, not one half.

# %%
fpr, tpr, _ = metrics.roc_curve(labels, scores)
mark = (result["fpr"]["value"], result["recall"]["value"], f"threshold {threshold:.4g}")
show.figure(
    plots.roc_curves({"autoencoder": (fpr, tpr, record["auroc"])}, {"autoencoder": mark}),
    label="fig-roc",
    caption="ROC curve of the autoencoder on the test set; the diagonal is chance.",
)

# %%
recall, precision, _ = metrics.pr_curve(labels, scores)
show.figure(
    plots.pr_curves({"autoencoder": (recall, precision, record["aupr"])}, float(np.mean(labels))),
    label="fig-pr",
    caption="Precision against recall of the autoencoder on the test set; the line is chance.",
)

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
# Would a cheaper detector do as well? [Figure](#fig-baselines) compares the
# AUROC of the autoencoder on held-out images with that of baselines, which take
# seconds, and of shortcuts, which use nothing in the image but the size and
# proportions of its file, and blank margins. The figures are in
# [the leaderboard](06_comparison.ipynb#the-leaderboard).

# %%
rows = comparison.cheap(comparison.leaderboard(opened, run))
show.prose(text.baselines(rows, rows[0]["name"]))

# %%
show.figure(
    plots.leaderboard(rows, highlight="autoencoder"),
    label="fig-baselines",
    caption="AUROC of the autoencoder, the baselines and the shortcuts on images held out; the line is chance.",
)

# %% [markdown]
# ## How much depends on the seed
#
# Another seed gives other initial weights and another order of the images, and
# so another detector. [Figure](#fig-seeds) shows the AUROC by seed. A
# difference between two detectors that is smaller than that between two seeds
# says nothing about the detectors.

# %%
sections.seeds(opened, run)

# %% [markdown]
# ## Mixed precision
#
# Layers that compute in 16 bits are faster on some devices, and less exact.

# %%
sections.dtype_policy(opened, run)

# %% [markdown]
# ## What it costs to use
#
# The share of anomalies in use is seldom that of a data set.
# [Figure](#fig-operations) shows, of a thousand images with the prevalence of
# the parameter file, how many are reviewed, how many anomalies are missed, and
# how many false alarms there are. [Table](#tab-operations) gives the same at
# thresholds that flag from half to a hundredth of the normal images of the test
# set.

# %%
prevalence = opened.params.prevalence
grid = np.unique(np.quantile(scores, np.linspace(0, 1, 201)))
work = metrics.operations(*metrics.error_rates(labels, scores, grid), prevalence, thresholds=grid)
here = metrics.operations(*metrics.error_rates(labels, scores, [threshold]), prevalence)
precision = metrics.precision_in_use(result["recall"], result["fpr"], prevalence)
show.prose(text.workload("autoencoder", here.iloc[0], precision, prevalence, opened.split.seen))

# %%
show.figure(
    plots.operations(work, threshold),
    label="fig-operations",
    caption=f"Of 1,000 images with {text.percent(prevalence)} anomalies: reviewed, missed, and false alarms.",
)

# %%
sections.operations(labels, scores, prevalence)
