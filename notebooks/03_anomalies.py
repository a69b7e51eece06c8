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
# # See what gets flagged, and what slips through
#
# Which images does the detector take for anomalies, which of them rightly, and what do its mistakes have in common?
# This page reads the scores that training left behind: the mean squared error between each image and its
# reconstruction. Higher is more abnormal, and a score above the threshold is flagged.

# %%
import numpy as np

from lib.evaluation import claims, evaluate, metrics, thresholds
from lib.evaluation import comparison as refine
from lib.presentation import plots, show, tables, text
from lib.study import study as studies

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.01  # a score above it is flagged, 0 to 1

# %%
run = studies.finished(study)
chosen = studies.of_run(run, threshold)
scores = run.scores()["autoencoder"].to_numpy()
line = evaluate.threshold(chosen, run, "autoencoder")
threshold = line.value
flagged = thresholds.decide(scores, threshold)
names = run.scores()["class_name"].to_numpy()
assert np.isfinite(scores).all(), "a missing score would silently count as normal"

# %% [markdown]
# ## Decide at the threshold
#
# [Figure](#fig-scores) shows how the scores of normal images and of anomalies are spread. Anomalies to the left of
# the line are missed; normal images to the right of it are false alarms.

# %%
result = metrics.at_threshold(*chosen.test(run, "autoencoder"), threshold)
show.prose(text.rule(line, chosen.params, len(chosen.split.calibration), result["fpr"]))
show.prose(text.decisions("autoencoder", result, threshold, chosen.published("autoencoder", threshold)))

# %%
normal, anomalies = chosen.normal, chosen.anomalies
show.figure(
    plots.score_histogram(scores[normal], scores[anomalies], threshold),
    label="fig-scores",
    caption="Scores of normal images and of anomalies, each as a share of its own class, and the threshold.",
    alt=f"Two overlapping histograms: medians {np.median(scores[normal]):.4f} (normal) and "
    f"{np.median(scores[anomalies]):.4f} (anomalies), threshold {threshold:.4g}.",
)

# %% [markdown]
# ## The extremes
#
# The four lowest and the four highest scores, each with its verdict: among the anomalies in
# [Figure](#fig-extreme-anomalies), among the normal images in [Figure](#fig-extreme-normal).

# %%
ends = chosen.ends(scores, anomalies)
show.figure(
    plots.extremes(chosen.pixels(ends), run.examples("autoencoder", ends), scores[ends], flagged[ends]),
    label="fig-extreme-anomalies",
    caption=f"Anomalies with the lowest and the highest scores: {', '.join(names[ends])}.",
    alt=f"Eight anomalies above their reconstructions; scores from {scores[ends].min():.4f} "
    f"to {scores[ends].max():.4f}.",
)

# %%
ends = chosen.ends(scores, normal)
show.figure(
    plots.extremes(chosen.pixels(ends), run.examples("autoencoder", ends), scores[ends], flagged[ends]),
    label="fig-extreme-normal",
    caption="Normal images with the lowest and the highest scores.",
    alt=f"Eight normal images above their reconstructions; scores from {scores[ends].min():.4f} "
    f"to {scores[ends].max():.4f}.",
)

# %% [markdown]
# ## Where the error lies
#
# For the five anomalies with the highest scores, [Figure](#fig-maps) shows where image and reconstruction differ:
# bright is a large difference. The scale is the same for all of them.

# %%
top = anomalies[metrics.highest(scores[anomalies], 5)]
show.figure(
    plots.difference_maps(chosen.pixels(top), run.examples("autoencoder", top), scores[top]),
    label="fig-maps",
    caption=f"The five highest scores: original, reconstruction, and their difference ({', '.join(names[top])}).",
    alt=f"Three rows of five pictures; the scores are {', '.join(f'{score:.3f}' for score in scores[top])}.",
)

# %% [markdown]
# A reconstruction errs at every edge, whether it is an anomaly's or not. A network trained on many other pictures can
# say where an image is unlike all normal ones: patch by patch, by the distance to the nearest normal patch. Here it is
# asked about the anomalies with the lowest scores, which the autoencoder takes for the most normal.

# %%
surest = refine.telling(chosen)
pictures, maps = refine.heat_maps(chosen, surest)
show.prose(refine.words.maps(chosen.params, len(surest)))

# %%
if len(maps):
    show.figure(
        plots.heat_maps(pictures, maps, maps.max(axis=(1, 2)), names[surest]),
        label="fig-heat",
        caption="Where the anomalies with the lowest scores are unlike every normal image, by a pretrained network.",
        alt=f"{len(surest)} images ({', '.join(names[surest])}), each above a map of distances to normal patches.",
    )

# %% [markdown]
# ## What the mistakes look like
#
# First to see, then to measure. Missed anomalies ([Figure](#fig-missed)) are shown from the lowest score up: the
# detector is surest that these are normal. False alarms ([Figure](#fig-alarms)) are shown from the highest score
# down.

