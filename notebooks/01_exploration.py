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
# # Look at the pictures before judging them
#
# What counts as normal in this study, what as an anomaly, and what does a detector get to see of either? This page
# looks at the data set before any model does.

# %%
import numpy as np

from lib import params
from lib.evaluation import evaluate
from lib.presentation import plots, show, tables, text
from lib.study.study import Study

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
dataset: str = "digits"  # "digits" (embedded) or the name of a TFDS data set
dataset_version: str = ""  # version of the TFDS data set; empty for digits
splits: str = "all"  # TFDS splits put together, such as "train+test"
normal_class: str = "8"  # the class that is normal; every other is an anomaly
image_size: int = 32  # side of the square images, pixels, a multiple of 8
protocol: str = "resubstitution"  # which images are fitted on and which judged
fit_share: float = 0.7  # share of the normal images fitted on, under "holdout"
calibration_share: float = 0.1  # share of them that threshold rules may see; the rest is judged
validation_share: float = 0.0  # share of the anomalies that threshold rules may see
seed: int = 555  # of every random choice

# %% [markdown]
# ## Count what there is
#
# One class is normal. Every image of every other class is an anomaly, whatever it shows. How many there are of each
# decides what the figures of later pages mean.

# %%
chosen = Study.open(params.collect(globals()))
counts = chosen.images.table["class_name"].value_counts()
show.prose(text.totals(chosen.params, chosen.counts, (counts.index[0], int(counts.iloc[0]))))

# %% [markdown]
# [Figure](#fig-classes) shows the largest classes, the normal one among them, and [Table](#tab-classes) gives their
# shares.

# %%
show.figure(
    plots.class_counts(counts.index, counts, highlight=normal_class),
    label="fig-classes",
    caption=f"The largest of the {len(counts)} classes, by images; class **{normal_class}** is normal.",
    alt=f"Bar chart of the largest classes; {counts.index[0]} leads with {counts.iloc[0]} images.",
)

# %%
show.table(
    tables.class_counts(counts.index, counts, normal=normal_class, top=10),
    label="tab-classes",
    caption=f"The same classes in figures, with their share of all {chosen.counts['images']:,} images.",
)

# %% [markdown]
# ## Prepare the images
#
# A convolutional network takes images of one size. Each original is decoded, scaled to values from 0 to 1 and resized
# with bilinear interpolation, as in the published study. The result is kept with 8 bits a value, so an error of up to
# half a level in 255 is added once; it is far below any threshold used here.

# %%
originals = chosen.images.table
show.prose(text.originals(originals["height"], originals["width"], image_size))

# %% [markdown]
# ## Divide them
#
# A detector is fitted on normal images only: it never sees an anomaly before it is judged. Which images it is judged
# on is a matter of protocol, and decides what its figures are worth.

# %%
show.prose(text.protocol(chosen.params, evaluate.parts(chosen), chosen.split.seen))

# %%
show.table(
    tables.parts(evaluate.parts(chosen), chosen.split.seen),
    label="tab-split",
    caption="The parts that the images are divided into, and what each is for.",
)

# %% [markdown]
# The same photograph in two parts would be a leak: the detector would be judged on what it was fitted on. So images
# are compared by their bytes and by what they show, before they are divided.

# %%
show.prose(text.duplicates(**chosen.duplicates()))

# %% [markdown]
# ## Look at some
#
# As the detector sees them, picked at random with the study's seed: normal images in [Figure](#fig-normal), anomalies
# in [Figure](#fig-anomalies). What do the normal ones share that the others lack? Shape, or only background and
# composition? A detector that judges pixels may well go by the second.

# %%
random = np.random.default_rng(seed)
normal = random.choice(chosen.normal, min(16, len(chosen.normal)), replace=False)
show.figure(
    plots.image_grid(chosen.pixels(normal)),
    label="fig-normal",
    caption=f"Normal images: {len(normal)} of class {normal_class}, picked at random.",
    alt=f"Grid of {len(normal)} images of the normal class, {normal_class}.",
)

# %%
others = random.choice(chosen.anomalies, min(16, len(chosen.anomalies)), replace=False)
names = originals["class_name"].to_numpy()[others]
show.figure(
    plots.image_grid(chosen.pixels(others), titles=names),
    label="fig-anomalies",
    caption=f"Anomalies: {len(others)} images of other classes, picked at random, under their class names.",
    alt=f"Grid of {len(others)} images of other classes, among them {', '.join(sorted(set(names))[:4])}.",
)

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(chosen.provenance(), params.declared(globals()), "exploration")
