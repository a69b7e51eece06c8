"""Whether new images are still like the calibration images, so that a threshold keeps its false alarm rate.

New images may contain anomalies, and these score high without any drift. So scores and embeddings are compared in the
*bulk* only: the images that score below the `BULK` quantile of the calibration scores. Given that quantile, normal
images below it have the same distribution in both sets, and anomalies matter only as far as they score like most normal
images. The brightness, the sharpness and the size are compared over all images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from scipy.stats import ks_2samp

BULK = 0.9  # quantile of the calibration scores
LEAST = 30  # images of each set, below which only a very large difference could be noticed
ENOUGH = 20  # of them in the bulk, to compare embeddings
LEVEL = 0.05  # of the test of the scores
STRICT = 0.01  # level of all other tests, of which there are several
SHIFT = 0.5  # calibration standard deviations; a smaller shift of a mean is not called a change
ROWS = 500  # embeddings of each set
QUANTITIES = ("brightness", "sharpness", "size")
_PERMUTATIONS = 500
_BETS = (np.arange(100) + 0.5) / 100  # exponents of the power martingales
_BLOCK = 500  # images of a stream that are ranked at one time


@dataclass(frozen=True)
class Drift:
    """How new images differ from the calibration images.

    Attributes:
        kind: What the scores say: `holds`, no difference was found; `changed`; `most_above`, fewer than half of the
            images are in the bulk, so that either most are anomalies or all have changed; `few`, too few images.
        images: Number of new images.
        calibration: Number of calibration scores.
        bulk: Number of new images in the bulk.
        p_value: Of the Kolmogorov-Smirnov test of the scores in the bulk; NaN without one.
        noticed: Difference of the two distribution functions that this test notices, 0 to 1; NaN without one.
        higher: Whether the new scores in the bulk have the higher median.
        appearance: One row for each of `QUANTITIES`: `quantity`, `calibration` and `new` (means), `shift` (of the mean,
            in calibration standard deviations), `p_value` (of a Kolmogorov-Smirnov test) and `changed`; no rows where
            there are too few images.
        embeddings: Of `mmd`, with the number of `images` compared; None without embeddings.
        alarm: Number of the image at which the martingale reaches 1/0.05 = 20, counted from 1; None if it does not.
        largest: The largest value of the martingale; NaN without one.
    """

    kind: str
    images: int
    calibration: int
    bulk: int
    p_value: float
    noticed: float
    higher: bool
    appearance: pd.DataFrame
    embeddings: Mapping[str, Any] | None
    alarm: int | None
    largest: float

    @property
    def changed(self) -> list[tuple[str, float]]:
        """The quantities that have changed, each with its shift in calibration standard deviations."""
        rows = self.appearance[self.appearance["changed"].astype(bool)]
        return list(zip(rows["quantity"], rows["shift"], strict=True))


def of(scores, calibration, measured, calibrated, embeddings=None, calibrated_embeddings=None) -> Drift:
    """Compare new images with the calibration images.

    Args:
        scores: Of new images in their order, shape (m,), finite; in a stream, the order of time.
        calibration: Scores of normal images that the detector was not fitted on, shape (n,).
        measured: Columns `brightness`, `sharpness`, `height` and `width` of the new images; see
            `lib.data.measurements` and `lib.data.ImageSet`.
        calibrated: The same columns of the calibration images.
        embeddings: Of new images in the bulk, shape (k, D); None for none.
        calibrated_embeddings: Of calibration images in the bulk, shape (l, D); None for none.
    """
    scores, calibration = np.asarray(scores, dtype=float), np.asarray(calibration, dtype=float)
    kind, p_value, noticed, higher = of_scores(scores, calibration)
    enough = min(len(measured), len(calibrated)) >= LEAST
    compared = None
    if embeddings is not None and calibrated_embeddings is not None:
        sizes = len(embeddings), len(calibrated_embeddings)
        if min(sizes) >= ENOUGH:
            compared = mmd(embeddings, calibrated_embeddings) | {"images": sizes[0]}
    values = martingale(online_p_values(calibration, scores)) if len(calibration) else np.empty(0)
    return Drift(
        kind=kind,
        images=len(scores),
        calibration=len(calibration),
        bulk=int(in_bulk(scores, calibration).sum()),
        p_value=p_value,
        noticed=noticed,
        higher=higher,
        appearance=appearance(measured, calibrated) if enough else _NOTHING,
        embeddings=compared,
        alarm=alarm(values),
        largest=float(values.max()) if len(values) else float("nan"),
    )


def in_bulk(scores, calibration) -> np.ndarray:
    """Mark the scores that are in the bulk, bool (m,); see this module."""
    ordered = np.sort(np.asarray(calibration, dtype=float))
    if not ordered.size:
        return np.zeros(np.shape(scores), bool)
    return np.asarray(scores, dtype=float) < ordered[int(np.ceil(BULK * ordered.size)) - 1]


def of_scores(scores, calibration) -> tuple[str, float, float, bool]:
    """Return `kind`, `p_value`, `noticed` and `higher` of `Drift`; see `of`."""
    scores, calibration = np.asarray(scores, dtype=float), np.asarray(calibration, dtype=float)
    nothing = float("nan"), float("nan"), False
    if min(len(scores), len(calibration)) < LEAST:
        return "few", *nothing
    new, calibration = scores[in_bulk(scores, calibration)], calibration[in_bulk(calibration, calibration)]
    if len(new) < len(scores) / 2:
        return "most_above", *nothing
    # Not the one-sample test of the p-values against the uniform distribution: p-values share the calibration images,
    # and many new images would find that these are a sample too.
    p_value = float(ks_2samp(new, calibration).pvalue)
    noticed = 1.358 * np.sqrt(1 / len(new) + 1 / len(calibration))  # of the asymptotic distribution at 5 %
    higher = bool(np.median(new) > np.median(calibration))
    return "holds" if p_value > LEVEL else "changed", p_value, float(noticed), higher


def appearance(measured: pd.DataFrame, calibrated: pd.DataFrame) -> pd.DataFrame:
    """Compare the brightness, sharpness and size of two sets of images; see `Drift.appearance`."""
    rows = []
    for quantity in QUANTITIES:
        new, own = _quantity(measured, quantity), _quantity(calibrated, quantity)
        difference, spread = new.mean() - own.mean(), own.std() if np.ptp(own) else 0.0
        if np.isclose(difference, 0, atol=1e-9 * max(abs(own.mean()), 1e-12)):
            shift = 0.0
        else:
            shift = float(difference / spread) if spread else float(np.copysign(np.inf, difference))
        p_value = float(ks_2samp(new, own).pvalue)
        rows.append((quantity, own.mean(), new.mean(), shift, p_value, abs(shift) >= SHIFT and p_value < STRICT))
    return pd.DataFrame(rows, columns=_NOTHING.columns)


_NOTHING = pd.DataFrame(columns=["quantity", "calibration", "new", "shift", "p_value", "changed"])


def _quantity(measured: pd.DataFrame, quantity: str) -> np.ndarray:
    if quantity == "size":  # mean side of the original, pixels
        return np.sqrt(measured["height"].to_numpy(float) * measured["width"].to_numpy(float))
    return measured[quantity].to_numpy(float)


def mmd(new: np.ndarray, calibration: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Test whether two sets of embeddings have one distribution, by their maximum mean discrepancy.

    The kernel is Gaussian, its width the median distance; the p-value is by permutation (Gretton, Borgwardt, Rasch,
    Schölkopf and Smola, Journal of Machine Learning Research 13, 2012, 723-773).

    Args:
        new: Shape (m, D), at least two rows; the first `ROWS` of them are used.
        calibration: Shape (n, D), likewise.
        seed: Of the permutations.

    Returns:
        `value`, the unbiased estimate of the squared discrepancy, and `p_value`.
    """
    new, calibration = np.asarray(new)[:ROWS], np.asarray(calibration)[:ROWS]
    pooled = np.concatenate([new, calibration]).astype(float)
    squares = cdist(pooled, pooled, "sqeuclidean")
    width = np.median(squares[np.triu_indices(len(pooled), 1)]) or 1.0
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 0)
    first = np.arange(len(pooled)) < len(new)
    random = np.random.default_rng(seed)
    groups = np.stack([first, *(random.permutation(first) for _ in range(_PERMUTATIONS))], axis=1).astype(float)
    within = (groups * (kernel @ groups)).sum(axis=0)
    across = kernel.sum(axis=1) @ groups - within
    others = kernel.sum() - within - 2 * across
    m, n = len(new), len(calibration)
    values = within / (m * (m - 1)) + others / (n * (n - 1)) - 2 * across / (m * n)
    as_large = np.count_nonzero(values[1:] >= values[0] - 1e-12)
    return {"value": float(values[0]), "p_value": (1 + as_large) / (1 + _PERMUTATIONS)}


