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
# # Explore the images
#
# What counts as normal in this study, what as an anomaly, and what does a
# detector see of either? This page describes the data set before any model is
# fitted.

# %%
from lib import params
from lib.presentation import examples, plots, show, tables, text
from lib.study import Study

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
dataset: str = "digits"  # "digits" (embedded) or the name of a TFDS data set
dataset_version: str = ""  # version of the TFDS data set; empty for digits
splits: str = "all"  # TFDS splits put together, such as "train+test"
normal_class: str = "8"  # the class that is normal; every other is an anomaly
image_size: int = 32  # side of the square images, pixels, a multiple of 8
protocol: str = "resubstitution"  # which images are fitted on and which are the test set
fit_share: float = 0.7  # share of the normal images fitted on, under "holdout"
calibration_share: float = 0.1  # share of them that threshold rules may see; the rest is the test set
validation_share: float = 0.0  # share of the anomalies that threshold rules may see
seed: int = 555  # of every random choice

# %% [markdown]
# ## Count the images
#
# One class is normal. Every image of every other class is an anomaly, whatever
# it shows. The numbers of each decide what the figures of later pages mean.

# %%
opened = Study.open(params.collect(globals()))
originals = opened.images.table
counts = originals["class_name"].value_counts()
show.prose(text.totals(opened.params, opened.counts, (counts.index[0], int(counts.iloc[0]))))

# %% [markdown]
# [Figure](#fig-classes) shows the largest classes, the normal one among them,
# and [Table](#tab-classes) gives their shares.

# %%
show.figure(
    plots.class_counts(counts.index, counts, highlight=normal_class),
    label="fig-classes",
    caption=f"The largest of the {len(counts)} classes by number of images; class **{normal_class}** is normal.",
)

# %%
show.table(
    tables.class_counts(counts.index, counts, normal=normal_class, top=10),
    label="tab-classes",
    caption=f"The same classes, with their share of all {opened.counts['images']:,} images.",
)

# %% [markdown]
# ## Prepare the images
#
# A convolutional network takes images of one size. Each original is decoded,
# scaled to values from 0 to 1 and resized with bilinear interpolation, as in
# the published study. The result is stored with 8 bits a value. Rounding adds
# an error of at most half a level in 255, which is far below any threshold used
# here.

# %%
show.prose(text.originals(originals["height"], originals["width"], image_size))

# %% [markdown]
# ## Divide the images
#
# A detector is fitted on normal images only. The protocol decides which images
# it is tested on, and so what its figures are worth.

# %%
show.prose(text.protocol(opened.params, opened.parts, opened.split.seen))

# %%
show.table(
    tables.parts(opened.parts, opened.split.seen),
    label="tab-split",
    caption="The parts that the images are divided into, and the purpose of each.",
)

# %% [markdown]
# The same photograph in two parts would be a leak: the detector would be tested
# on what it was fitted on. Images are therefore compared by their bytes and by
# their content before they are divided.

# %%
show.prose(text.duplicates(**opened.duplicates()))

# %% [markdown]
# ## Look at some images
#
# Normal images are in [Figure](#fig-normal), anomalies in
# [Figure](#fig-anomalies), as the detector sees them, drawn at random with the
# study's seed. Do the normal images share a shape, or only a background and a
# composition? A detector that compares pixels may rely on the latter.

# %%
normal = examples.sample(opened, opened.normal, seed)
show.figure(
    examples.grid(opened, normal, classes=False),
    label="fig-normal",
    caption=f"Normal images: {len(normal)} of class {normal_class}, drawn at random.",
)

# %%
anomalies = examples.sample(opened, opened.anomalies, seed)
show.figure(
    examples.grid(opened, anomalies),
    label="fig-anomalies",
    caption=f"Anomalies: {len(anomalies)} images of other classes, drawn at random, with their class names.",
)

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(opened.provenance(), params.declared(globals()), "exploration")
