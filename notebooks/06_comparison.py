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
# # Compare the detectors
#
# The published study recommends a more complex model, more images and a larger
# latent vector, and measured none of them. This page tests the recommendations,
# compares every detector of the study on the same held-out images, and
# recommends one.

# %%
from lib.evaluation import comparison
from lib.presentation import plots, sections, show, tables, text
from lib.study import holdout_of

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it

# %%
run, opened = sections.opened(study)
rows = comparison.leaderboard(opened, run)
noise = comparison.noise(opened, run)
show.prose(text.compared_on(opened.params, holdout_of(opened).parts))

# %% [markdown]
# ## Test the recommendations
#
# Each recommendation is a refinement here: fitted like the published
# autoencoder except for what it changes, and compared by the same score. A
# refinement helped, or hurt, if the paired interval of the difference in AUROC
# leaves out zero and the difference is larger than that of two fits with
# different seeds.

# %%
refined = comparison.by_published_score(rows)
if len(refined) > 1:
    show.figure(
        plots.differences(refined, noise=noise),
        label="fig-refinements",
        caption="AUROC of each refinement minus that of the published autoencoder, by the published score, with paired "
        "intervals.",
    )

# %%
verdicts = comparison.recommendations(rows, opened.params.latent_dim, noise)
show.prose(text.recommendation_verdicts(verdicts))
show.table(
    tables.recommendations(verdicts),
    label="tab-recommendations",
    caption="What the study recommends, what was tried, and the result.",
)

# %%
show.table(
    tables.leaderboard(refined),
    label="tab-refinements",
    caption="Every refinement by the published score. Seconds are of the fit and of scoring every image.",
)

# %% [markdown]
# ## Other scores of the same reconstructions
#
# A mean squared error grows with the contrast of an image, whatever the image
# shows. Here the published network's reconstructions are also measured in other
# ways, and its latent vector and features are compared with those of the images
# it was fitted on.

# %%
by_score = comparison.published_network(rows)
show.prose(" ".join([text.other_scores(by_score), text.best_network(rows)]))
if len(by_score) > 1:
    show.figure(
        plots.differences(by_score, noise=noise),
        label="fig-other-scores",
        caption="AUROC by other scores of the published autoencoder minus that by its mean squared error.",
    )

# %%
show.table(
    tables.leaderboard(comparison.leading(rows)),
    label="tab-leading",
    caption="The published autoencoder, and the pairs of a network and a score that lead on the validation set.",
)

# %% [markdown]
# ## Features of a pretrained network
#
# No network is fitted here: one that was trained on ImageNet says how alike two
# images are, and an image is as abnormal as it is far from the normal ones.
# Images are prepared from the originals at each size.

# %%
show.prose(text.features(rows))

# %% [markdown]
# ## Several detectors together
#
# Detectors that make mistakes on different images complement each other. An
# ensemble takes the mean of their ranks. A detector joins only if it raises the
# AUROC on the validation set.

# %%
show.prose(text.ensembles(rows))

# %% [markdown]
# ## The leaderboard
#
# [Figure](#fig-leaderboard) and [Table](#tab-leaderboard) compare every
# detector of this report on the same images, [Figure](#fig-minutes) sets their
# AUROC against their run time.

# %%
notable = comparison.notable(rows)
show.figure(
    plots.leaderboard(notable, highlight="autoencoder"),
    label="fig-leaderboard",
    caption="AUROC on images held out, with intervals; the line is chance.",
)

# %%
show.table(
    tables.leaderboard(notable),
    label="tab-leaderboard",
    caption="Every detector of this report; of networks with several scores and refinements, the best of each.",
)

# %%
show.figure(
    plots.cost_benefit(notable),
    label="fig-minutes",
    caption="AUROC on images held out against the seconds of fitting and scoring, with intervals.",
)

# %% [markdown]
# ## The recommended detector
#
# One detector is chosen: the one with the highest AUROC on the validation set,
# shortcuts left out. Its threshold is set on normal images that no test has
# used, so that the expected false alarm rate on new normal images stays at the
# target. The detector lies in the run folder under `detectors/`, with its
# threshold, and can score new images.

# %%
choice = comparison.choose(opened, run, rows)
run.update_metrics(comparison.record(run, verdicts, noise, choice))
show.prose(text.choice(choice, opened.params))

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "comparison")
