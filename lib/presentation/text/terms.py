"""Names of detectors, intervals, and comparisons with trivial decisions, as they stand in sentences."""

from collections.abc import Mapping
from typing import Any

from lib.core.formatting import signed
from lib.evaluation import metrics

_NAMES = {"vae": "VAE", "beta_vae": "β-VAE"}


def detector_name(name: str) -> str:
    """Return the printed name of a detector."""
    return _NAMES.get(name, name.replace("_", " "))


def interval(metric: Mapping[str, Any], sign: bool = False) -> str:
    """`"95 % interval 0.8000 to 0.9500"`; with `sign` for a difference."""
    low, high = (signed(metric[key]) if sign else f"{metric[key]:.4f}" for key in ("low", "high"))
    return f"95 % interval {low} to {high}"


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
