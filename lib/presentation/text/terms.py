"""How numbers, lists and detectors are written."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.evaluation import metrics

NAMES = {"autoencoder": "autoencoder", "vae": "VAE", "beta_vae": "β-VAE"}


def count(number: int, singular: str, plural: str | None = None) -> str:
    """`"1 image"`, `"1,234 images"`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(words: Sequence[str]) -> str:
    """`"a"`, `"a and b"`, `"a, b and c"`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def percent(share: float) -> str:
    """`"12.3 %"`, with one digit more below 1 % and above 99 %, so that almost all is not called all."""
    digits = 1 if 0.01 <= share <= 0.99 or share in (0.0, 1.0) else 2
    return f"{100 * share:.{digits}f} %"


def against(metric: Mapping[str, Any]) -> str:
    """How a metric stands to deciding without looking, judged by its interval."""
    value, words = metrics.against(metric)
    word = metrics.better_than_trivial(metric)
    told = {"better": "better than", "no better": "**no better than", "worse": "**worse than"}[word]
    return f"{told} {words}{'' if word == 'better' else '**'} ({value:.4f})"
