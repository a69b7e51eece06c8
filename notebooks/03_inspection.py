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
# # Inspect the images
#
# Which images does the detector of this study flag, where in the image is the
# reason, and what does it miss? It learned from normal images alone, and its
# threshold comes from normal images that were set aside.

# %%
from lib.evaluation import comparison, warnings
from lib.presentation import sections, show, text

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it

# %%
run, opened = sections.opened(study)
rows = comparison.leaderboard(opened, run)
answer = comparison.answer(opened, run, rows)
run.update_metrics(comparison.record(run, [], None, answer))
found = warnings.warnings(opened, run, rows, answer)
show.prose(text.inspecting(answer, opened.params))

# %% [markdown]
# ## Decide at the threshold
#
# [Figure](#fig-distribution) shows the scores of the images that the detector
# was not fitted on. Images to the right of the threshold are flagged. Normal
# test images should lie where the calibration images lie.

# %%
show.prose(text.inspected(answer))

# %%
sections.distribution(opened, run, answer)

# %% [markdown]
# ## Measure the decisions
#
# [Table](#tab-metrics) has every metric with its interval, what chance would
# reach, and what flagging every image would reach. An anomaly is the positive
# class. [Figure](#fig-roc) shows every other threshold.

# %%
sections.decided(opened, run, answer)

# %% [markdown]
# ## Compare the kinds of anomalies
#
# Some defects are harder to see than others. [Table](#tab-kinds) evaluates each
# class of anomalies by itself.

# %%
sections.kinds(opened, run, answer)

# %% [markdown]
# ## Compare the groups
#
# The images belong to groups, such as a type of part. The threshold is the same
# in all of them. [Table](#tab-groups) shows whether the false alarm rate is
# too.

# %%
sections.groups(opened, run, answer)

# %% [markdown]
# ## Is there a shortcut?
#
# Anomalies may differ from normal images in something that is no defect, such
# as the brightness of the photograph. [Table](#tab-shortcuts) gives the AUROC
# of such an attribute alone, and that of the detector among images that are
# alike in it [@janes2009]. If the second is near one half, the attribute
# explains the result.

# %%
sections.shortcuts(opened, run, answer)

# %% [markdown]
# ## The detected anomalies
#
# [Figure](#fig-detected) shows images that are flagged rightly. Does the
# detector see the defect, or something else?

# %%
sections.pictures(opened, run, answer, "detected")

# %% [markdown]
# ## The missed anomalies
#
# [Figure](#fig-missed) shows what the detector takes for normal. Is the defect
# too small to be seen at this size, or is it like something that normal images
# have?

# %%
sections.pictures(opened, run, answer, "missed")

# %% [markdown]
# ## The false alarms
#
# [Figure](#fig-alarms) shows the flagged normal images of the test set. Are
# they damaged, unusual, or as normal as the others?

# %%
sections.pictures(opened, run, answer, "alarms")

# %% [markdown]
# ## The most unusual normal images
#
# [Figure](#fig-normal-high) shows the normal images with the highest scores,
# flagged or not. An image that does not belong there makes the threshold too
# high.

# %%
sections.pictures(opened, run, answer, "normal")

# %% [markdown]
# ## Find the defects
#
# Where images have masks of their defects, the heat maps are compared with
# them. The pixel AUROC is the probability that a pixel of a defect has a higher
# value than one beside it. AUPRO counts every defect alike, large or small, and
# only at low false positive rates [@bergmann2021].

# %%
sections.pixels(run, answer)

# %% [markdown]
# ## What it costs to use
#
# The share of anomalies in use is seldom that of a data set.
# [Table](#tab-operations) gives the expected work at the prevalence of the
# parameter file, at thresholds that flag from half to a hundredth of the normal
# images.

# %%
sections.work(opened, run, answer)
