"""Splits: their sizes, what they depend on, the check for leaks, and saved ones."""

import dataclasses
import hashlib
import itertools

import numpy as np
import pandas as pd
import pytest

from lib.core.errors import UserError
from lib.data import duplicates, splits


def test_resubstitution_fits_all_normal_images_and_tests_on_everything():
    split = splits.resubstitution(np.array([0, 1, 0, 1, 1]))
    assert split.fit.tolist() == [0, 2] and split.test.tolist() == [0, 1, 2, 3, 4] and split.seen == 2
    assert [len(part) for part in (split.calibration, split.validation, split.dropped)] == [0, 0, 0]


@pytest.mark.parametrize(("labels", "line"), [([0, 0], "without anomalies"), ([1, 1], "no normal"), ([], "no normal")])
def test_one_kind_of_image_alone_cannot_be_resubstituted(labels, line):
    with pytest.raises(UserError, match=line):
        splits.resubstitution(np.array(labels))


@pytest.mark.parametrize("labels", [[1, 1], []])
def test_without_normal_images_nothing_can_be_held_out(labels):
    with pytest.raises(UserError, match="no normal images"):
        splits.holdout(list("ab")[: len(labels)], np.array(labels), np.arange(len(labels)), **SHARES)


# Protocol holdout.

SHARES = {"fit_share": 0.7, "calibration_share": 0.2, "validation_share": 0.2, "seed": 555}


def material(normals=200, anomalies=300, seed=0):
    """Ids, labels and groups of single images, in mixed order."""
    labels = np.random.default_rng(seed).permutation(np.r_[np.zeros(normals, int), np.ones(anomalies, int)])
    ids = np.array([f"{'anomaly' if label else 'normal'}/{number:05d}.jpg" for number, label in enumerate(labels)])
    return ids, labels, np.arange(len(labels))


def parts(split, ids):
    """Ids in every part."""
    return {part: set(ids[getattr(split, part)]) for part in (*splits.PARTS, "dropped")}


def test_holdout_splits_normal_images_by_share_and_tests_on_the_rest_and_anomalies():
    ids, labels, groups = material()
    split = splits.holdout(ids, labels, groups, **SHARES)
    assert not labels[np.r_[split.fit, split.calibration]].any()
    assert (len(split.fit), len(split.calibration), (labels[split.test] == 0).sum()) == (140, 20, 20)
    assert np.bincount(labels[split.validation]).tolist() == [20, 60]
    assert (labels[split.test].sum(), len(split.dropped), split.seen) == (240, 0, 0)


def test_without_a_validation_set_all_images_set_aside_calibrate():
    ids, labels, groups = material()
    chosen = splits.holdout(ids, labels, groups, **SHARES)
    plain = splits.holdout(ids, labels, groups, **SHARES | {"validation_share": 0.0})
    aside = [*chosen.calibration, *chosen.validation[labels[chosen.validation] == 0]]
    assert sorted(aside) == plain.calibration.tolist() and not len(plain.validation)
    assert plain.fit.tolist() == chosen.fit.tolist()


@pytest.mark.parametrize("count", [10, 13, 97, 800, 801])
@pytest.mark.parametrize("fit_share", [0.5, 0.6, 0.7])
def test_shares_hold_to_within_rounding(count, fit_share):
    ids, labels, groups = material(count, 10)
    split = splits.holdout(ids, labels, groups, **SHARES | {"fit_share": fit_share})
    assert abs(len(split.fit) - count * fit_share) <= 0.5 + 1e-6
    aside = len(split.calibration) + int((labels[split.validation] == 0).sum())
    assert abs(len(split.fit) + aside - count * (fit_share + 0.2)) <= 0.5 + 1e-6
    assert abs(aside - 2 * len(split.calibration)) <= 2


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
    """The expected split is written out: if it changed, finished reports could not be compared with new ones."""
    ids = [f"normal/{number}" for number in range(10)] + ["anomaly/0"]
    shares = SHARES | {"validation_share": 0.0}
    split = splits.holdout(ids, np.array([0] * 10 + [1]), np.arange(11), **shares)
    ranked = sorted(range(10), key=lambda number: hashlib.sha256(f"555:{ids[number]}".encode()).hexdigest())
    assert split.fit.tolist() == sorted(ranked[:7]) == [0, 1, 3, 4, 5, 6, 7]
    assert split.calibration.tolist() == sorted(ranked[7:9])