# %%
missed = anomalies[~flagged[anomalies]]
worst = missed[metrics.lowest(scores[missed], 16)]
show.figure(
    plots.image_grid(chosen.pixels(worst), [f"{names[each]}\n{scores[each]:.4f}" for each in worst]),
    label="fig-missed",
    caption=f"Missed anomalies: {len(worst)} of {len(missed):,}, lowest scores first.",
    alt=f"Grid of {len(worst)} anomalies that pass as normal, with class and score.",
)

# %%
alarms = normal[flagged[normal]]
loudest = alarms[metrics.highest(scores[alarms], 16)]
show.figure(
    plots.image_grid(chosen.pixels(loudest), [f"{scores[each]:.4f}" for each in loudest]),
    label="fig-alarms",
    caption=f"False alarms: {len(loudest)} of {len(alarms):,} normal images that are flagged, highest scores first.",
    alt=f"Grid of {len(loudest)} normal images that are taken for anomalies, with their scores.",
)

# %% [markdown]
# ## What the mistakes have in common
#
# The study named such features by eye: backgrounds, colours, the size of the object. Here each is measured on every
# image, and the two groups are compared: missed anomalies with detected ones, false alarms with normal images that
# pass. A value near 0.5 means that the feature does not tell the groups apart.

# %%
fooled = chosen.compare(missed, np.setdiff1d(anomalies, missed))
show.prose(text.shifts("missed anomalies", "detected ones", len(missed), *fooled))

# %%
show.table(
    tables.shifts(*fooled),
    label="tab-missed",
    caption=f"Features of the {len(missed):,} missed anomalies against {len(anomalies) - len(missed):,} detected ones.",
)

# %%
alarmed = chosen.compare(alarms, np.setdiff1d(normal, alarms))
show.prose(text.shifts("false alarms", "normal images that pass", len(alarms), *alarmed))

# %%
show.table(
    tables.shifts(*alarmed),
    label="tab-alarms",
    caption=f"Features of the {len(alarms):,} false alarms against {len(normal) - len(alarms):,} normal images passed.",
)

# %% [markdown]
# ## What the published study claims of them
#
# Looking at some mistakes, the study names what they share. Each claim is put to the test on all of them: is it true
# of most, and does it tell them from the images that the detector judges rightly?

# %%
verdicts = claims.judge_all(chosen.attributes(), chosen.params.normal_class, missed, alarms, anomalies, normal)
show.table(
    claims.to_frame(verdicts), label="tab-claims", caption="The study's claims, and what measuring says of them."
)
show.prose(claims.sentences(verdicts))

# %% [markdown]
# What shifts the score itself? [Table](#tab-associations) correlates each feature with the score, among the normal
# images and among the anomalies.

# %%
found = claims.associations(chosen.attributes(), scores, {"normal images": normal, "anomalies": anomalies})
show.table(
    claims.associations_frame(found, top=12),
    label="tab-associations",
    caption="Spearman's correlation of features with the score, with 95 % intervals, strongest first.",
)

# %% [markdown]
# ## Which classes fool it
#
# Recall by class, with intervals: a class with few images can be hard by chance. [Figure](#fig-classes-recall) shows
# the hardest and the easiest.

# %%
by_class = evaluate.by_class(chosen, run, "autoencoder", threshold)
show.prose(text.classes(by_class, threshold))
show.figure(
    plots.by_class(by_class),
    label="fig-classes-recall",
    caption=f"Recall at the threshold of {threshold:.4g} for the hardest and the easiest classes, with 95 % intervals.",
    alt=f"Dots with whiskers: recall from {by_class['recall'].min():.2f} to {by_class['recall'].max():.2f}.",
)

# %%
show.table(
    tables.by_class(by_class),
    label="tab-classes-recall",
    caption="The hardest and the easiest classes: images, recall at the threshold, and AUROC, with 95 % intervals.",
)

# %%
hardest = by_class["class"].head(4).tolist()
few = np.concatenate([missed[names[missed] == name][:4] for name in hardest]).astype(int)
show.figure(
    plots.image_grid(chosen.pixels(few), [f"{names[each]}\n{scores[each]:.4f}" for each in few]),
    label="fig-hardest",
    caption=f"Missed images of the hardest classes: {', '.join(hardest)}.",
    alt=f"Grid of {len(few)} anomalies that pass as normal, of the classes that are missed most.",
)

# %%
easiest = by_class["class"].tail(4).tolist()
few = np.concatenate([anomalies[names[anomalies] == name][:4] for name in easiest]).astype(int)
show.figure(
    plots.image_grid(chosen.pixels(few), [f"{names[each]}\n{scores[each]:.4f}" for each in few]),
    label="fig-easiest",
    caption=f"Images of the easiest classes: {', '.join(easiest)}.",
    alt=f"Grid of {len(few)} anomalies of the classes that are caught most.",
)

# %% [markdown]
# ## What to do about it
#
# Each recommendation follows from figures of this page; none of them has been tried here.

# %%
advice = claims.recommendations(verdicts, found)
show.prose(text.recommendations(chosen.params, advice, run.history("autoencoder")["loss"]))

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "anomalies")
