"""Who is fitted on, who is judged."""

import dataclasses
import hashlib
import itertools

import numpy as np
import pandas as pd
import pytest

from lib.core.errors import UserError
from lib.data import duplicates, splits


def test_resubstitution_fits_all_normals_and_judges_everything():
    labels = np.array([0, 1, 0, 1, 1])
    divided = splits.split("resubstitution", labels)
    assert divided.fit.tolist() == [0, 2] and divided.test.tolist() == [0, 1, 2, 3, 4]
    assert divided.seen == 2


def test_no_protocol_fits_an_anomaly():
    labels = np.random.default_rng(0).integers(0, 2, 100)
    assert not labels[splits.split("resubstitution", labels).fit].any()


@pytest.mark.parametrize("labels", [[0, 0], [1, 1], []])
def test_one_kind_of_image_alone_cannot_be_divided(labels):
    with pytest.raises(ValueError, match="both"):
        splits.split("resubstitution", np.array(labels))


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="unknown protocol"):
        splits.split("guess", np.array([0, 1]))


# Protocol holdout.

SHARES = {"fit_share": 0.7, "calibration_share": 0.1, "validation_share": 0.2, "seed": 555}


def material(normals=200, anomalies=300, seed=0):
    """Ids, labels and groups of single images, in mixed order."""
    labels = np.random.default_rng(seed).permutation(np.r_[np.zeros(normals, int), np.ones(anomalies, int)])
    ids = np.array([f"{'anomaly' if label else 'normal'}/{number:05d}.jpg" for number, label in enumerate(labels)])
    return ids, labels, np.arange(len(labels))


def parts(divided, ids):
    """Ids in each part."""
    return {part: set(ids[getattr(divided, part)]) for part in (*splits.PARTS, "dropped")}


def test_holdout_divides_normals_by_share_and_judges_only_anomalies_and_the_rest():
    ids, labels, groups = material()
    divided = splits.holdout(ids, labels, groups, **SHARES)
    assert not labels[np.r_[divided.fit, divided.calibration]].any() and labels[divided.validation].all()
    assert (len(divided.fit), len(divided.calibration), (labels[divided.test] == 0).sum()) == (140, 20, 40)
    assert (len(divided.validation), labels[divided.test].sum(), len(divided.dropped)) == (60, 240, 0)
    assert divided.seen == 0
    assert sorted(divided.labelled) == sorted([*divided.calibration, *divided.validation])


@pytest.mark.parametrize("count", [10, 13, 97, 800, 801])
@pytest.mark.parametrize("fit_share", [0.5, 0.6, 0.7])
def test_shares_hold_to_within_rounding(count, fit_share):
    ids, labels, groups = material(count, 10)
    divided = splits.holdout(ids, labels, groups, **SHARES | {"fit_share": fit_share})
    assert abs(len(divided.fit) - count * fit_share) <= 0.5 + 1e-6
    assert abs(len(divided.fit) + len(divided.calibration) - count * (fit_share + 0.1)) <= 0.5 + 1e-6


def test_the_order_of_images_does_not_matter():
    ids, labels, groups = material()
    groups = groups // 3
    order = np.random.default_rng(1).permutation(len(ids))
    straight = splits.holdout(ids, labels, groups, **SHARES)
    mixed = splits.holdout(ids[order], labels[order], groups[order], **SHARES)
    assert parts(straight, ids) == parts(mixed, ids[order])


def test_how_groups_are_numbered_does_not_matter():
    ids, labels, groups = material()
    groups = groups // 3
    renamed = np.random.default_rng(1).permutation(10_000)[groups]
    one, other = (splits.holdout(ids, labels, numbers, **SHARES) for numbers in (groups, renamed))
    assert parts(one, ids) == parts(other, ids)


def test_a_split_is_the_same_on_every_machine():
    """Written down once: a split that changes makes every figure of a finished report incomparable."""
    ids = [f"normal/{number}" for number in range(10)] + ["anomaly/0"]
    shares = SHARES | {"validation_share": 0.0}
    divided = splits.holdout(ids, np.array([0] * 10 + [1]), np.arange(11), **shares)
    ranked = sorted(range(10), key=lambda number: hashlib.sha256(f"555:{ids[number]}".encode()).hexdigest())
    assert divided.fit.tolist() == sorted(ranked[:7]) == [0, 1, 3, 4, 5, 6, 7]
    assert divided.calibration.tolist() == ranked[7:8]


def test_another_seed_is_another_split():
    ids, labels, groups = material()
    one, other = (splits.holdout(ids, labels, groups, **SHARES | {"seed": seed}) for seed in (1, 2))
    shared = len(np.intersect1d(one.fit, other.fit))
    assert abs(shared - 200 * 0.7 * 0.7) < 20  # as many as two independent draws share


