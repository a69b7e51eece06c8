"""What the published study recommends, put to the test; and what a professional would ship instead."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lib.evaluation import metrics, thresholds
from lib.evaluation.comparison.candidates import MSE
from lib.evaluation.comparison.judged import Judged, best
from lib.study.study import Study

HELPED, HURT, NOISE, UNTRIED = "helped", "hurt", "within noise", "not tried"
COMPLEXITY = {"width", "depth", "batch_norm"}


def _complexity(changes: dict[str, Any], latent: int) -> bool:
    return bool(changes) and set(changes) <= COMPLEXITY and changes.get("width", 1.0) >= 1.0


def _varied(changes: dict[str, Any], latent: int) -> bool:
    return set(changes) == {"augmentation"} and changes["augmentation"] != "hue"


def _recoloured(changes: dict[str, Any], latent: int) -> bool:
    return changes == {"augmentation": "hue"}


def _fewer(changes: dict[str, Any], latent: int) -> bool:
    return set(changes) == {"fit_images"}


def _larger(changes: dict[str, Any], latent: int) -> bool:
    return set(changes) == {"latent_dim"} and changes["latent_dim"] > latent


# Title, which refinements try it, and whether they try its opposite.
RECOMMENDATIONS: tuple[tuple[str, Callable[[dict[str, Any], int], bool], bool], ...] = (
    ("Increase the complexity of the model", _complexity, False),
    ("Fit on more images, tested by fitting on fewer", _fewer, True),
    ("Fit on more images, by varied copies of those there are", _varied, False),
    ("Fit on objects of other colours, by turned hues", _recoloured, False),
    ("Increase the latent dimension", _larger, False),
)


def recommendations(study: Study, judged: Sequence[Judged], spread: float | None) -> list[dict[str, Any]]:
    """The verdict on each recommendation of the published study.

    Of the refinements that try it, the best on validation stands for it, judged by its published score against the
    published autoencoder. It helped or hurt where the paired interval leaves out 0 and the difference is larger than
    that of two seeds; else it is within noise. Where no seeds were named, the interval alone decides.

    Args:
        study: holds images out.
        judged: of the study's candidates.
        spread: of `lib.evaluation.comparison.noise`.

    Returns:
        One record each, as `lib.presentation.tables.recommendations` takes it.
    """
    ours = [each for each in judged if each.candidate.score == MSE and each.candidate.changes]
    rows = []
    for title, tries, opposite in RECOMMENDATIONS:
        members = [each for each in ours if tries(dict(each.candidate.changes), study.params.latent_dim)]
        row = {"recommendation": title, "tried": ", ".join(each.name for each in members) or None, "noise": spread}
        if not members:
            rows.append(row | {"best": None, "difference": None, "verdict": UNTRIED})
            continue
        # The opposite is tried at its weakest: the most images that are still fewer.
        chosen = max(members, key=lambda each: each.candidate.changes["fit_images"]) if opposite else best(members)
        difference = _turned(chosen.difference) if opposite else chosen.difference
        rows.append(row | {"best": chosen.name, "difference": difference, "verdict": verdict(difference, spread)})
    return rows


def verdict(difference: dict[str, Any], spread: float | None) -> str:
    """`helped`, `hurt` or `within noise`."""
    value, large = difference["value"], abs(difference["value"]) > (spread or 0.0)
    if difference["low"] > 0 and large:
        return HELPED
    return HURT if difference["high"] < 0 and large and value < 0 else NOISE


def _turned(difference: dict[str, Any]) -> dict[str, Any]:
    return difference | {
        "value": -difference["value"],
        "low": -difference["high"],
        "high": -difference["low"],
    }


def choice(study: Study, judged: Sequence[Judged]) -> dict[str, Any]:
    """Which detector to use on this data, and at which threshold.

    The best on validation, shortcuts left out. The threshold keeps the expected rate of false alarms at the study's
    target, by conformal calibration on normal images that were not judged: those set aside, and, where the detector can
    say what it would make of each image fitted on without it, these too. The rate scatters less the more there are. An
    image left out is judged by one image fewer than a new one, so the promise is nearly that of images set aside (the
    jackknife; Barber, Candès, Ramdas and Tibshirani, 2021, arXiv:1905.02928). The images set aside did help to choose
    the detector, which makes it a little optimistic. What came of it is counted on the judged images.

    Returns:
        `detector` (Judged), `threshold` (`lib.evaluation.thresholds.Threshold`), `alpha`, the rate that it aims at, `calibration`,
        how many images it saw, and `at`, the figures at it.
    """
    able = [each for each in judged if each.candidate.family != "shortcut"]
    chosen = best(able)
    scores, left_out = chosen.candidate.scores, chosen.candidate.left_out
    seen = np.r_[scores[study.split.calibration], left_out]
    alpha = max(study.params.target_fpr, _lowest(len(seen)))
    line = thresholds.choose("target_fpr", alpha=alpha, calibration=seen)
    if len(left_out):
        aside, fitted = len(study.split.calibration), len(left_out)
        line = replace(line, saw=f"{aside:,} normal images set aside and {fitted:,} fitted on, each left out in turn")
    at = metrics.at_threshold(study.labels[study.split.test], scores[study.split.test], line.value)
    return {"detector": chosen, "threshold": line, "alpha": alpha, "calibration": len(seen), "at": at}


def _lowest(calibration: int) -> float:
    """The lowest false positive rate that so many calibration images can promise."""
    return float(np.nextafter(1 / (calibration + 1), 1))
