"""What the published study recommends, put to the test."""

from collections.abc import Callable, Sequence
from typing import Any

from lib.detectors import BASELINE
from lib.evaluation.comparison.choice import best
from lib.evaluation.comparison.leaderboard import Row

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


def recommendations(rows: Sequence[Row], latent_dim: int, noise: float | None) -> list[dict[str, Any]]:
    """The verdict on each recommendation of the published study.

    Of the refinements that try it, the best on the validation set stands for it, by its published score against the
    published autoencoder's. It helped or hurt where the paired interval leaves out 0 and the difference is larger than
    that of two seeds; else it is within noise. Where no seeds were named, the interval alone decides.

    Args:
        rows: of the leaderboard.
        latent_dim: of the published autoencoder.
        noise: of `lib.evaluation.comparison.noise`.

    Returns:
        A mapping each: `recommendation`, `tried` (names of refinements), `best`, `difference`, `noise`, `verdict`, and
        `opposite`, whether the opposite was tried and the difference is reversed.
    """
    refined = [row for row in rows if row["score"] == "mse" and row["changes"]]
    verdicts = []
    for title, tries, opposite in RECOMMENDATIONS:
        members = [row for row in refined if row["kind"] == BASELINE and tries(row["changes"], latent_dim)]
        record = {"recommendation": title, "tried": ", ".join(row["name"] for row in members) or None}
        record |= {"noise": noise, "opposite": opposite}
        if not members:
            verdicts.append(record | {"best": None, "difference": None, "verdict": UNTRIED})
            continue
        # The opposite is tried at its weakest: the most images that are still fewer.
        row = max(members, key=lambda row: row["changes"]["fit_images"]) if opposite else best(members)
        difference = _reversed(row["difference"]) if opposite else row["difference"]
        verdicts.append(record | {"best": row["name"], "difference": difference, "verdict": verdict(difference, noise)})
    return verdicts


def verdict(difference: dict[str, Any], noise: float | None) -> str:
    """`helped`, `hurt` or `within noise`."""
    value, large = difference["value"], abs(difference["value"]) > (noise or 0.0)
    if difference["low"] > 0 and large:
        return HELPED
    return HURT if difference["high"] < 0 and large and value < 0 else NOISE


def _reversed(difference: dict[str, Any]) -> dict[str, Any]:
    return difference | {
        "value": -difference["value"],
        "low": -difference["high"],
        "high": -difference["low"],
    }
