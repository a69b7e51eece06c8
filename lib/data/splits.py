"""Division of images into sets to fit, calibrate, validate and test on, and a check that nothing is in two of them.

Sets of protocol `holdout`: `fit` and `calibration` (normal images), `validation` (both kinds, to choose a detector by)
and `test` (all others). Without a validation share there is no validation set. Under this protocol,

- the sets follow from ids, labels, groups, shares and seed alone: not from the order of images, nor from the machine;
- adding or removing anomalies moves no normal image, unless an anomaly joins two groups of normal images into one;
- adding or removing normal images moves others only near a cut, about as many at each as were added or removed.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.core.errors import UserError

PARTS = ("fit", "calibration", "validation", "test")  # no image is in two of them under `holdout`


def _none() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Split:
    """Indices of images, ascending in every part.

    Attributes:
        fit: normal images that detectors are fitted on.
        test: images that detectors are evaluated on.
        calibration: normal images that thresholds are set on; neither fitted on nor tested on, and no choice saw them.
        validation: normal images and anomalies for what needs labels: the choice of a detector, and some threshold
            rules. Not tested on.
        dropped: anomalies that are near-duplicates of a normal image that is not tested on, and so are in no part.
    """

    fit: np.ndarray
    test: np.ndarray
    calibration: np.ndarray = field(default_factory=_none)
    validation: np.ndarray = field(default_factory=_none)
    dropped: np.ndarray = field(default_factory=_none)

    @property
    def seen(self) -> int:
        """Number of test images that were fitted on."""
        return int(np.isin(self.test, self.fit).sum())


def resubstitution(labels: np.ndarray) -> Split:
    """The published study's protocol: fitted on every normal image, tested on all images, those among them.

    Args:
        labels: int (N,), 0 normal and 1 anomaly.

    Raises:
        ValueError: there are no normal images, or no anomalies.
    """
    labels = _with_both_kinds(labels)
    return Split(fit=np.flatnonzero(labels == 0), test=np.arange(len(labels)))


def holdout(
    ids: list[str],
    labels: np.ndarray,
    groups: np.ndarray,
    *,
    fit_share: float,
    calibration_share: float,
    validation_share: float,
    seed: int,
) -> Split:
    """Divide images so that no test image, and no near-duplicate of one, was fitted or calibrated on.

    Images are ranked by a keyed hash of seed and id, and the ranking is cut at the shares. A group goes as a whole,
    ranked by its smallest id, to the side of a cut on which its middle is, so a part differs from its share of N images
    by at most half a group at each cut; where groups are single images, by rounding. Anomalies in a group with normal
    images go with these: they are dropped beside images that are not tested on, and tested on beside test images.

    Args:
        ids: N names of images, all different.
        labels: int (N,), 0 normal and 1 anomaly.
        groups: int (N,), the same number for images that are near-duplicates; see `lib.data.duplicates.groups`.
        fit_share: share of the normal images to fit on, in (0, 1).
        calibration_share: share of the normal images set aside besides, in [0, 1); the rest is for the test. Where
            there is a validation set, one half of these images joins it and the other half calibrates: a threshold
            set on images that the choice of the detector used would be too low.
        validation_share: share of the anomalies in the validation set, in [0, 1); 0 for no validation set.
        seed: of the hash.

    Raises:
        ValueError: there are no normal images or no anomalies, or arrays differ in length.
        UserError: two ids are equal, shares are out of range, or they leave a part without images.
    """
    ids, labels, groups = np.asarray(ids, str), _with_both_kinds(labels), np.asarray(groups)
    if not len(ids) == len(labels) == len(groups):
        raise ValueError(f"holdout: {len(ids)} ids, {len(labels)} labels and {len(groups)} groups")
    _check_ids(ids)
    _check_shares(fit_share, calibration_share, validation_share)

    normal = np.flatnonzero(labels == 0)
    place = _places(ids[normal], groups[normal], seed)
    to_choose = calibration_share / 2 if validation_share else 0.0
    cuts = [fit_share, fit_share + to_choose, fit_share + calibration_share + 1e-12]
    side = np.searchsorted(cuts, place, side="right")
    fit, known, calibration, held_out = (normal[side == number] for number in range(4))

    anomaly = np.flatnonzero(labels == 1)
    near_seen = np.isin(groups[anomaly], groups[np.r_[fit, known, calibration]])
    near_test = np.isin(groups[anomaly], groups[held_out])
    free = anomaly[~near_seen & ~near_test]
    validation = free[_places(ids[free], groups[free], seed) < validation_share]
    tested = np.setdiff1d(anomaly[~near_seen], validation)

    needed = {"fit": fit, "test": held_out} | ({"calibration": calibration} if calibration_share else {})
    needed |= {"validation": known} if to_choose else {}
    for part, members in needed.items():
        if not len(members):
            raise UserError(
                f"fit_share {fit_share:g} and calibration_share {calibration_share:g}: of {len(normal)} normal images "
                f"in {len(np.unique(groups[normal]))} groups none is left for {part}; choose other shares"
            )
    for part, members in {"test": tested, **({"validation": validation} if validation_share else {})}.items():
        if not len(members):
            raise UserError(
                f"validation_share {validation_share:g}: of {len(anomaly)} anomalies ({int(near_seen.sum())} dropped "
                f"as near-duplicates of normal images) none is left for {part}; choose another share"
            )
    test = np.union1d(held_out, tested)
    validation = np.union1d(known, validation) if validation_share else _none()
    return Split(fit=fit, test=test, calibration=calibration, validation=validation, dropped=anomaly[near_seen])


def check(split: Split, ids: list[str], sha256: list[str], groups: np.ndarray) -> None:
    """Check that no id, no file and no group of near-duplicates is in two parts. For `holdout` only.

    It looks at the split alone, not at how it was made, so it also serves for one that was read from a file.

    Args:
        split: the split.
        ids: N names of images.
        sha256: N hashes of the original files.
        groups: int (N,), the same number for near-duplicates.

    Raises:
        UserError: something is in two parts; names both images and both parts.
    """
    number = np.concatenate([getattr(split, part) for part in PARTS]).astype(np.int64)
    part = np.repeat(np.arange(len(PARTS)), [len(getattr(split, name)) for name in PARTS])
    for what, values in {
        "the same image": np.asarray(ids, str),
        "the same file (sha256)": np.asarray(sha256, str),
        "near-duplicates": np.asarray(groups),
    }.items():
        key = np.unique(values, return_inverse=True)[1][number]
        order = np.lexsort((number, part, key))
        crossing = np.flatnonzero((np.diff(key[order]) == 0) & (np.diff(part[order]) != 0))
        if len(crossing):
            one, other = order[crossing[0]], order[crossing[0] + 1]
            raise UserError(
                f"split: {ids[number[one]]} ({PARTS[part[one]]}) and {ids[number[other]]} ({PARTS[part[other]]}) are "
                f"{what}; {len(np.unique(key[order][crossing]))} such leaks in all; remove one of the two, or split "
                "the images again"
            )


def to_table(split: Split, ids: list[str]) -> pd.DataFrame:
    """The split as rows of `id` and `part`, to be saved with a run; an image in two parts has two rows."""
    ids = np.asarray(ids, str)
    rows = [(ids[number], part) for part in (*PARTS, "dropped") for number in getattr(split, part)]
    return pd.DataFrame(rows, columns=["id", "part"])


def from_table(table: pd.DataFrame, ids: list[str]) -> Split:
    """The split that `to_table` saved, for the same images in any order.

    Raises:
        UserError: the table is of other images, or has an unknown part.
    """
    row = {name: number for number, name in enumerate(np.asarray(ids, str).tolist())}
    if unknown := sorted(set(table["part"]) - {*PARTS, "dropped"}):
        raise UserError(f"saved split: there is no part '{unknown[0]}'; parts are {', '.join(PARTS)}")
    if odd := sorted(set(row) ^ set(table["id"])):
        where = "not in the saved split" if odd[0] in row else "in the saved split, but not in the data set"
        raise UserError(f"saved split: {odd[0]} is {where} ({len(odd)} such images); split the images again")
    number = table["id"].map(row).to_numpy(np.int64)
    return Split(**{part: np.sort(number[table["part"] == part]) for part in (*PARTS, "dropped")})


def _places(ids: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Where in (0, 1) the middle of every image's group is in the ranking of all these images, float (N,)."""
    by_group = pd.DataFrame({"group": groups, "id": ids}).groupby("group")["id"].agg(["min", "size"])
    digests = [hashlib.sha256(f"{seed}:{smallest}".encode()).hexdigest() for smallest in by_group["min"]]
    sizes = by_group["size"].iloc[np.argsort(digests)]
    middles = (sizes.cumsum() - sizes / 2) / len(ids)
    return middles.reindex(groups).to_numpy(float)


def _with_both_kinds(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.min(initial=1) != 0 or labels.max(initial=0) != 1:
        raise ValueError("split: needs both normal images and anomalies")
    return labels


def _check_ids(ids: np.ndarray) -> None:
    names, times = np.unique(ids, return_counts=True)
    if (times > 1).any():
        raise UserError(f"split: two images are named {names[times > 1][0]}; rename one of them")


def _check_shares(fit_share: float, calibration_share: float, validation_share: float) -> None:
    if not (0 < fit_share < 1 and 0 <= calibration_share < 1 and fit_share + calibration_share < 1 - 1e-9):
        raise UserError(
            f"fit_share {fit_share:g} and calibration_share {calibration_share:g}: together they must leave a share "
            "of the normal images for test; choose shares that sum to less than 1"
        )
    if not 0 <= validation_share < 1:
        raise UserError(f"validation_share {validation_share:g}: must be at least 0 and less than 1")
