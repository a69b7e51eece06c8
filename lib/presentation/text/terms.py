"""Names of detectors, intervals, rates and comparisons, as they stand in sentences."""

import re
from collections.abc import Mapping
from typing import Any

from lib.core.formatting import count, listed, percent, signed
from lib.evaluation import metrics

_NAMES = {"vae": "VAE", "beta_vae": "β-VAE"}


def detector_name(name: str) -> str:
    """Return the printed name of a detector."""
    return _NAMES.get(name, name.replace("_", " "))


def in_words(name: str) -> str:
    """The printed name of a detector inside a sentence, with an article: `the detector “autoencoder, gradient”`."""
    name = detector_name(name)
    title, _, members = name.partition(": ")
    if members and title.startswith("ensemble"):
        words = listed([_quoted(member) for member in members.split(" + ")])
        return f"the {title} of {words}" if title == "ensemble" else f"the {title} ({words})"
    quoted = _quoted(name)
    return f"the {name}" if quoted == name else f"the detector {quoted}"


def _quoted(name: str) -> str:
    """A name in quotation marks if it has a comma or a number, such as `latent 128`."""
    return f"“{name}”" if re.search(r"[,\d]", name) else name


def both_counts(normal: int, anomalies: int) -> str:
    """`"40 normal images and 1 anomaly"`."""
    return f"{count(normal, 'normal image')} and {count(anomalies, 'anomaly', 'anomalies')}"


def area(value: float) -> str:
    """An area under a curve with three decimals; four above 0.995, so that 0.9998 is not printed as 1.000."""
    return f"{value:.4f}" if 0.995 < value < 1 else f"{value:.3f}"


def interval(metric: Mapping[str, Any], sign: bool = False) -> str:
    """`"95 % interval 0.800 to 0.950"`; with `sign` for a difference."""
    digits = 3 if sign or metric["high"] <= 0.995 else 4
    low, high = (signed(metric[key], digits) if sign else f"{metric[key]:.{digits}f}" for key in ("low", "high"))
    return f"95 % interval {low} to {high}"


def rate(metric: Mapping[str, Any]) -> str:
    """`"8.0 % (95 % interval 4.5 % to 13.1 %)"`."""
    return f"{percent(metric['value'])} (95 % interval {percent(metric['low'])} to {percent(metric['high'])})"


def against_trivial(metric: Mapping[str, Any]) -> str:
    """`"better than flagging everything (0.9125)"`; bold if it is not better."""
    value, words = metrics.best_trivial(metric)
    verdict = metrics.better_than_trivial(metric)
    comparison = f"{verdict} than {words}"
    return f"{comparison if verdict == 'better' else f'**{comparison}**'} ({value:.4f})"


def against_half(effect: Mapping[str, Any]) -> str:
    """`"probability higher 0.63, 95 % interval 0.58 to 0.68"`."""
    low, high = effect["low"], effect["high"]
    return f"probability higher {effect['value']:.2f}, 95 % interval {low:.2f} to {high:.2f}"