def test_another_seed_is_another_split():
    ids, labels, groups = material()
    one, other = (splits.holdout(ids, labels, groups, **SHARES | {"seed": seed}) for seed in (1, 2))
    shared = len(np.intersect1d(one.fit, other.fit))
    assert abs(shared - 200 * 0.7 * 0.7) < 20  # as many as two independent draws share


def test_adding_or_removing_anomalies_moves_no_normal_image():
    ids, labels, groups = material()
    whole = parts(splits.holdout(ids, labels, groups, **SHARES), ids)
    keep = (labels == 0) | (np.arange(len(ids)) % 3 == 0)
    few_ids = ids[keep]
    fewer = parts(splits.holdout(few_ids, labels[keep], groups[keep], **SHARES), few_ids)
    assert fewer["fit"] == whole["fit"] and fewer["calibration"] == whole["calibration"]


def test_adding_a_normal_image_moves_others_only_at_the_cuts():
    ids, labels, groups = material(800, 10)
    whole = parts(splits.holdout(ids, labels, groups, **SHARES), ids)
    keep = ids != ids[labels == 0][0]
    fewer = parts(splits.holdout(ids[keep], labels[keep], groups[keep], **SHARES), ids[keep])
    assert len(whole["fit"] ^ fewer["fit"]) <= 2 and len(whole["calibration"] ^ fewer["calibration"]) <= 3
    assert len(whole["validation"] ^ fewer["validation"]) <= 3


@pytest.mark.parametrize("seed", range(40))
def test_parts_are_disjoint_complete_and_without_leaks_for_any_groups(seed):
    random = np.random.default_rng(seed)
    ids, labels, _ = material(int(random.integers(40, 200)), int(random.integers(40, 200)), seed)
    groups = random.integers(0, len(ids) * random.uniform(0.5, 3), len(ids))
    sha256 = [f"{group}/{random.integers(3)}" for group in groups]  # equal files are always of one group
    split = splits.holdout(ids, labels, groups, **SHARES)
    together = [*split.fit, *split.calibration, *split.validation, *split.test, *split.dropped]
    assert sorted(together) == list(range(len(ids)))
    assert not labels[split.fit].any() and not labels[split.calibration].any() and labels[split.dropped].all()
    untested = np.setdiff1d(np.flatnonzero(labels == 0), split.test)
    assert set(groups[split.dropped]) <= set(groups[untested])
    largest = np.bincount(groups[labels == 0]).max()
    assert abs(len(split.fit) - 0.7 * (labels == 0).sum()) <= largest / 2 + 0.5
    splits.check(split, ids, sha256, groups)


def test_an_anomaly_like_a_fitted_image_is_dropped_and_one_like_a_test_image_is_tested():
    ids, labels, groups = material()
    split = splits.holdout(ids, labels, groups, **SHARES)
    normals_of_test = split.test[labels[split.test] == 0]
    anomalies = np.flatnonzero(labels == 1)
    known = split.validation[labels[split.validation] == 0]
    untested = [split.fit[0], split.calibration[0], known[0]]
    for anomaly, normal in zip(anomalies, [*untested, *normals_of_test], strict=False):
        groups[anomaly] = groups[normal]
    again = splits.holdout(ids, labels, groups, **SHARES)
    assert again.dropped.tolist() == sorted(anomalies[:3])
    assert set(anomalies[3 : 3 + len(normals_of_test)]) <= set(again.test)
    assert again.fit.tolist() == split.fit.tolist()
    splits.check(again, ids, ids, groups)


