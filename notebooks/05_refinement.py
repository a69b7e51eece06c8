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
# # Vary the autoencoder and the threshold
#
# Would a variational autoencoder do better, and would another threshold? A
# variational autoencoder (VAE) draws its latent vector at random and is fitted
# to keep the distribution of these draws simple.

# %%
import numpy as np

from lib.evaluation import comparison, evaluate, metrics
from lib.presentation import plots, sections, show, tables, text
from lib.study import citation, published_at

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.02  # a score above it is flagged, 0 to 1
thresholds: list = [0.01, 0.015, 0.02, 0.03, 0.04]  # of the sweep, rising

# %%
run, opened = sections.opened(study, threshold=threshold, thresholds=thresholds)
autoencoder = evaluate.evaluate(opened, run, "autoencoder", thresholds)
threshold = autoencoder["threshold"]["value"]
thresholds = sorted({*thresholds, threshold})
beta = opened.params.beta

# %%
show.prose(text.variations(citation(opened.params), beta))

# %% [markdown]
# ## A variational autoencoder
#
# The encoder gives a mean and a variance for every latent value; the decoder
# gets a random draw from them. Added to the mean squared error is the KL
# divergence between those distributions and a standard normal one:
#
# $$ L = \frac{1}{HWC} \lVert x - \hat{x} \rVert^2
#   + \beta \cdot \mathrm{KL}\left(q(z|x) \,\Vert\, \mathcal{N}(0, I)\right) $$
#
# The first term is a mean over pixels, the second a sum over latent values. The
# VAE has $\beta = 1$. The draw for an image follows from the seed and the image,
# so that its score is always the same.

# %%
vae = sections.variant(opened, run, "vae")

# %% [markdown]
# ## A smaller weight of the KL term
#
# The same network, with the KL term multiplied by the small β of this study.
# Its score, like that of the VAE, is the mean squared error of one draw.

# %%
beta_vae = sections.variant(opened, run, "beta_vae")

# %% [markdown]
# ## What the latent vector carries
#
# [Figure](#fig-terms) shows the two terms of the loss, as they were weighed in
# training. What passes through the latent vector is measured for each of its
# values ([Figure](#fig-latent)): the KL divergence from the prior, in nats, on
# the images fitted on. A value is active if its mean differs between images
# [@burda2016]. If too little passes, the posterior has collapsed: the network
# has given up the latent vector to make the KL term small.

# %%
vae_history, beta_history = run.history("vae"), run.history("beta_vae")
terms = {
    "VAE": {"reconstruction": vae_history["reconstruction"], "β · KL": vae_history["kl"]},
    "β-VAE": {"reconstruction": beta_history["reconstruction"], "β · KL": np.multiply(beta, beta_history["kl"])},
}
show.figure(
    plots.loss_terms(terms),
    label="fig-terms",
    caption=f"The terms of the loss by epoch, for β = 1 (VAE) and β = {beta:g} (β-VAE), on a logarithmic scale.",
)

# %%
latent = {"VAE": comparison.latent_use(run, "vae"), "β-VAE": comparison.latent_use(run, "beta_vae")}
spreads = {"autoencoder": run.spread("autoencoder"), "VAE": run.spread("vae"), "β-VAE": run.spread("beta_vae")}
show.prose(text.latent_use(latent, spreads))

# %%
show.figure(
    plots.latent_use(latent, comparison.CARRIES),
    label="fig-latent",
    caption="KL divergence of each latent value, largest first, of the images fitted on.",
)

# %% [markdown]
# ## The effect of β
#
# [Figure](#fig-rate-distortion) shows what passes through the latent vector
# against the error of the reconstruction, for every VAE of this study.

# %%
sections.rate_distortion(run)

# %% [markdown]
# ## Side by side
#
# [Figure](#fig-roc-all) has the ROC curves of the three detectors on the test
# set, [Table](#tab-all) their figures at the threshold that the study's rule
# gives each. All three are fitted on the same images and evaluated on the same
# test set, so differences between them come from the detectors alone.

# %%
names = {"autoencoder": autoencoder, "vae": vae, "beta_vae": beta_vae}
show.figure(
    plots.roc_curves(evaluate.roc_curves(opened, run, names)),
    label="fig-roc-all",
    caption="ROC curves of the three detectors on the test set; the diagonal is chance.",
)

# %%
records = {text.detector_name(name): record for name, record in names.items()}
results = {name: {**record["at"], "auroc": record["auroc"]} for name, record in records.items()}
published = {text.detector_name(name): published_at(opened.params, name, threshold) for name in names}
show.prose(text.ranking({name: record["auroc"] for name, record in records.items()}, results))
show.table(
    tables.detectors(results, published={name: figures for name, figures in published.items() if figures}),
    label="tab-all",
    caption="The three detectors, each at its threshold"
    + (", beside the published figures." if any(published.values()) else "."),
)

# %% [markdown]
# ## Move the threshold
#
# A lower threshold flags more anomalies and raises more false alarms.
# [Table](#tab-sweep) evaluates the same scores of the autoencoder at the
# thresholds of the parameter file; [Figure](#fig-sweep) shows all thresholds.

# %%
figures = [published_at(opened.params, "autoencoder", value) for value in thresholds]
swept = [autoencoder["thresholds"][f"{value:g}"] for value in thresholds]
show.prose(text.threshold_sweep(thresholds, swept))
show.table(
    tables.threshold_sweep(swept, thresholds, figures if any(figures) else None),
    label="tab-sweep",
    caption="The autoencoder over thresholds"
    + (", with the published figures in parentheses." if any(figures) else "."),
)

# %%
grid = np.linspace(0.0, thresholds[-1] * 1.2, 241)
misses, alarms = metrics.error_rates(*evaluate.labels_and_scores(opened, run, "autoencoder"), grid)
show.figure(
    plots.threshold_sweep(grid, misses, alarms, threshold),
    label="fig-sweep",
    caption="Missed anomalies and false alarms by threshold.",
)

# %% [markdown]
# ## What a mistake may cost
#
# The best threshold depends on the costs of the two errors, and on the share of
# anomalies in use. [Figure](#fig-cost) shows the expected cost at the
# prevalence of the parameter file, relative to the cheaper of flagging
# everything and flagging nothing.

# %%
show.prose(text.threshold_costs(opened.params.normal_class, thresholds, swept))

# %%
ratios = {"1 : 10": 0.1, "1 : 1": 1.0, "10 : 1": 10.0}
prevalence = opened.params.prevalence
labels, scores = evaluate.labels_and_scores(opened, run, "autoencoder")
cheapest = {words: metrics.cheapest(labels, scores, prevalence, ratio) for words, ratio in ratios.items()}
show.prose(text.cheapest(cheapest, prevalence))

# %%
grid = np.union1d(np.linspace(0, 1.1 * scores[labels == 0].max(), 241), [at for at, _ in cheapest.values()])
misses, alarms = metrics.error_rates(labels, scores, grid)
cost = {words: metrics.relative_cost(misses, alarms, prevalence, ratio) for words, ratio in ratios.items()}
show.figure(
    plots.expected_cost(grid, cost, threshold),
    label="fig-cost",
    caption="Relative cost by threshold, for three costs of a missed anomaly against a false alarm. At 1, deciding "
    "without looking costs the same.",
)