def test_anomalies_that_come_or_go_move_no_normal_image():
    ids, labels, groups = material()
    whole = parts(splits.holdout(ids, labels, groups, **SHARES), ids)
    keep = (labels == 0) | (np.arange(len(ids)) % 3 == 0)
    few_ids = ids[keep]
    fewer = parts(splits.holdout(few_ids, labels[keep], groups[keep], **SHARES), few_ids)
    assert fewer["fit"] == whole["fit"] and fewer["calibration"] == whole["calibration"]


def test_a_normal_image_that_comes_moves_only_its_neighbours_at_the_cuts():
    ids, labels, groups = material(800, 10)
    whole = parts(splits.holdout(ids, labels, groups, **SHARES), ids)
    keep = ids != ids[labels == 0][0]
    fewer = parts(splits.holdout(ids[keep], labels[keep], groups[keep], **SHARES), ids[keep])
    assert len(whole["fit"] ^ fewer["fit"]) <= 2 and len(whole["calibration"] ^ fewer["calibration"]) <= 3


@pytest.mark.parametrize("seed", range(40))
def test_whatever_the_groups_parts_are_disjoint_whole_and_leak_proof(seed):
    random = np.random.default_rng(seed)
    ids, labels, _ = material(int(random.integers(40, 200)), int(random.integers(40, 200)), seed)
    groups = random.integers(0, len(ids) * random.uniform(0.5, 3), len(ids))
    sha256 = [f"{group}/{random.integers(3)}" for group in groups]  # equal files are always of one group
    divided = splits.holdout(ids, labels, groups, **SHARES)
    together = [*divided.fit, *divided.calibration, *divided.validation, *divided.test, *divided.dropped]
    assert sorted(together) == list(range(len(ids)))
    assert not labels[divided.fit].any() and not labels[divided.calibration].any() and labels[divided.dropped].all()
    assert set(groups[divided.dropped]) <= set(groups[np.r_[divided.fit, divided.calibration]])
    largest = np.bincount(groups[labels == 0]).max()
    assert abs(len(divided.fit) - 0.7 * (labels == 0).sum()) <= largest / 2 + 0.5
    splits.check(divided, ids, sha256, groups)


def test_an_anomaly_like_a_fitted_normal_is_dropped_and_one_like_a_judged_normal_is_judged():
    ids, labels, groups = material()
    divided = splits.holdout(ids, labels, groups, **SHARES)
    normals_of_test = divided.test[labels[divided.test] == 0]
    anomalies = np.flatnonzero(labels == 1)
    for anomaly, normal in zip(anomalies, [divided.fit[0], divided.calibration[0], *normals_of_test], strict=False):
        groups[anomaly] = groups[normal]
    again = splits.holdout(ids, labels, groups, **SHARES)
    assert again.dropped.tolist() == sorted(anomalies[:2])
    assert set(anomalies[2 : 2 + len(normals_of_test)]) <= set(again.test)
    assert again.fit.tolist() == divided.fit.tolist()
    splits.check(again, ids, ids, groups)


@pytest.mark.parametrize(
    ("normals", "anomalies", "shares", "line"),
    [
        (4, 10, {}, "of 4 normal images in 4 groups none is left for calibration"),
        (1, 10, {}, "of 1 normal images in 1 groups none is left for test"),
        (30, 1, {}, "of 1 anomalies .* none is left for validation"),
        (30, 2, {"validation_share": 0.99}, "of 2 anomalies .* none is left for test"),
        (30, 9, {"fit_share": 0.9}, "fit_share 0.9 and calibration_share 0.1: together"),
        (30, 9, {"fit_share": 0.0}, "fit_share 0 "),
        (30, 9, {"calibration_share": -0.1}, "calibration_share -0.1"),
        (30, 9, {"validation_share": 1.0}, "validation_share 1"),
        (30, 9, {"fit_share": float("nan")}, "fit_share nan"),
    ],
)
def test_shares_that_leave_a_part_empty_are_refused_in_one_line(normals, anomalies, shares, line):
    ids, labels, groups = material(normals, anomalies)
    with pytest.raises(UserError, match=line) as refused:
        splits.holdout(ids, labels, groups, **SHARES | shares)
    assert "\n" not in str(refused.value)


def test_parts_that_nobody_asked_for_may_be_empty():
    ids, labels, groups = material()
    divided = splits.holdout(ids, labels, groups, **SHARES | {"calibration_share": 0.0, "validation_share": 0.0})
    assert (len(divided.fit), len(divided.calibration), len(divided.validation)) == (140, 0, 0)
    assert len(divided.labelled) == 0 and len(divided.test) == 360


def test_an_id_that_stands_twice_is_refused():
    ids, labels, groups = material()
    ids[3] = ids[7]
    with pytest.raises(UserError, match=ids[3]):
        splits.holdout(ids, labels, groups, **SHARES)


# The leak proof.


