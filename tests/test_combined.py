"""`combined`: two scores standardised on calibration images; shares of patches; what a study that inspects fits."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_digits import digits

from lib import detectors, params
from lib.core import cache, paths
from lib.core.errors import UserError
from lib.data import ImageSet
from lib.data.splits import Split
from lib.detectors.features import combined
from lib.study import Study, fit_and_score, heat_maps

SMALL = {"size": 32, "coreset": 60}


def spec(name="combined", **options):
    return detectors.spec(name, SMALL | options, {})


def referred(references, groups=None):
    """A detector that refers to scores of two members, and the scores of the reference images."""
    detector = spec().create()
    groups = np.full(len(references[0]), "") if groups is None else groups
    return detector, detector.refer(references, groups)


# Statistics


@pytest.mark.parametrize("count", [2, 3, 20, 21, 150, 151])
@pytest.mark.parametrize("ties", [False, True])
def test_statistics_without_one_image_are_those_of_all_others(count, ties):
    scores = np.random.default_rng(count).gamma(2, size=count)
    scores = np.round(scores, 1) if ties else scores
    others = [np.delete(scores, place) for place in range(count)]
    np.testing.assert_allclose(combined.medians_without_one(scores), [np.median(rest) for rest in others])
    centres, spreads = combined.of_the_others(scores)
    np.testing.assert_allclose(centres, [np.median(rest) for rest in others])
    if count >= combined.ENOUGH:
        by_hand = [1.4826 * np.median(np.abs(rest - np.median(rest))) for rest in others]
    else:
        by_hand = centres
    np.testing.assert_allclose(spreads, by_hand)


def false_alarms(kind, count, groups, alpha, own, runs=150):
    """The rate of false alarms at the conformal threshold, over sets of calibration images and of new ones.

    Args:
        kind: of the distribution of scores.
        count: calibration images of each group.
        groups: each with a median and a spread of its own.
        alpha: the target.
        own: whether the calibration scores are those of new images, standardised by all.
        runs: sets of calibration images.
    """
    from lib.evaluation import thresholds

    random = np.random.default_rng(0)
    names = np.repeat([f"part {number}" if groups > 1 else "" for number in range(groups)], count)
    new_names = np.repeat(np.unique(names), 200)
    rates = []
    for _ in range(runs):
        calibration, new = [], []
        for _ in range(2):
            scale, shift = np.exp(random.normal(0, 0.7, groups)), random.uniform(5, 15, groups)
            draw = functools.partial(
                {"gamma": functools.partial(random.gamma, 2), "normal": random.standard_normal}[kind]
            )
            calibration.append((draw(size=(groups, count)) * scale[:, None] + shift[:, None]).ravel())
            new.append((draw(size=(groups, 200)) * scale[:, None] + shift[:, None]).ravel())
        detector, scores = referred(calibration, names)
        scores = detector.combine(calibration, names) if own else scores
        rates.append((detector.combine(new, new_names) > thresholds.target_fpr(scores, alpha)).mean())
    return np.mean(rates)


@pytest.mark.parametrize("kind", ["gamma", "normal"])
@pytest.mark.parametrize(
    ("count", "groups", "alpha"),
    [(3, 1, 0.3), (12, 1, 0.1), (19, 1, 0.06), (20, 1, 0.1), (20, 4, 0.05), (100, 1, 0.05)],
)
def test_the_conformal_threshold_keeps_the_false_alarm_rate(kind, count, groups, alpha):
    rate = false_alarms(kind, count, groups, alpha, own=False)
    assert 0.4 * alpha < rate < alpha + 0.01  # the error of the simulation is below 0.01


def test_scores_standardised_by_a_spread_that_they_are_part_of_give_too_many_false_alarms():
    """Which is why a calibration image is standardised by the others."""
    assert false_alarms("gamma", 20, 4, 0.05, own=True) > 0.055
    assert false_alarms("gamma", 20, 4, 0.05, own=False) < 0.052


def test_the_score_of_a_calibration_image_is_that_of_a_detector_which_has_not_seen_it():
    random = np.random.default_rng(0)
    references = random.gamma(2, size=(2, 61))
    groups = np.array(["", *["a"] * 25, *["b"] * 30, *["rare"] * 5])
    _, scores = referred(references, groups)
    for place in (0, 3, 30, 58):
        others, _ = referred(np.delete(references, place, axis=1), np.delete(groups, place))
        expected = others.combine(references[:, [place]], groups[[place]])
        np.testing.assert_allclose(scores[place], expected[0])


def test_groups_are_standardised_by_their_own_images_and_rare_and_unknown_ones_by_all():
    random = np.random.default_rng(0)
    groups = np.repeat(["bright", "dark", "rare"], [40, 40, 5])
    base = random.gamma(2, size=(2, 85))
    moved = base * np.where(groups == "dark", 9.0, 1) + np.where(groups == "dark", 50.0, 3)
    detector, scores = referred(moved, groups)
    assert detector.groups.tolist() == ["", "bright", "dark"]
    plain, _ = referred(base, groups)
    for name in ("bright", "dark"):  # neither the shift nor the scale of a group matters
        own = groups == name
        np.testing.assert_allclose(detector.combine(moved, groups)[own], plain.combine(base, groups)[own])
    nobody, _ = referred(moved)
    for unknown in ("rare", "never seen", ""):
        other = np.full(85, unknown)
        np.testing.assert_allclose(detector.combine(moved, other), nobody.combine(moved, other))
    assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "scores",
    [
        [0.3],
        [0.0],
        [0.3, 0.5],
        [0.3, 0.3],
        [0.0, 0.0, 1.0],
        [0.2] * 30,
        [0.0] * 30,
        [0.2] * 20 + [0.3] * 20,
        [5e-8] * 19,
    ],
    ids=str,
)
def test_few_or_equal_calibration_scores_do_not_divide_by_zero(scores):
    scores = np.array(scores)
    detector, own = referred([scores, scores * 10])
    new = detector.combine([np.array([0.0, 0.3, 9.0]), np.array([0.0, 3.0, 90.0])], np.full(3, ""))
    assert np.isfinite(own).all() and np.isfinite(new).all() and (detector.spreads > 0).all()
    assert (np.diff(new) > 0).all()


def test_one_defect_among_the_calibration_images_hardly_moves_the_other_scores():
    random = np.random.default_rng(0)
    scores = random.gamma(2, size=(2, 40))
    damaged = scores.copy()
    damaged[:, 0] = 1000
    one, other = (referred(given)[0].combine(scores, np.full(40, "")) for given in (scores, damaged))
    assert np.abs(one - other).max() < 0.15 * np.ptp(one)


# The detector in a study


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """80 eights and 60 others on disk, in two groups: 30 fit, 40 calibrate, 10 eights and all others test."""
    images = ImageSet.of(np.concatenate([digits(80, only=8).images, digits(60, only=1).images]))
    table = images.table.assign(group=np.where(np.arange(140) % 2, "odd", "even"), class_name=["8"] * 80 + ["1"] * 60)
    folder = tmp_path_factory.mktemp("images")
    split = Split(fit=np.arange(30), calibration=np.arange(30, 70), test=np.arange(70, 140))
    given = params.Parameters(protocol="holdout", image_size=16, detector="auto", target_fpr=0.1)
    return Study(given, on_disk(images.images, table, folder), (np.arange(140) >= 80).astype(np.int8), split)


def on_disk(pixels, table, folder):
    """Images in memory maps, as prepared ones are; their files are made when a size is asked for."""
    original = ImageSet.of(pixels, table)

    @functools.cache
    def at(size):
        sized = original.at(size)
        np.save(folder / f"{size}.npy", sized.images)
        mapped = np.load(folder / f"{size}.npy", mmap_mode="r")
        return replace(sized, images=mapped, _at=at)

    return at(pixels.shape[1])


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path))
    return tmp_path


def entries(folder):
    kinds = ("fits", "scores", "features", "patch_maps")
    return {kind: len([path for path in (folder / kind).glob("*") if path.is_dir()]) for kind in kinds}


def test_all_shares_and_both_methods_alone_share_two_fits_and_two_passes(study, empty_cache):
    shares = {share: fit_and_score(study, spec(share=share)) for share in (0.05, 0.01, 0.2)}
    knn = fit_and_score(study, detectors.spec("features", {"size": 32}, {}))
    patches = fit_and_score(study, spec("features", method="positions", share=0.05))
    assert entries(empty_cache) == {"fits": 2, "scores": 4, "features": 1, "patch_maps": 1}
    assert knn.cached and patches.cached and shares[0.2].cached
    new = study.split.test
    by_hand = []
    for scores in (knn.scores, patches.scores):
        centre, spread = combined.centre_and_spread(scores[study.split.calibration])
        by_hand.append((scores - centre) / spread)
    groups = detectors.groups_of(study.images)
    detector = shares[0.05].detector(study)
    assert detector.groups.tolist() == ["", "even", "odd"]
    np.testing.assert_allclose(detector.combine([knn.scores, patches.scores], groups)[new], shares[0.05].scores[new])
    without = replace(study, images=replace(study.images, table=study.images.table.drop(columns="group")))
    np.testing.assert_allclose(
        fit_and_score(without, spec()).scores[new], np.average(by_hand, axis=0, weights=combined.WEIGHTS)[new]
    )
    # Every detector pays for the pass that it shares, so that times can be compared.
    assert shares[0.01].seconds["score"] >= cache.read_json(
        next((empty_cache / "patch_maps").glob("*")) / "seconds.json"
    )


def test_scores_from_kept_maps_are_those_of_images_in_memory(study):
    for share in (0.0, 0.3, 1.0):
        fitted = fit_and_score(study, spec(share=share))
        detector = fitted.detector(study)
        test = study.split.test
        found = detector.score(study.images.take(test))
        np.testing.assert_allclose(found, fitted.scores[test], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(detector.score(study.images.take(test[[9]])), found[[9]], rtol=1e-3, atol=1e-3)


def test_calibration_scores_are_those_of_images_left_out(study):
    fitted = fit_and_score(study, spec())
    calibration = study.split.calibration
    own = fitted.detector(study).combine(
        [member.scores[calibration] for member in fitted.members], detectors.groups_of(study.images)[calibration]
    )
    highest = own.argmax()
    assert fitted.scores[calibration][highest] > own[highest]  # the highest is higher without itself
    assert not np.allclose(fitted.scores[calibration], own)


def test_the_saved_detector_keeps_its_groups_and_takes_another_share(study, tmp_path):
    fitted = fit_and_score(study, spec())
    fitted.detector(study).save(tmp_path)
    loaded, test = detectors.load(tmp_path), study.images.take(study.split.test)
    np.testing.assert_allclose(loaded.score(test), fitted.scores[study.split.test], rtol=1e-3, atol=1e-3)
    assert loaded.groups.tolist() == ["", "even", "odd"]
    assert loaded.members[1].options.share == 0.05
    assert detectors.load(tmp_path, share=0.5).members[1].options.share == 0.5


def test_heat_maps_are_the_patches_and_the_nearest_image_is_one_fitted_on(study):
    detector = fit_and_score(study, spec()).detector(study)
    own = study.images.take(study.split.fit)
    np.testing.assert_array_equal(detector.nearest(own), np.arange(30))
    embeddings = detector.embed(study.images)
    assert embeddings.shape == (140, 1280) and embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    maps = detector.heatmap(own)
    assert maps.shape == (30, 4, 4)
    np.testing.assert_allclose(detector.heatmap(study.images, np.array([5, 3])), maps[[5, 3]], rtol=1e-3, atol=1e-3)


def test_a_study_without_anomalies_is_scored(study):
    only = replace(study, labels=np.zeros(140, np.int8))
    assert not len(only.anomalies)
    assert np.isfinite(fit_and_score(only, spec()).scores).all()
    network = {"image_size": 16, "latent_dim": 4, "epochs": 1}
    assert np.isfinite(fit_and_score(only, detectors.spec("autoencoder", network, {})).scores).all()


# The scale of heat maps


def test_the_scale_of_heat_maps_comes_from_calibration_images_alone(study):
    detector = fit_and_score(study, spec()).detector(study)
    low, high = heat_maps.scale(study, detector)
    maps = detector.heatmap(study.images, study.split.calibration)
    assert low == pytest.approx(np.median(np.median(maps, axis=(1, 2))), rel=1e-6)
    assert high == pytest.approx(np.sort(maps.max(axis=(1, 2)))[36], rel=1e-6)  # ⌈41 · 0.9⌉ = 37 of 40
    others = replace(study, split=replace(study.split, test=study.split.test[:3]))
    assert heat_maps.scale(others, detector) == (low, high)
    few = replace(study, split=replace(study.split, calibration=study.split.calibration[:3]))
    assert heat_maps.scale(few, detector)[1] == pytest.approx(maps[:3].max(), rel=1e-6)
    other_share = fit_and_score(study, spec(share=0.2)).detector(study)
    assert heat_maps.scale(study, other_share) == (low, high)


def test_equal_maps_still_have_a_scale_with_two_ends(study):
    images = on_disk(np.zeros((10, 32, 32, 1), np.uint8), None, paths.cache_folder())
    same = replace(study, images=images, split=Split(np.arange(5), np.arange(8, 10), np.arange(5, 8)))
    low, high = heat_maps.scale(same, fit_and_score(same, spec()).detector(same))
    assert low < high


def test_maps_of_a_fitted_detector_and_of_its_options_are_equal(study):
    indices = np.array([3, 100, 75])
    detector = fit_and_score(study, spec()).detector(study)
    found = heat_maps.of_fitted(study, detector, indices)
    assert found["pictures"].shape == (3, 32, 32, 1) and found["maps"].shape == (3, 4, 4)
    again = heat_maps.of_images(study, heat_maps.able([spec()]), indices)
    for key in ("indices", "pictures", "maps"):
        np.testing.assert_array_equal(again[key], found[key])


# Which detectors a study that inspects has


def inspecting(**changes):
    return params.Parameters(**{"detector": "auto", "protocol": "holdout"} | changes)


def test_a_study_that_inspects_has_the_default_set_and_no_published_detector():
    cheap = [name for name, kind in detectors.kinds().items() if kind.fitted_alone]
    specs = detectors.specs(inspecting())
    assert [(own.name, own.label) for own in specs[:5]] == [
        ("combined", "features, combined"),
        ("features_combined_share_0_01", "features, combined, share 0.01"),
        ("features_combined_share_0_2", "features, combined, share 0.2"),
        ("features_nearest_neighbours", "features, nearest neighbours"),
        ("features_positions", "features, positions"),
    ]
    assert [own.name for own in specs[5:]] == cheap
    assert [own.options.share for own in specs[:3]] == [0.05, 0.01, 0.2] and specs[4].options.share == 0.05
    named = [own.name for own in detectors.specs(inspecting(detectors=["features"]))]
    assert named == ["features_nearest_neighbours", *cheap]


def test_keys_of_the_study_apply_to_its_default_set_and_leave_the_names_as_they_are():
    changed = inspecting(backbone="MobileNetV2", backbone_size=96, tiles=2, seed=7)
    plain, specs = detectors.specs(inspecting()), detectors.specs(changed)
    assert [own.name for own in specs] == [own.name for own in plain]
    for own in specs[:5]:
        assert (own.options.backbone, own.options.size, own.options.tiles) == ("MobileNetV2", 96, 2)
        assert own.options.seed == 7 and own.create().size == 192
    for member, alone in zip(combined.Combined.member_specs(specs[0].options), specs[3:5], strict=True):
        assert member.options == alone.options  # so that they share the fit


def test_the_leading_detector_is_combined_unless_another_is_named():
    patches = {"features": {"method": "patches", "label": "My patches"}}
    for named, others, expected in (
        ("auto", [], "combined"),
        ("auto", ["features", {"combined": {"share": 0.1}}], "features_combined_share_0_1"),
        ("auto", ["hog", patches], "hog"),
        ("features", ["hog", patches], "my_patches"),
        ("My patches", ["features", patches], "my_patches"),
        ("my_patches", ["features", patches], "my_patches"),
        ("features_combined_share_0_2", [], "features_combined_share_0_2"),
        ("features, positions", [], "features_positions"),
        ("hog", [], "hog"),
    ):
        assert detectors.leading(inspecting(detector=named, detectors=others)) == expected


@pytest.mark.parametrize(
    ("named", "hint"),
    [("combind", "did you mean 'combined'?"), ("vae", "there are auto, combined"), ("feature", "features")],
)
def test_a_detector_that_the_study_does_not_have_is_one_line(named, hint):
    with pytest.raises(UserError, match=f"detector: '{named}' is not a detector of this study") as caught:
        detectors.specs(inspecting(detector=named))
    assert hint in str(caught.value) and "\n" not in str(caught.value)


def test_baselines_take_a_bounded_number_of_bytes_of_large_images(monkeypatch):
    from lib.detectors.baselines import pixels

    monkeypatch.setattr(pixels, "FITTED", 10 * 16 * 16)
    images = digits(60)
    seen = []
    detector = detectors.spec("mean_image", {"image_size": 16}, {}).create()
    monkeypatch.setattr(detector, "learn_pixels", lambda given: seen.append(given))
    detector.learn(images, np.arange(60))
    assert seen[0].shape == (10, 16, 16, 1)
    np.testing.assert_array_equal(seen[0][[0, -1]], images.images[[0, 59]])


def test_the_group_of_an_image_is_empty_where_the_table_has_none():
    images = digits(3)
    assert detectors.groups_of(images).tolist() == ["", "", ""]
    table = pd.DataFrame({"group": ["a", None, ""]})
    assert detectors.groups_of(ImageSet.of(images.images, table)).tolist() == ["a", "", ""]


def test_the_key_of_a_detector_follows_from_what_it_has_learned():
    images = digits(40, size=32)
    keys = []
    for options, fit in (({}, 20), ({"share": 0.3}, 20), ({"seed": 3}, 20), ({}, 30)):
        detector = spec(**options).create()
        detector.fit(images, np.arange(fit))
        keys.append(detector.members[1].key())
    assert keys[0] == keys[1] and len(set(keys)) == 3
