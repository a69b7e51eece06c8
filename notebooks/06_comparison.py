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
# # Compare the detectors
#
# Which detector of this report ranks the images best, and which one should be
# used, at which threshold?

# %%
from lib.evaluation import comparison, warnings
from lib.presentation import explorer, plots, sections, show, tables, text
from lib.study import citation, holdout_of

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it

# %%
run, opened = sections.opened(study)
rows = comparison.leaderboard(opened, run)
noise = comparison.noise(opened, run)
show.prose(text.comparison(opened.params, holdout_of(opened).parts, citation(opened.params)))

# %% [markdown]
# ## Refinements of the autoencoder
#
# Each refinement is fitted like the autoencoder except for what it changes, and
# compared by the same score, in [Figure](#fig-refinements) and
# [Table](#tab-refinements). A refinement helped, or hurt, if the paired
# interval of the difference in AUROC leaves out zero and the difference is
# larger than that of two fits with different seeds.

# %%
verdicts = sections.refinements(opened, rows, noise)

# %% [markdown]
# ## Other scores of the same reconstructions
#
# A mean squared error grows with the contrast of an image, whatever the image
# shows. Here the autoencoder's reconstructions are also measured in other ways,
# such as structural similarity [@wang2004], and its latent vector and features
# are compared with those of the images it was fitted on.
# [Figure](#fig-other-scores) shows the differences, [Table](#tab-leading) the
# pairs of a network and a score that lead on the validation set.

# %%
sections.other_scores(rows, noise)

# %% [markdown]
# ## Features of a pretrained network
#
# No network is fitted here: one that was trained on ImageNet [@tan2019] says
# how alike two images are, and an image is as abnormal as it is far from the
# normal ones [@defard2021; @roth2022]. Images are prepared from the originals
# at each size.

# %%
sections.features(rows)

# %% [markdown]
# ## Several detectors together
#
# Detectors that make mistakes on different images complement each other. An
# ensemble takes the mean of their ranks. A detector joins only if it raises the
# AUROC on the validation set [@caruana2004].

# %%
sections.ensembles(rows)

# %% [markdown]
# ## The leaderboard
#
# [Figure](#fig-leaderboard) and [Table](#tab-leaderboard) compare every
# detector of this report on the same images. One of the baselines describes
# images by histograms of oriented gradients (HOG) [@dalal2005]. The intervals
# of differences are those of paired areas [@delong1988].

# %%
notable = comparison.notable(rows)
show.figure(
    plots.leaderboard(notable, highlight=rows[0]["name"]),
    label="fig-leaderboard",
    caption="AUROC on images held out, with intervals; the line is chance.",
)

# %%
show.table(
    tables.leaderboard(notable),
    label="tab-leaderboard",
    caption=text.with_seconds(
        "Every detector of this report; of networks with several scores and refinements, the best of each.", notable
    ),
)

# %%
sections.run_time(notable)

# %% [markdown]
# ## The recommended detector
#
# One detector is recommended: the one with the highest AUROC on the validation
# set, shortcuts left out. Its threshold is set on normal images that took part
# neither in a test nor in the choice, by split conformal calibration
# [@lei2018], with the images fitted on each left out in turn where the detector
# allows it [@barber2021]. The detector lies in the run folder under
# `detectors/`, with its threshold, and can score new images.

# %%
answer = comparison.answer(opened, run, rows)
run.update_metrics(comparison.record(run, verdicts, noise, answer))
found = warnings.warnings(opened, run, rows, answer)
sections.recommended(opened, answer)

# %% [markdown]
# ## Move the threshold
#
# Here the threshold, the prevalence and the costs of both errors can be
# changed, and their effect be seen at once.

# %%
explorer.show_explorer(opened, run)
