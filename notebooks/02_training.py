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
# # Teach an autoencoder what is normal
#
# Can a network learn to copy normal images through a narrow passage? If it learns that and nothing more, whatever
# else it is shown should come back damaged, and the damage can be measured. This page builds the published study's
# autoencoder and fits it on normal images.

# %%
from lib import params
from lib.evaluation import comparison as refine
from lib.evaluation import evaluate
from lib.presentation import plots, show, tables, text
from lib.study.study import SAMPLES, Study

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
title: str = "Eights among handwritten digits"  # title of the report
dataset: str = "digits"  # "digits" (embedded) or the name of a TFDS data set
dataset_version: str = ""  # version of the TFDS data set; empty for digits
splits: str = "all"  # TFDS splits put together, such as "train+test"
normal_class: str = "8"  # the class that is normal; every other is an anomaly
image_size: int = 32  # side of the square images, pixels, a multiple of 8
protocol: str = "resubstitution"  # which images are fitted on and which judged
fit_share: float = 0.7  # share of the normal images fitted on, under "holdout"
calibration_share: float = 0.1  # share of them that threshold rules may see; the rest is judged
validation_share: float = 0.0  # share of the anomalies that threshold rules may see
latent_dim: int = 64  # size of the latent vector
epochs: int = 20  # passes over the images fitted on
batch_size: int = 16  # images a training step
learning_rate: float = 0.001  # of Adam
precision: str = "float32"  # arithmetic of the layers; mixed_bfloat16 and mixed_float16 are less exact
beta: float = 0.0001  # weight of the KL term in the β-VAE
threshold_rule: str = "fixed"  # how the threshold is chosen; fixed, target_fpr, max_f1, youden or min_cost
target_fpr: float = 0.05  # false alarm rate that the rule target_fpr keeps to
cost_miss: float = 1.0  # cost of a missed anomaly, for min_cost
cost_false_alarm: float = 1.0  # cost of a false alarm, for min_cost
prevalence: float = 0.1  # share of anomalies expected in use, for costs and work-load
threshold: float = 0.01  # a score above it is flagged, 0 to 1
thresholds: list = [0.005, 0.01, 0.015, 0.02, 0.03]  # of the sweep, rising
seed: int = 555  # of every random choice
seeds: list = []  # further seeds to repeat the fit with
refinements: list = [{"fit_images": 0.5}, {"latent_dim": 128}]  # to measure
backbone: str = "efficientnet_lite0"  # pretrained network whose features are judged too; empty for none
backbone_size: int = 64  # side of the images it is given, pixels; 0 for the size it was made for
published: str = ""  # published figures to compare with, a name in params/published/

# %% [markdown]
# ## Fit it
#
# The loss is the mean squared error between an image and its reconstruction, over all pixels and channels, with
# values from 0 to 1. The optimiser is Adam. The initial weights, the order of the images and every other random
# choice follow from the seed. The images come in the same order in every epoch: the published study's code, which
# seeds TensorFlow globally, makes Keras repeat its first shuffle. Fitted detectors are kept, so running this page
# again reads what it can.

# %%
chosen = Study.open(params.collect(globals()))
run = chosen.begin()
trained = chosen.train(run, "autoencoder")

# %%
show.prose(text.learning("autoencoder", trained.history, trained.seconds, trained.kept))

# %%
show.figure(
    plots.loss_curve({"autoencoder": trained.history["loss"]}),
    label="fig-loss",
    caption=f"Loss of the autoencoder by epoch, on the {len(chosen.split.fit):,} images it is fitted on.",
    alt=f"Curve of the loss by epoch, from {trained.history['loss'][0]:.4f} to {trained.history['loss'][-1]:.4f}.",
)

# %% [markdown]
# ## What was fitted
#
# An encoder of three convolutions, each halving height and width, and two dense layers; a decoder that goes the same
# way back. All activations are ReLU, but for the latent vector (none) and the last layer (sigmoid, so that its values
# lie between 0 and 1).

# %%
shape = chosen.images.images.shape[1:]
show.prose(text.network(trained.layers, shape, latent_dim))

# %%
show.table(
    tables.layers(trained.layers),
    label="tab-layers",
    caption=f"Layers of the autoencoder for images of {shape[0]} × {shape[1]} pixels and {shape[2]} channel(s).",
)

# %% [markdown]
# ## Compare with the originals
#
# [Figure](#fig-pairs) shows the first images that it was fitted on, and what it makes of them. Blur is expected: the
# mean squared error forgives a soft edge more easily than one in the wrong place.

# %%
first = chosen.split.fit[:SAMPLES]
show.figure(
    plots.reconstruction_pairs(chosen.pixels(first), run.examples("autoencoder", first)),
    label="fig-pairs",
    caption=f"The first {len(first)} images fitted on (above) and their reconstructions (below).",
    alt=f"{len(first)} images of class {normal_class} above their blurred reconstructions by the autoencoder.",
)

# %% [markdown]
# ## Fit it again, for comparison
#
# A detector's figures mean more beside those of a twin: one that did not see the images it is judged on, or that
# started from another seed. Such twins are fitted here and kept, so that the pages that judge them only read.

# %%
show.prose(text.companions(evaluate.companions(chosen)))
maps = refine.heat_maps(chosen, refine.telling(chosen))  # of the page on anomalies

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "training")
