"""Division of images into sets to fit, calibrate, validate and test on, and a check that nothing is in two of them.

Sets of protocol `holdout`: `fit` and `calibration` (normal images), `validation` (both kinds, to choose a detector by)
and `test` (all others). Without a validation share there is no validation set. A division that the data set itself
gives is kept; see `of_given`. Else, under this protocol,

- the sets follow from ids, labels, groups, shares and seed alone: not from the order of images, nor from the machine;
- adding or removing anomalies moves no normal image, unless an anomaly joins two groups of normal images into one;
- adding or removing normal images moves others only near a cut, about as many at each as were added or removed.
"""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.core.errors import UserError
from lib.core.formatting import count, listed

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
        dropped: anomalies in no part: near-duplicates of a normal image that is not tested on, or, where the data set
            itself gives the division, given to train on.
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
        UserError: there are no normal images, or no anomalies.
    """
    labels = _with_normal_images(labels)
    if not (labels == 1).any():
        raise UserError(
            "protocol: resubstitution tests on the images that were fitted on, and without anomalies that shows "
            "nothing; choose `protocol: holdout`"
        )
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
    given: np.ndarray | None = None,
) -> Split:
    """Divide images so that no test image, and no near-duplicate of one, was fitted or calibrated on.

    Images are ranked by a keyed hash of seed and id, and the ranking is cut at the shares. A group goes as a whole,
    ranked by its smallest id, to the side of a cut on which its middle is, so a part differs from its share of N images
    by at most half a group at each cut; where groups are single images, by rounding. Anomalies in a group with normal
    images go with these: they are dropped beside images that are not tested on, and tested on beside test images.

    Args:
        ids: N names of images, all different.
        labels: int (N,), 0 normal and 1 anomaly. There may be no anomalies; then there is no validation set.
        groups: int (N,), the same number for images that stay together; see `lib.data.grouping`.
        fit_share: share of the normal images to fit on, in (0, 1).
        calibration_share: share of the normal images set aside besides, in [0, 1); the rest is for the test. Where
            there is a validation set, one half of these images joins it and the other half calibrates: a threshold
            set on images that the choice of the detector used would be too low.
        validation_share: share of the anomalies in the validation set, in [0, 1); 0 for no validation set.
        seed: of the hash.
        given: text (N,), the part that the data set itself gives each image; empty texts, or None, for no division.

    Raises:
        ValueError: arrays differ in length.
        UserError: two ids are equal, there are too few images or groups, or shares are out of range.
    """
    ids, labels, groups = np.asarray(ids, object), _with_normal_images(labels), np.asarray(groups)
    if not len(ids) == len(labels) == len(groups):
        raise ValueError(f"holdout: {len(ids)} ids, {len(labels)} labels and {len(groups)} groups")
    _check_ids(ids)
    _check_shares(fit_share, calibration_share, validation_share)

    if given is not None and (np.asarray(given) != "").any():
        return of_given(ids, labels, groups, np.asarray(given), fit_share, calibration_share, seed)

    normal, anomaly = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    to_choose = calibration_share / 2 if validation_share and len(anomaly) else 0.0
    aside = calibration_share - to_choose
    shares = {
        "fit": fit_share,
        "validation": to_choose,
        "calibration": aside,
        "test": 1 - fit_share - calibration_share,
    }
    parts = _divided(ids, groups, normal, shares, seed)
    held_out, untested = parts["test"], np.concatenate([parts["fit"], parts["validation"], parts["calibration"]])

    near_seen = np.isin(groups[anomaly], groups[untested])
    free = anomaly[~near_seen & ~np.isin(groups[anomaly], groups[held_out])]
    validation, tested = _none(), anomaly[~near_seen]
    if validation_share and len(anomaly):
        validation = _validation(ids, groups, free, len(tested) > len(free), validation_share, seed)
        tested = np.setdiff1d(tested, validation)
    needed = {"test": tested} | ({"validation": validation} if validation_share else {})
    if len(anomaly) and (empty := [name for name, members in needed.items() if not len(members)]):
        raise UserError(
            f"validation_share {validation_share:g}: of {count(len(anomaly), 'anomaly', 'anomalies')} "
            f"({int(near_seen.sum())} dropped as near-duplicates of normal images) none is left for {empty[0]}; "
            "set it to 0, add anomalies, or say `duplicates: keep`"
        )
    return Split(
        fit=parts["fit"],
        test=np.union1d(held_out, tested),
        calibration=parts["calibration"],
        validation=np.union1d(parts["validation"], validation).astype(np.int64),
        dropped=anomaly[near_seen],
    )


def of_given(
    ids: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    given: np.ndarray,
    fit_share: float,
    calibration_share: float,
    seed: int,
) -> Split:
    """The division that a data set gives, with a calibration set.

    Given test images are the test set. Given normal validation images calibrate; where there are anomalies to validate
    on, half of them join these. Without given validation images, the normal images to train on are divided, in the
    proportion of the two shares, into those fitted on and those that calibrate. Anomalies to train on are dropped.

    Args:
        ids: N names of images, all different.
        labels: int (N,), 0 normal and 1 anomaly.
        groups: int (N,), the same number for images that stay together where a given set is divided.
        given: text (N,): `train`, `validation` or `test`.
        fit_share: share to fit on.
        calibration_share: share to calibrate on.
        seed: of the division.

    Raises:
        UserError: an image has no part, or there are too few images in one.
    """
    if (given == "").any():
        first = ids[np.flatnonzero(given == "")[0]]
        raise UserError(
            f"split: {count(int((given == '').sum()), 'image has', 'images have')} none, such as {first}; give every "
            "image one of train, validation and test, or none any"
        )
    normal = {name: np.flatnonzero((labels == 0) & (given == name)) for name in ("train", "validation", "test")}
    for name in ("train", "test"):
        if not len(normal[name]):
            raise UserError(f"split: no normal image is given to {name}; at least one is needed")
    known = np.flatnonzero((labels == 1) & (given == "validation"))
    whole = fit_share + calibration_share
    shares = {"fit": fit_share / whole, "calibration": calibration_share / whole}
    if len(normal["validation"]):
        shares = {"validation": 0.5, "calibration": 0.5} if len(known) else {"calibration": 1.0}
        parts = {"fit": normal["train"], **_divided(ids, groups, normal["validation"], shares, seed)}
    else:
        if len(known):
            half = shares["calibration"] / 2
            shares |= {"calibration": half, "validation": half}
        parts = _divided(ids, groups, normal["train"], shares, seed)
    return Split(
        fit=parts["fit"],
        test=np.flatnonzero(given == "test"),
        calibration=parts["calibration"],
        validation=np.union1d(parts.get("validation", _none()), known).astype(np.int64),
        dropped=np.flatnonzero((labels == 1) & (given == "train")),
    )


def crossing(split: Split, groups: np.ndarray) -> int:
    """The number of test images that share a group with an image that is not tested on."""
    others = np.concatenate([split.fit, split.calibration, split.validation])
    return int(np.isin(groups[split.test], groups[others]).sum())


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
        "the same image": np.asarray(ids, object),
        "the same file (sha256)": np.asarray(sha256, object),
        "near-duplicates": np.asarray(groups),
    }.items():
        key = pd.factorize(values)[0][number]
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
    names, ids = (*PARTS, "dropped"), np.asarray(ids, object)
    parts = np.repeat(np.array(names, object), [len(getattr(split, name)) for name in names])
    return pd.DataFrame({"id": ids[np.concatenate([getattr(split, name) for name in names])], "part": parts})


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


def _divided(
    ids: np.ndarray, groups: np.ndarray, rows: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Images by part, each group in one: of `shares`, in their order and in the order of `_places`.

    Raises:
        UserError: there are fewer groups than parts with a share.
    """
    needed = [name for name, share in shares.items() if share > 1e-9]
    place = _places(ids[rows], groups[rows], seed)
    places, group = np.unique(place, return_inverse=True)
    if len(places) < len(needed):
        what = count(len(rows), "normal image")
        what += "" if len(places) == len(rows) else f" in {count(len(places), 'group')} of images that stay together"
        raise UserError(
            f"images: {what} cannot be divided into {listed(needed)}: at least {len(needed)} are needed; add images"
            + ("" if len(places) == len(rows) else ", make the groups smaller, or give every image a split")
        )
    cuts = np.cumsum([shares[name] for name in needed])[:-1]
    cuts[-1:] += 1e-12  # a sum of shares may be a little less than it is
    ends = np.searchsorted(places, cuts)  # number of groups below each cut
    for part in range(len(ends)):  # no part is empty: first from below, then from above
        ends[part] = max(ends[part], (ends[part - 1] if part else 0) + 1)
    for part in reversed(range(len(ends))):
        ends[part] = min(ends[part], (ends[part + 1] if part + 1 < len(ends) else len(places)) - 1)
    side = np.searchsorted(ends, group, side="right")
    parts = {name: rows[side == number] for number, name in enumerate(needed)}
    return {name: parts.get(name, _none()) for name in shares}