@pytest.mark.parametrize(
    ("normals", "anomalies", "shares", "line"),
    [
        (3, 10, {}, "3 normal images cannot be divided into fit, validation, calibration and test: at least 4"),
        (2, 10, {"validation_share": 0.0}, "2 normal images cannot be divided .* at least 3 are needed"),
        (2, 0, {}, "at least 3 are needed"),
        (1, 10, {"calibration_share": 0.0, "validation_share": 0.0}, "1 normal image cannot .* at least 2"),
        (30, 1, {}, "of 1 anomaly .* none is left for validation"),
        (30, 9, {"fit_share": 0.9}, "fit_share 0.9 and calibration_share 0.2: together"),
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


@pytest.mark.parametrize("normals", [4, 5, 6, 7, 12])
@pytest.mark.parametrize("shares", [{}, {"fit_share": 0.1}, {"fit_share": 0.75}, {"calibration_share": 0.01}])
def test_a_small_set_has_at_least_one_normal_image_in_each_part(normals, shares):
    ids, labels, groups = material(normals, 2)
    split = splits.holdout(ids, labels, groups, **SHARES | shares)
    normal = [int((labels[getattr(split, part)] == 0).sum()) for part in splits.PARTS]
    assert min(normal) >= 1 and sum(normal) == normals
    assert labels[split.validation].sum() == labels[split.test].sum() == 1


@pytest.mark.parametrize("groups", [np.arange(40), np.arange(40) // 4])
def test_without_anomalies_normal_images_are_divided_as_with_them(groups):
    ids = np.array([f"normal/{number}" for number in range(40)])
    split = splits.holdout(ids, np.zeros(40, int), groups, **SHARES)
    more = splits.holdout(
        [*ids, "anomaly/0"], np.r_[np.zeros(40, int), 1], np.r_[groups, 99], **SHARES | {"validation_share": 0.0}
    )
    for part in ("fit", "calibration", "validation"):
        assert getattr(split, part).tolist() == getattr(more, part).tolist()
    assert more.test.tolist() == [*split.test, 40]


def test_a_given_division_keeps_groups_together_where_a_part_is_divided():
    ids = np.array([f"{number:02d}" for number in range(60)])
    given = np.array(["train"] * 40 + ["test"] * 20)
    groups = np.r_[np.arange(40) // 4, np.arange(20)]  # the test set shares groups with the others, and stays whole
    labels = np.r_[np.zeros(50, int), np.ones(10, int)]
    split = splits.holdout(ids, labels, groups, **SHARES, given=given)
    assert split.test.tolist() == list(range(40, 60)) and not len(split.dropped) and not len(split.validation)
    assert not set(groups[split.fit]) & set(groups[split.calibration]) and len(split.fit) + len(split.calibration) == 40
    assert abs(len(split.fit) - 40 * 0.7 / 0.9) <= 2.5
    assert splits.crossing(split, groups) == np.isin(groups[40:], groups[:40]).sum()
    assert splits.holdout(ids, labels, np.arange(60), **SHARES, given=np.array([""] * 60)).test.tolist() != [
        *range(40, 60)
    ]


def test_parts_with_a_share_of_zero_are_empty():
    ids, labels, groups = material()
    split = splits.holdout(ids, labels, groups, **SHARES | {"calibration_share": 0.0, "validation_share": 0.0})
    assert (len(split.fit), len(split.calibration), len(split.validation)) == (140, 0, 0)
    assert len(split.validation) == 0 and len(split.test) == 360


def test_two_equal_ids_are_refused():
    ids, labels, groups = material()
    ids[3] = ids[7]
    with pytest.raises(UserError, match=ids[3]):
        splits.holdout(ids, labels, groups, **SHARES)


# The check for leaks.


def planted(part, other, copy):
    """A split of small pictures, in which one of `other` is overwritten with a copy of one of `part`."""
    ids, labels, groups = material(60, 60)
    images = np.random.default_rng(0).integers(0, 256, (120, 12, 12, 3)).astype(np.uint8)
    images = images.repeat(8, axis=1).repeat(8, axis=2)
    sha256 = np.array([f"file {number}" for number in range(120)], object)
    split = splits.holdout(ids, labels, groups, **SHARES)
    one, two = getattr(split, part)[0], getattr(split, other)[-1]
    images[two] = copy(images[one])
    return split, ids, images, sha256, one, two


@pytest.mark.parametrize(("part", "other"), list(itertools.combinations(splits.PARTS, 2)))
@pytest.mark.parametrize("brighter", [False, True])
def test_a_planted_duplicate_is_refused_with_both_images_named(part, other, brighter):
    split, ids, images, sha256, one, two = planted(
        part, other, lambda image: np.clip(image * 1.05 + 4, 0, 255) if brighter else image
    )
    if not brighter:
        sha256[two] = sha256[one]
    groups = duplicates.groups(images, sha256, np.full((120, 2), 96))
    with pytest.raises(UserError, match="near-duplicates" if brighter else "same file") as refused:
        splits.check(split, ids, sha256, groups)
    message = str(refused.value)
    assert f"{ids[one]} ({part})" in message and f"{ids[two]} ({other})" in message and "\n" not in message


def test_equal_files_under_two_names_are_refused_even_in_different_groups():
    ids, labels, groups = material(60, 60)
    split = splits.holdout(ids, labels, groups, **SHARES)
    sha256 = np.array([f"file {number}" for number in range(120)], object)
    splits.check(split, ids, sha256, groups)
    sha256[split.test[5]] = sha256[split.fit[3]]
    with pytest.raises(UserError, match="same file"):
        splits.check(split, ids, sha256, groups)


def test_an_image_in_two_parts_is_refused():
    ids, labels, groups = material(60, 60)
    split = splits.holdout(ids, labels, groups, **SHARES)
    leaky = dataclasses.replace(split, test=np.union1d(split.test, split.fit[:1]))
    with pytest.raises(UserError, match="the same image"):
        splits.check(leaky, ids, ids, groups)
    twins = ids.copy()
    twins[split.test[0]] = ids[split.fit[0]]
    with pytest.raises(UserError, match="the same image"):
        splits.check(split, twins, ids, groups)


def test_duplicates_inside_one_part_are_allowed():
    ids, labels, groups = material(60, 60)
    split = splits.holdout(ids, labels, groups, **SHARES)
    sha256 = ids.copy()
    for part in splits.PARTS:
        groups[getattr(split, part)] = -1 - splits.PARTS.index(part)
        sha256[getattr(split, part)] = part
    splits.check(split, ids, sha256, groups)


# Saved splits.


def test_a_saved_split_is_restored_even_for_images_in_another_order(tmp_path):
    ids, labels, groups = material()
    groups[labels == 1] = groups[labels == 1] // 4 + 1000
    groups[np.flatnonzero(labels == 1)[:5]] = groups[np.flatnonzero(labels == 0)[:5]]
    split = splits.holdout(ids, labels, groups, **SHARES)
    table = splits.to_table(split, ids)
    assert len(table) == len(ids) and len(split.dropped)
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "split.csv", index=False)
    saved = pd.read_csv(tmp_path / "split.csv")
    order = np.random.default_rng(1).permutation(len(ids))
    assert parts(splits.from_table(saved, ids[order]), ids[order]) == parts(split, ids)
    again = splits.from_table(saved, ids)
    assert all((getattr(again, part) == getattr(split, part)).all() for part in (*splits.PARTS, "dropped"))


def test_a_split_by_resubstitution_can_be_saved_too():
    split = splits.resubstitution(np.array([0, 1, 0, 1]))
    again = splits.from_table(splits.to_table(split, list("abcd")), list("abcd"))
    assert again.fit.tolist() == [0, 2] and again.test.tolist() == [0, 1, 2, 3] and again.seen == 2


@pytest.mark.parametrize(
    ("ids", "line"),
    [(["a", "b"], "c is in the saved split, but not"), (["a", "b", "c", "d"], "d is not in the saved split")],
)
def test_a_saved_split_of_other_images_is_refused(ids, line):
    table = pd.DataFrame({"id": ["a", "b", "c"], "part": ["fit", "test", "test"]})
    with pytest.raises(UserError, match=line):
        splits.from_table(table, ids)


def test_a_saved_split_with_an_unknown_part_is_refused():
    table = pd.DataFrame({"id": ["a", "b"], "part": ["fit", "train"]})
    with pytest.raises(UserError, match="no part 'train'"):
        splits.from_table(table, ["a", "b"])
