"""Sentences on the variational autoencoders, and on other thresholds."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.evaluation import metrics
from lib.presentation.text.terms import NAMES, count, listed, percent


def collapse(history: Mapping[str, Sequence[float]], beta: float, spread: float, autoencoder: float) -> str:
    """Why a VAE reconstructs as it does: its two terms, and how much its reconstructions differ between images.

    Args:
        history: with `reconstruction` (mean squared error) and `kl` (nats an image) by epoch.
        beta: weight of the KL term.
        spread: standard deviation between the reconstructions of different images, mean over pixels, in [0, 1].
        autoencoder: the same of the autoencoder.
    """
    kl, mse = history["kl"][-1], history["reconstruction"][-1]
    share = beta * kl / (beta * kl + mse)
    text = (
        f"With β = {beta:g} the last epoch ends with a reconstruction term of {mse:.4f} and a KL divergence of "
        f"{kl:.3g} nats an image, weighted {beta * kl:.3g}: {percent(share)} of the loss. "
    )
    text += (
        f"Reconstructions of different images differ by {spread:.4f} (standard deviation of a pixel, 0 to 1), those of "
        f"the autoencoder by {autoencoder:.4f}. "
    )
    if kl < 1.0:
        text += (
            "Less than one nat passes through the latent vector: the posterior has **collapsed** onto the prior, the "
            "decoder no longer learns which image it was given, and paints the average normal image every time. "
            "A nat of KL costs as much as a mean squared error of "
            f"{beta:g}, and the whole reconstruction term is {mse:.4f}: carrying information can never pay."
        )
    else:
        text += f"{kl:.1f} nats pass through the latent vector, so reconstructions follow the image they are of."
    return text


def comparison(aurocs: Mapping[str, Mapping[str, float]], results: Mapping[str, Mapping[str, Any]]) -> str:
    """Which detector ranks best, and which of them do no better than deciding without looking."""
    ranked = sorted(aurocs, key=lambda name: -aurocs[name]["value"])
    told = ", ".join(f"{NAMES.get(name, name)} {aurocs[name]['value']:.4f}" for name in ranked)
    text = f"By AUROC: {told}."
    idle = [
        NAMES.get(name, name)
        for name, result in results.items()
        if metrics.better_than_trivial(result["accuracy"]) != "better"
    ]
    if idle:
        text += f" The accuracy of {listed(idle)} is no better than deciding without looking."
    return text


def sweep(thresholds: Sequence[float], results: Sequence[Mapping[str, Any]]) -> str:
    """Which threshold is best by which measure, and what the ends of the sweep cost."""

    def best(key: str) -> str:
        value, threshold = max((result[key]["value"], -at) for at, result in zip(thresholds, results, strict=True))
        return f"{-threshold:g} ({value:.4f})"

    first, last = results[0], results[-1]
    return (
        f"Accuracy is highest at {best('accuracy')}, F1 at {best('f1')}; balanced accuracy, which is not swayed by how "
        f"many anomalies there are, at {best('balanced_accuracy')}. At {thresholds[0]:g} the detector misses "
        f"{count(first['fn'], 'anomaly', 'anomalies')} and raises {count(first['fp'], 'false alarm')}; at "
        f"{thresholds[-1]:g} it misses {last['fn']:,} and raises {last['fp']:,}."
    )


def costs(normal_class: str, thresholds: Sequence[float], results: Sequence[Mapping[str, Any]]) -> str:
    """What the sweep says of the price of a rejected normal image against a missed anomaly.

    Between two neighbouring thresholds the higher one is the better choice when a false alarm costs more than the
    extra misses it saves.
    """
    lines = []
    for low, high, at, above in zip(results, results[1:], thresholds, thresholds[1:], strict=False):
        saved, missed = low["fp"] - high["fp"], high["fn"] - low["fn"]
        if not saved and not missed:
            continue
        price = f"{missed / saved:.1f} missed anomalies for each" if saved else "at no gain"
        lines.append(
            f"- From {at:g} to {above:g}: {count(saved, 'false alarm')} fewer, "
            f"{count(missed, 'more missed anomaly', 'more missed anomalies')} ({price})."
        )
    return (
        f"Which threshold is best depends on what the two errors cost. A false alarm is an image of class "
        f"{normal_class} turned away; a miss is an anomaly let through. Raising the threshold buys fewer of the first "
        "with more of the second:\n\n" + "\n".join(lines) + "\n\nA step up pays only where one false alarm costs more "
        "than that many misses."
    )
