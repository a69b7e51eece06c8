"""Which image is fitted on and which is judged, by protocol, and the proof that nothing leaks from one to the other.

Parts of protocol `holdout`: `fit` (normals), `calibration` (normals), `validation` (anomalies set aside), `test`
(the other normals and anomalies). What `holdout` promises of them:

- They follow from ids, labels, groups, shares and seed alone: not from the order of images, nor from the machine.
- Anomalies that are added or removed move no normal image, unless one joins two groups of normals into one.
- Normals that are added or removed move only images near a cut, about as many at each cut as came or went.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.core.errors import UserError

PARTS = ("fit", "calibration", "validation", "test")  # that must not share anything under `holdout`


def _none() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Split:
    """Indices into a data set's images, ascending in every part.

    Attributes:
        fit: images that the detector is fitted on; normal images only.
        test: images that its scores are judged on.
        calibration: normal images that a threshold may be set on; neither fitted on nor judged.
        validation: anomalies set aside for threshold rules that need labels; not judged.
        dropped: anomalies that are near-duplicates of a fit or calibration image, and so belong to no part.
    """

    fit: np.ndarray
    test: np.ndarray
    calibration: np.ndarray = field(default_factory=_none)
    validation: np.ndarray = field(default_factory=_none)
    dropped: np.ndarray = field(default_factory=_none)

    @property
    def seen(self) -> int:
        """How many of the judged images were fitted on."""
        return int(np.isin(self.test, self.fit).sum())

    @property
    def labelled(self) -> np.ndarray:
        """The labelled validation part: anomalies set aside, and the calibration normals. Empty without the former."""
        return np.union1d(self.calibration, self.validation) if len(self.validation) else _none()


def split(protocol: str, labels: np.ndarray) -> Split:
    """Divides images by a protocol that needs nothing but labels; the other is `holdout`.

    Args:
        protocol: `resubstitution`, the published study's: fitted on every normal image, judged on all images,
            the fitted ones among them.
        labels: int (N,), 0 normal and 1 anomaly.

    Raises:
        ValueError: unknown protocol, or no image of one of the two kinds.
    """
    labels = _both_kinds(labels)
    if protocol != "resubstitution":
        raise ValueError(f"split: unknown protocol '{protocol}'")
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
    """Divides images so that no judged image, and nothing like it, was fitted or calibrated on.

    Images are ranked by a keyed hash of seed and id, and the ranking is cut at the shares. A group goes as a whole,
    by its smallest id, to the side of a cut on which its middle lies, so a part misses its share of N images by at
    most half a group at each cut, which is rounding where groups are single images. Anomalies of a group that holds
    normal images never leave them: they are dropped beside fit and calibration normals, and judged beside test ones.

    Args:
        ids: N names of images, each once.
        labels: int (N,), 0 normal and 1 anomaly.
        groups: int (N,), the same number for images that are near-duplicates; see `lib.data.duplicates.groups`.
        fit_share: share of normal images to fit on, in (0, 1).
        calibration_share: share of normal images to calibrate on, in [0, 1); 0 asks for no such part. The rest is test.
        validation_share: share of anomalies to set aside with labels, in [0, 1); 0 asks for no such part.
        seed: another seed, another split.

    Raises:
        ValueError: no image of one of the two kinds, or arrays of different lengths.
        UserError: an id stands twice, shares are no shares, or they leave a part without images.
    """
    ids, labels, groups = np.asarray(ids, str), _both_kinds(labels), np.asarray(groups)
    if not len(ids) == len(labels) == len(groups):
        raise ValueError(f"holdout: {len(ids)} ids, {len(labels)} labels and {len(groups)} groups")
    _refuse_twice(ids)
    _refuse_shares(fit_share, calibration_share, validation_share)

    normal = np.flatnonzero(labels == 0)
    place = _places(ids[normal], groups[normal], seed)
    side = np.searchsorted([fit_share, fit_share + calibration_share + 1e-12], place, side="right")
    fit, calibration, held_out = (normal[side == number] for number in range(3))

    anomaly = np.flatnonzero(labels == 1)
    near_seen = np.isin(groups[anomaly], groups[np.r_[fit, calibration]])
    near_test = np.isin(groups[anomaly], groups[held_out])
    free = anomaly[~near_seen & ~near_test]
    aside = free[_places(ids[free], groups[free], seed) < validation_share]
    judged = np.setdiff1d(anomaly[~near_seen], aside)

    needed = {"fit": fit, "test": held_out} | ({"calibration": calibration} if calibration_share else {})
    for part, members in needed.items():
        if not len(members):
            raise UserError(
                f"fit_share {fit_share:g} and calibration_share {calibration_share:g}: of {len(normal)} normal images "
                f"in {len(np.unique(groups[normal]))} groups none is left for {part}; choose other shares"
            )
    for part, members in {"test": judged, **({"validation": aside} if validation_share else {})}.items():
        if not len(members):
            raise UserError(
                f"validation_share {validation_share:g}: of {len(anomaly)} anomalies ({int(near_seen.sum())} dropped "
                f"as near-duplicates of fitted normals) none is left for {part}; choose another share"
            )
    test = np.union1d(held_out, judged)
    return Split(fit=fit, test=test, calibration=calibration, validation=aside, dropped=anomaly[near_seen])


def check(divided: Split, ids: list[str], sha256: list[str], groups: np.ndarray) -> None:
    """The leak proof: no id, no file and no near-duplicate stands in two parts. For `holdout` only.

    It trusts nothing of how the split was made, so it also holds for one that was read from a file.

    Args:
        divided: the split.
        ids: N names of images.
        sha256: N hashes of the original files.
        groups: int (N,), the same number for near-duplicates.

    Raises:
        UserError: something stands in two parts; names both files and both parts.
    """
    number = np.concatenate([getattr(divided, part) for part in PARTS]).astype(np.int64)
    part = np.repeat(np.arange(len(PARTS)), [len(getattr(divided, name)) for name in PARTS])
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
                f"{what}; {len(np.unique(key[order][crossing]))} such leaks in all; remove one of the two, or divide "
                "the images anew"
            )


def to_table(divided: Split, ids: list[str]) -> pd.DataFrame:
    """The split as rows of `id` and `part`, to be kept with a run; what is in two parts has two rows."""
    ids = np.asarray(ids, str)
    rows = [(ids[number], part) for part in (*PARTS, "dropped") for number in getattr(divided, part)]
    return pd.DataFrame(rows, columns=["id", "part"])


def from_table(table: pd.DataFrame, ids: list[str]) -> Split:
    """The split that `to_table` kept, for the same images in any order.

    Raises:
        UserError: the table is of other images, or names a part that there is not.
    """
    row = {name: number for number, name in enumerate(np.asarray(ids, str).tolist())}
    if unknown := sorted(set(table["part"]) - {*PARTS, "dropped"}):
        raise UserError(f"saved split: there is no part '{unknown[0]}'; parts are {', '.join(PARTS)}")
    if odd := sorted(set(row) ^ set(table["id"])):
        where = "not in the saved split" if odd[0] in row else "in the saved split, but not in the data set"
        raise UserError(f"saved split: {odd[0]} is {where} ({len(odd)} such images); divide the images anew")
    number = table["id"].map(row).to_numpy(np.int64)
    return Split(**{part: np.sort(number[table["part"] == part]) for part in (*PARTS, "dropped")})


def _places(ids: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Where in (0, 1) the middle of each image's group lies in the ranking of all these images; float (N,)."""
    names = sorted(range(len(ids)), key=ids.__getitem__)
    smallest: dict = {}
    for number in names:
        smallest.setdefault(groups[number], ids[number])
    digest = {group: hashlib.sha256(f"{seed}:{name}".encode()).hexdigest() for group, name in smallest.items()}
    ranked = sorted(smallest, key=digest.__getitem__)
    kinds, of_image, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rank = {group: place for place, group in enumerate(ranked)}
    order = np.array([rank[group] for group in kinds], np.int64)
    in_order = np.zeros(len(kinds))
    in_order[order] = sizes
    middle = (np.cumsum(in_order) - in_order / 2) / max(len(ids), 1)
    return middle[order][of_image]


def _both_kinds(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.min(initial=1) != 0 or labels.max(initial=0) != 1:
        raise ValueError("split: needs both normal images and anomalies")
    return labels


def _refuse_twice(ids: np.ndarray) -> None:
    names, times = np.unique(ids, return_counts=True)
    if (times > 1).any():
        raise UserError(f"split: two images are named {names[times > 1][0]}; rename one of them")


def _refuse_shares(fit_share: float, calibration_share: float, validation_share: float) -> None:
    if not (0 < fit_share < 1 and 0 <= calibration_share < 1 and fit_share + calibration_share < 1 - 1e-9):
        raise UserError(
            f"fit_share {fit_share:g} and calibration_share {calibration_share:g}: together they must leave a share "
            "of the normal images for test; choose shares that sum to less than 1"
        )
    if not 0 <= validation_share < 1:
        raise UserError(f"validation_share {validation_share:g}: must be at least 0 and less than 1")
