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
# # Explore the images
#
# Which images are normal in this study, which are anomalies, and what does a
# detector see of either? This chapter describes the data set before any
# detector is fitted.

# %%
from lib import params
from lib.presentation import sections, show, text
from lib.study import Study, citation

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
dataset: str = "digits"  # "digits" (embedded) or the name of a TFDS data set
dataset_version: str = ""  # version of the TFDS data set; empty for digits
splits: str = "all"  # TFDS splits put together, such as "train+test"
images: str = ""  # where dataset is "folder": a folder or a manifest, relative to params/
origin: str = ""  # where the images come from, a sentence for the first chapter
intensity: str = ""  # of images of more than 8 bits: which values are black and white, such as "window:0,4095"
unreadable_share: float = 0.01  # share of files that cannot be read, above which nothing is made
duplicates: str = "group"  # near-duplicates stay on one side of the split; "keep": each image for itself
normal_class: str = "8"  # the class that is normal; every other is an anomaly
image_size: int = 16  # side of the square images, pixels, a multiple of 8
protocol: str = "resubstitution"  # which images are fitted on and which are the test set
fit_share: float = 0.55  # share of the normal images fitted on, under "holdout"
calibration_share: float = 0.25  # share of them set aside to calibrate and choose; the rest is the test set
validation_share: float = 0.0  # share of the anomalies to choose detectors by
target_fpr: float = 0.05  # false alarm rate that the calibration images should allow
detector: str = "autoencoder"  # the detector that the report is about
tiles: int = 1  # each image is cut into tiles × tiles pieces, each looked at whole
seed: int = 555  # of every random choice

# %%
sections.announce(params.declared(globals()))

# %% [markdown]
# ## Count the images
#
# One class is normal. Every image of every other class is an anomaly, whatever
# it shows.

# %%
opened = Study.open(params.collect(globals()))
originals = opened.images.table
show.prose(text.source(opened.params, citation(opened.params)))

# %%
sections.classes(opened)

# %% [markdown]
# ## Is the data enough?
#
# A report can only be as good as its images. [Table](#tab-readiness) says what
# these images allow, before anything is fitted, and what to collect next.

# %%
sections.readiness(opened)

# %% [markdown]
# ## Prepare the images
#
# A detector takes images of one size. Each original is decoded, scaled to values
# from 0 to 1 and resized with bilinear interpolation. The result is stored with
# 8 bits a value. Rounding adds an error of at most half a level in 255.

# %%
show.prose(text.originals(originals["height"], originals["width"], image_size))

# %% [markdown]
# ## Divide the images
#
# A detector is fitted on normal images only. The protocol decides which images
# it is tested on. The same photograph in two sets would be a leak: the detector
# would be tested on what it was fitted on. Images are therefore compared by
# their bytes and by their content before they are divided into the sets of
# [Table](#tab-split).

# %%
sections.divided(opened)

# %% [markdown]
# ## Look at some images
#
# Do the normal images share a shape, or only a background and a composition? A
# detector that compares pixels may rely on the latter.

# %%
sections.samples(opened)
