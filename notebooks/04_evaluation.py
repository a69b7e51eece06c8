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
# # Put a number on it
#
# How good is the detector at this threshold, how good at any, and how much of that would a detector reach that looks
# at nothing?

# %%
import numpy as np

from lib.evaluation import evaluate, metrics
from lib.presentation import plots, show, tables, text
from lib.study import study as studies

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.01  # a score above it is flagged, 0 to 1

# %%
run = studies.finished(study)
chosen = studies.of_run(run, threshold)
judged = evaluate.judge(chosen, run, "autoencoder")
result, threshold = judged["at"], judged["threshold"]["value"]
labels, scores = chosen.test(run, "autoencoder")

# %% [markdown]
# ## At the threshold
#
# An anomaly is the positive class: recall is the share of anomalies that are flagged, precision the share of flagged
# images that are anomalies. Accuracy and F1 depend on how many anomalies there are, so each stands beside what
# flagging every image would reach. Balanced accuracy and the Matthews correlation coefficient (MCC) do not reward
# that.

# %%
line = evaluate.threshold(chosen, run, "autoencoder")
show.prose(text.rule(line, chosen.params, len(chosen.split.calibration), result["fpr"]))
show.prose(text.verdict("autoencoder", result, judged["auroc"]))

# %%
show.table(
    tables.metrics(result, chosen.published("autoencoder", threshold)),
    label="tab-metrics",
    caption=f"The autoencoder at the threshold of {threshold:.4g}.",
)

# %%
counts = {key: result[key] for key in ("tp", "fp", "tn", "fn")}
show.figure(
    plots.confusion(**counts),
    label="fig-confusion",
    caption=f"Decisions at the threshold of {threshold:.4g}: counts, and shares of each row.",
    alt="Confusion matrix: {tp} true and {fp} false positives, {tn} true and {fn} false negatives.".format(**counts),
)

# %% [markdown]
# ## At any threshold
#
# The ROC curve in [Figure](#fig-roc) shows every threshold at once: the share of anomalies caught against the share
# of normal images flagged. The dot is the threshold of this study. The area under the curve (AUROC) does not depend
# on it.

# %%
fpr, tpr, _ = metrics.roc_curve(labels, scores)
here = (result["fp"] / (result["fp"] + result["tn"]), result["recall"]["value"], f"threshold {threshold:.4g}")
show.figure(
    plots.roc_curves({"autoencoder": (fpr, tpr, judged["auroc"])}, {"autoencoder": here}),
    label="fig-roc",
    caption="ROC curve of the autoencoder; the diagonal is chance.",
    alt=f"ROC curve with an area of {judged['auroc']['value']:.4f}; at the threshold it has a false positive rate "
    f"of {here[0]:.3f} and a true positive rate of {here[1]:.3f}.",
)

# %% [markdown]
# Precision against recall ([Figure](#fig-pr)) looks flattering wherever anomalies are common: its chance level is
# their share, not one half.

# %%
recall, precision, _ = metrics.pr_curve(labels, scores)
show.figure(
    plots.pr_curves({"autoencoder": (recall, precision, judged["aupr"])}, float(np.mean(labels))),
    label="fig-pr",
    caption="Precision against recall of the autoencoder; the line is chance.",
    alt=f"Precision-recall curve with an average precision of {judged['aupr']['value']:.4f}, chance "
    f"{judged['aupr']['chance']:.4f}.",
)

# %% [markdown]
# ## The whole table
#
# Every figure with its interval, with what chance would reach, and with what flagging every image would reach. Where
# the interval includes the trivial value, the figure says nothing for the detector, and the table says so.

# %%
show.table(
    tables.honest({**judged, **result}),
    label="tab-honest",
    caption="The autoencoder by every measure, with intervals, chance, and flagging everything.",
)
show.prose(metrics.INTERVALS)

# %% [markdown]
# ## On images that it was not fitted on
#
# A detector knows the images that it was fitted on. How much of its AUROC is that?

# %%
apart = evaluate.held_out(chosen, run)
show.prose(text.held_out(apart.own, apart.new, apart.fitted, apart.unseen))

# %% [markdown]
# ## Against what is cheap
#
# Would less have done? The same held-out images, judged by detectors that take seconds, and by shortcuts that do not
# look at what is shown: the size and proportions of the file, and blank margins. [Figure](#fig-references) sets their
# AUROC beside the autoencoder's.

# %%
ranked = evaluate.references(chosen, run)
show.prose(text.references(ranked))
areas = [record["auroc"] for record in ranked.values()]
ends = [[area[key] for area in areas] for key in ("value", "low", "high")]
show.figure(
    plots.references(list(ranked), *ends, "autoencoder"),
    label="fig-references",
    caption="AUROC on images held out, of the autoencoder and of the reference detectors; the line is chance.",
    alt="; ".join(f"{name} {record['auroc']['value']:.4f}" for name, record in ranked.items()),
)

# %%
show.table(
    tables.references(ranked),
    label="tab-references",
    caption="The same in figures, with the paired difference of each AUROC to the autoencoder's, and seconds in all.",
)

# %% [markdown]
# ## How much is luck
#
# Another seed gives other initial weights and another order of images, and so another detector.

# %%
by_seed = evaluate.seeds(chosen, run)
show.prose(text.spread(by_seed))
if len(by_seed) > 1:
    show.figure(
        plots.seed_spread({"autoencoder": by_seed}),
        label="fig-seeds",
        caption="AUROC of the autoencoder by seed; the tick is their mean.",
        alt="One dot a seed: " + ", ".join(f"{value:.4f}" for value in by_seed.values()),
    )

# %% [markdown]
# Arithmetic with fewer digits is faster on some devices. What it costs in quality has to be measured.

# %%
show.prose(text.precision(chosen.params.precision, evaluate.precision(chosen, run)))

# %% [markdown]
# ## What it costs to use
#
# Prevalence in use is seldom that of a data set. Of a thousand images at the prevalence of this study's parameter
# set, how many are reviewed, missed, and raised in vain?

# %%
prevalence = chosen.params.prevalence
grid = np.unique(np.quantile(scores, np.linspace(0, 1, 201)))
work = metrics.operations(*metrics.error_rates(labels, scores, grid), prevalence)
here = metrics.operations(*metrics.error_rates(labels, scores, [threshold]), prevalence)
show.prose(text.workload(here.iloc[0], prevalence))
show.figure(
    plots.operations(grid, work["reviewed"], work["missed"], work["in_vain"], threshold),
    label="fig-operations",
    caption=f"Of 1,000 images with {text.percent(prevalence)} anomalies: reviewed, missed and raised in vain.",
    alt="Three curves over the threshold: reviews and false alarms fall, misses rise.",
)

# %%
few = np.quantile(scores[labels == 0], [0.5, 0.8, 0.9, 0.95, 0.99])
rows = metrics.operations(*metrics.error_rates(labels, scores, few), prevalence, thresholds=few)
show.table(
    tables.operations(rows),
    label="tab-operations",
    caption="The same per 1,000 images, at thresholds that flag 50, 20, 10, 5 and 1 % of the normal images judged.",
)

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "evaluation")
