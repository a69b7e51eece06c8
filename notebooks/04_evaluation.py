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

from lib import metrics, plots, show, tables, wording
from lib import study as studies

# %% tags=["parameters"]
study: str = "digits"  # name of the study; its drafts and reports go by it
threshold: float = 0.01  # a score above it is flagged, 0 to 1

# %%
run = studies.finished(study)
chosen = studies.of_run(run)
judged = chosen.judge(run, "autoencoder", [threshold])
result = judged["thresholds"][f"{threshold:g}"]
labels, scores = chosen.test(run, "autoencoder")

# %% [markdown]
# ## At the threshold
#
# An anomaly is the positive class: recall is the share of anomalies that are flagged, precision the share of flagged
# images that are anomalies. Accuracy and F1 depend on how many anomalies there are, so each stands beside what
# flagging every image would reach. Balanced accuracy and the Matthews correlation coefficient (MCC) do not reward
# that.

# %%
show.prose(wording.verdict("autoencoder", result, judged["auroc"]))

# %%
show.table(
    tables.metrics(result, chosen.published("autoencoder", threshold)),
    label="tab-metrics",
    caption=f"The autoencoder at the threshold of {threshold:g}.",
)

# %%
counts = {key: result[key] for key in ("tp", "fp", "tn", "fn")}
show.figure(
    plots.confusion(**counts),
    label="fig-confusion",
    caption=f"Decisions at the threshold of {threshold:g}: counts, and shares of each row.",
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
here = (result["fp"] / (result["fp"] + result["tn"]), result["recall"]["value"], f"threshold {threshold:g}")
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

# %%
ranking = {"auroc": judged["auroc"], "aupr": judged["aupr"], "fpr_at_95_tpr": judged["fpr_at_95_tpr"]}
show.table(
    tables.metrics(ranking),
    label="tab-ranking",
    caption="Figures that do not depend on the threshold, with their 95 % intervals and what chance would reach.",
)

# %% [markdown]
# ## Where this page came from

# %%
show.provenance(run.read("manifest"), run.read("params"), "evaluation")