def _validation(
    ids: np.ndarray, groups: np.ndarray, free: np.ndarray, others: bool, share: float, seed: int
) -> np.ndarray:
    """Anomalies to validate on: a share of the free ones, at least a group; not all, unless `others` are tested on."""
    place = _places(ids[free], groups[free], seed)
    places = np.append(np.unique(place), np.inf)  # of groups
    most = len(places) - (1 if others else 2)
    number = min(max(int(np.searchsorted(places, share)), 1), most)
    return free[place < places[max(number, 0)]]


def _places(ids: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Where in (0, 1) the middle of every image's group is in the ranking of all these images, float (N,)."""
    by_group = pd.DataFrame({"group": groups, "id": ids}).groupby("group")["id"].agg(["min", "size"])
    digests = (hashlib.sha256(f"{seed}:{smallest}".encode()).hexdigest() for smallest in by_group["min"])
    order = np.argsort(np.fromiter(digests, "S64", len(by_group)))
    sizes = by_group["size"].iloc[order]
    middles = (sizes.cumsum() - sizes / 2) / len(ids)
    return middles.reindex(groups).to_numpy(float)


def _with_normal_images(labels: np.ndarray) -> np.ndarray:
    labels = np.asarray(labels)
    if not (labels == 0).any():
        raise UserError("split: there are no normal images to fit on")
    return labels


def _check_ids(ids: np.ndarray) -> None:
    if (again := pd.Series(ids, dtype=object).duplicated()).any():
        raise UserError(f"split: two images are named {ids[again.idxmax()]}; rename one of them")


def _check_shares(fit_share: float, calibration_share: float, validation_share: float) -> None:
    if not (0 < fit_share < 1 and 0 <= calibration_share < 1 and fit_share + calibration_share < 1 - 1e-9):
        raise UserError(
            f"fit_share {fit_share:g} and calibration_share {calibration_share:g}: together they must leave a share "
            "of the normal images for test; choose shares that sum to less than 1"
        )
    if not 0 <= validation_share < 1:
        raise UserError(f"validation_share {validation_share:g}: must be at least 0 and less than 1")