def online_p_values(calibration, scores, seed: int = 0) -> np.ndarray:
    """Return the p-value of each image of a stream, among the calibration images and all images before it.

    If all images are exchangeable, these p-values are independent and uniform, which those against a fixed calibration
    set are not (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005). Equal scores are ordered by
    chance.

    Args:
        calibration: Scores, shape (n,).
        scores: Of the stream, in its order, shape (m,), finite.
        seed: Of the order of equal scores.

    Returns:
        float64 (m,), strictly between 0 and 1.
    """
    seen, scores = np.sort(np.asarray(calibration, dtype=float)), np.asarray(scores, dtype=float)
    chance = np.random.default_rng(seed).random(len(scores))
    values = np.empty(len(scores))
    for start in range(0, len(scores), _BLOCK):
        block = scores[start : start + _BLOCK]
        low, high = (np.searchsorted(seen, block, side=side) for side in ("left", "right"))
        before = np.tri(len(block), k=-1, dtype=bool)
        above = len(seen) - high + (before & (block > block[:, None])).sum(axis=1)
        equal = high - low + (before & (block == block[:, None])).sum(axis=1) + 1
        count = len(seen) + 1 + np.arange(len(block))
        values[start : start + _BLOCK] = (above + chance[start : start + _BLOCK] * equal) / count
        seen = np.sort(np.concatenate([seen, block]), kind="stable")
    tiny = np.finfo(float).eps
    return np.clip(values, tiny, 1 - tiny)


