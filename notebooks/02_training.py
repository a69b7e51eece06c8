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
# # Fit the detectors
#
# What do normal images have in common? Every detector of this study learns it
# from normal images alone, each in its own way, and says of every image how
# abnormal it is. This chapter fits them and scores every image with each. Later
# chapters only read the results.

# %%
from lib import params
from lib.evaluation import comparison
from lib.presentation import sections, show, tables, text
from lib.study import Run, Study, fit_all

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
title: str = "Eights among handwritten digits"  # title of the report
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
latent_dim: int = 64  # size of the latent vector
epochs: int = 10  # passes over the images fitted on
batch_size: int = 16  # images a training step
learning_rate: float = 0.002  # of Adam
dtype_policy: str = "float32"  # arithmetic of the layers; mixed_bfloat16 and mixed_float16 are less exact
beta: float = 0.0001  # weight of the KL term in the β-VAE
threshold_rule: str = "fixed"  # how the threshold is chosen; fixed, target_fpr, max_f1, youden or min_cost
target_fpr: float = 0.05  # false alarm rate that the rule target_fpr keeps to
cost_miss: float = 1.0  # cost of a missed anomaly, for min_cost
cost_false_alarm: float = 1.0  # cost of a false alarm, for min_cost
prevalence: float = 0.1  # share of anomalies expected in use, for costs and workload
threshold: float = 0.02  # a score above it is flagged, 0 to 1
thresholds: list = [0.01, 0.015, 0.02, 0.03, 0.04]  # of the sweep, rising
seed: int = 555  # of every random choice
seeds: list = []  # further seeds to repeat the fit with
detector: str = "autoencoder"  # the detector that the report is about
tiles: int = 1  # each image is cut into tiles × tiles pieces, each looked at whole
detectors: list = []  # besides the published three, by name or with options
refinements: list = [{"fit_images": 0.5}, {"latent_dim": 128}]  # changes to the autoencoder to measure
backbone: str = "efficientnet_lite0"  # pretrained network whose features are compared too; empty for none
backbone_size: int = 32  # side of the images it is given, pixels; 0 for the size it was made for
sha256: str = ""  # of a backbone that is a file
published: str = ""  # published figures to compare with, a name in params/published/

# %%
sections.announce(params.declared(globals()))

# %% [markdown]
# ## Fit every detector
#
# The initial weights, the order of the images and every other random choice
# follow from the seed. Fitted detectors are cached: running this chapter again
# only fits what has changed. [Table](#tab-fits) lists every fit. Where the
# study holds no images out, the detectors are also fitted with images held out,
# so that they can be compared on images that none of them has seen.

# %%
opened = Study.open(params.collect(globals()))
run = Run.of(study)
fitted = fit_all(opened, run)
saved = comparison.save_detectors(opened, run, fitted)

# %%
show.prose(text.fits(run.fits(), saved))
show.table(
    tables.fits(run.fits()),
    label="tab-fits",
    caption=text.with_seconds("Every fit of this study.", run.fits().values()),
)

# %% [markdown]
# ## The loss of the autoencoder
#
# The loss is the mean squared error between an image and its reconstruction,
# over all pixels and channels, with values from 0 to 1. The optimiser is Adam.
# The images come in the same order in every epoch. [Figure](#fig-loss) shows
# the loss.

# %%
sections.learning(opened, fitted)

# %% [markdown]
# ## The network
#
# The autoencoder has an encoder of three convolutions, each halving height and
# width, and two dense layers. The decoder has the same layers in reverse. All
# activations are ReLU, except for the latent vector (none) and the last layer
# (sigmoid, so that its values lie between 0 and 1). [Table](#tab-layers) lists
# the layers.

# %%
sections.network(opened, fitted)

# %% [markdown]
# ## Compare with the originals
#
# [Figure](#fig-pairs) shows the first images that the autoencoder was fitted
# on, and its reconstructions. Some blur is expected: the mean squared error
# penalises a soft edge less than an edge in the wrong place.

# %%
sections.reconstructions(opened, run, fitted)