def planted(part, other, copy):
    """A split of small pictures, in which one of `other` is overwritten with a copy of one of `part`."""
    ids, labels, groups = material(60, 60)
    images = np.random.default_rng(0).integers(0, 256, (120, 12, 12, 3)).astype(np.uint8)
    images = images.repeat(8, axis=1).repeat(8, axis=2)
    sha256 = np.array([f"file {number}" for number in range(120)], object)
    divided = splits.holdout(ids, labels, groups, **SHARES)
    one, two = getattr(divided, part)[0], getattr(divided, other)[-1]
    images[two] = copy(images[one])
    return divided, ids, images, sha256, one, two


@pytest.mark.parametrize(("part", "other"), list(itertools.combinations(splits.PARTS, 2)))
@pytest.mark.parametrize("brighter", [False, True])
def test_a_planted_duplicate_stops_and_both_files_are_named(part, other, brighter):
    divided, ids, images, sha256, one, two = planted(
        part, other, lambda image: np.clip(image * 1.05 + 4, 0, 255) if brighter else image
    )
    if not brighter:
        sha256[two] = sha256[one]
    groups = duplicates.groups(images, sha256, np.full((120, 2), 96))
    with pytest.raises(UserError, match="near-duplicates" if brighter else "same file") as stopped:
        splits.check(divided, ids, sha256, groups)
    told = str(stopped.value)
    assert f"{ids[one]} ({part})" in told and f"{ids[two]} ({other})" in told and "\n" not in told


def test_the_same_bytes_under_another_name_stop_even_where_groups_say_nothing():
    ids, labels, groups = material(60, 60)
    divided = splits.holdout(ids, labels, groups, **SHARES)
    sha256 = np.array([f"file {number}" for number in range(120)], object)
    splits.check(divided, ids, sha256, groups)
    sha256[divided.test[5]] = sha256[divided.fit[3]]
    with pytest.raises(UserError, match="same file"):
        splits.check(divided, ids, sha256, groups)


def test_an_image_in_two_parts_stops():
    ids, labels, groups = material(60, 60)
    divided = splits.holdout(ids, labels, groups, **SHARES)
    leaky = dataclasses.replace(divided, test=np.union1d(divided.test, divided.fit[:1]))
    with pytest.raises(UserError, match="the same image"):
        splits.check(leaky, ids, ids, groups)
    twins = ids.copy()
    twins[divided.test[0]] = ids[divided.fit[0]]
    with pytest.raises(UserError, match="the same image"):
        splits.check(divided, twins, ids, groups)


def test_duplicates_inside_one_part_are_no_leak():
    ids, labels, groups = material(60, 60)
    divided = splits.holdout(ids, labels, groups, **SHARES)
    sha256 = ids.copy()
    for part in splits.PARTS:
        groups[getattr(divided, part)] = -1 - splits.PARTS.index(part)
        sha256[getattr(divided, part)] = part
    splits.check(divided, ids, sha256, groups)


# The split that is kept with a run.


def test_a_kept_split_comes_back_even_for_images_in_another_order(tmp_path):
    ids, labels, groups = material()
    groups[labels == 1] = groups[labels == 1] // 4 + 1000
    groups[np.flatnonzero(labels == 1)[:5]] = groups[np.flatnonzero(labels == 0)[:5]]
    divided = splits.holdout(ids, labels, groups, **SHARES)
    table = splits.to_table(divided, ids)
    assert len(table) == len(ids) and len(divided.dropped)
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "split.csv", index=False)
    kept = pd.read_csv(tmp_path / "split.csv")
    order = np.random.default_rng(1).permutation(len(ids))
    assert parts(splits.from_table(kept, ids[order]), ids[order]) == parts(divided, ids)
    again = splits.from_table(kept, ids)
    assert all((getattr(again, part) == getattr(divided, part)).all() for part in (*splits.PARTS, "dropped"))


def test_resubstitution_can_be_kept_too():
    labels = np.array([0, 1, 0, 1])
    again = splits.from_table(splits.to_table(splits.split("resubstitution", labels), list("abcd")), list("abcd"))
    assert again.fit.tolist() == [0, 2] and again.test.tolist() == [0, 1, 2, 3] and again.seen == 2


def test_resubstitution_has_no_other_parts():
    divided = splits.split("resubstitution", np.array([0, 1]))
    assert [len(part) for part in (divided.calibration, divided.validation, divided.dropped)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("ids", "line"),
    [(["a", "b"], "c is in the saved split, but not"), (["a", "b", "c", "d"], "d is not in the saved split")],
)
def test_a_split_of_other_images_is_refused(ids, line):
    table = pd.DataFrame({"id": ["a", "b", "c"], "part": ["fit", "test", "test"]})
    with pytest.raises(UserError, match=line):
        splits.from_table(table, ids)


def test_a_part_that_there_is_not_is_refused():
    table = pd.DataFrame({"id": ["a", "b"], "part": ["fit", "train"]})
    with pytest.raises(UserError, match="no part 'train'"):
        splits.from_table(table, ["a", "b"])
