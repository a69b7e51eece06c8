"""Sentences on a fit: the network, its loss, and its twins."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.presentation.text.terms import NAMES, count, percent


def network(rows: Sequence[Mapping[str, Any]], shape: Sequence[int], latent: int) -> str:
    """How far a network squeezes an image, and where its parameters are."""
    total = sum(row["parameters"] for row in rows)
    largest = max(rows, key=lambda row: row["parameters"])
    values = shape[0] * shape[1] * shape[2]
    change = (
        f"a {values / latent:.0f}th of the {values:,} values of an image"
        if values > 2 * latent
        else f"against {values:,} values of an image"
    )
    return (
        f"The latent vector has {latent:,} values, {change}. Of the network's {total:,} parameters, "
        f"{percent(largest['parameters'] / total)} are in one layer: {largest['layer']} of the {largest['part']}."
    )


def learning(name: str, history: Mapping[str, Sequence[float]], seconds: Mapping[str, float], kept: bool) -> str:
    """How a fit went, and whether it had ended."""
    loss = history["loss"]
    text = (
        f"In {count(len(loss), 'epoch')} the loss of the {NAMES.get(name, name)} went from {loss[0]:.4f} to "
        f"{loss[-1]:.4f}. Fitting took {seconds['fit']:.0f} s and scoring every image {seconds['score']:.0f} s"
    )
    text += " (kept from an earlier run with the same data, parameters, code and libraries)." if kept else "."
    if len(loss) >= 5 and loss[-5] > 0:
        gained = 1 - loss[-1] / loss[-5]
        text += (
            f" Over the last four epochs it still fell by {percent(gained)}, so training had not ended when it stopped."
            if gained > 0.02
            else f" Over the last four epochs it changed by {percent(abs(gained))}: more epochs would change little."
        )
    return text


def companions(made: Sequence[str]) -> str:
    """Which further fits there are for later pages to read."""
    if not made:
        return "No later page needs another fit of the autoencoder."
    return f"For later pages to compare with, the autoencoder is fitted again {', '.join(made)}."