def martingale(p_values) -> np.ndarray:
    """Return the evidence of a stream against exchangeability, after each image.

    It is the capital of a gambler who starts with 1 and bets against uniform p-values: the mean of power martingales
    ∏ ε p^(ε − 1) over ε in (0, 1), for low p-values and for high ones (Vovk, Nouretdinov and Gammerman, Testing
    exchangeability on-line, ICML 2003). If the p-values are independent and uniform, the probability that it ever
    reaches 1/α is at most α, whenever one looks.

    Args:
        p_values: Of `online_p_values`, shape (m,), strictly between 0 and 1.

    Returns:
        float64 (m,), at least 0; it may be infinite.
    """
    p_values = np.asarray(p_values, dtype=float)
    sums = np.stack([np.cumsum(np.log(p_values)), np.cumsum(np.log1p(-p_values))])
    values = np.empty(len(p_values))
    for start in range(0, len(values), _BLOCK):
        part = sums[:, start : start + _BLOCK, None]
        steps = np.arange(start + 1, start + 1 + part.shape[1])[:, None]
        logs = steps * np.log(_BETS) + (_BETS - 1) * part
        with np.errstate(over="ignore"):
            values[start : start + _BLOCK] = np.exp(logsumexp(logs, axis=(0, 2)) - np.log(2 * len(_BETS)))
    return values


def alarm(values, alpha: float = LEVEL) -> int | None:
    """Return the number of the image, counted from 1, at which a martingale first reaches 1/alpha; None if never."""
    reached = np.flatnonzero(np.asarray(values) >= 1 / alpha)
    return int(reached[0]) + 1 if reached.size else None
