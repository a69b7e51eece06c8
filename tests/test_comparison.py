"""Refinements: chosen on validation, judged elsewhere, and told apart from noise."""

import json
from dataclasses import replace

import numpy as np
import pytest
from lib.evaluation.comparison.judged import validated

from lib import params
from lib.detectors.features import Neighbours
from lib.evaluation import comparison as refinements
from lib.evaluation import evaluate, thresholds
from lib.evaluation.comparison import Candidate
from lib.evaluation.comparison import recommendations as verdicts
from lib.evaluation.comparison.ensembles import ranked
from lib.params import Refinement
from lib.presentation import refinements as page
from lib.presentation.text import refinements as words
from lib.study import features as pretrained
from lib.study.study import Study


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(tmp_path_factory.mktemp("refinements")))
        patch.delenv("ANOMALY_RUN_FOLDER", raising=False)
        yield


REFINEMENTS = [Refinement(latent_dim=8), Refinement(batch_norm=True), Refinement(beta=0.01), Refinement(fit_images=0.5)]


@pytest.fixture(scope="module")
def study(place):
    small = {"image_size": 16, "latent_dim": 4, "epochs": 2, "seeds": [1], "refinements": REFINEMENTS}
    small |= {"calibration_share": 0.2, "backbone_size": 32}
    return evaluate.apart(Study.open(params.load("digits").model_copy(update=small)))


@pytest.fixture(scope="module")
def found(study):
    return refinements.candidates(study)


@pytest.fixture(scope="module")
def judged_all(study, found):
    return refinements.judge(study, found, found[0])


# What is chosen by, and what judges


def test_a_study_that_refines_has_a_part_to_choose_by_and_no_image_is_in_two(study):
    parts = [study.split.fit, study.split.calibration, study.split.validation, study.split.test]
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything) and all(map(len, parts))
    assert study.params.validation_share == evaluate.VALIDATION


def test_a_study_that_does_not_refine_keeps_its_parts():
    plain = {"refinements": [], "backbone": "", "image_size": 16}
    apart = evaluate.apart(Study.open(params.load("digits").model_copy(update=plain)))
    assert apart.params.protocol == "holdout" and not len(apart.split.validation)


def test_the_choice_does_not_look_at_judged_images(study, found):
    """Whatever the judged images score, the same candidate, members and threshold are chosen."""
    spoilt = []
    for each in found:
        scores = each.scores.copy()
        scores[study.split.test] = np.random.default_rng(0).random(len(study.split.test))
        spoilt.append(Candidate(each.name, each.family, scores, each.seconds, each.score, each.changes))
    picks = []
    for pool in (found, spoilt):
        together = refinements.ensembles(study, pool)
        all_of_them = refinements.judge(study, [*pool, *together], pool[0])
        pick = refinements.choice(study, all_of_them)
        picks.append((pick["detector"].name, pick["threshold"].value, [each.name for each in together]))
    assert picks[0] == picks[1]


def test_the_threshold_of_the_choice_follows_from_calibration_images(study, judged_all):
    pick = refinements.choice(study, judged_all)
    calibration = pick["detector"].candidate.scores[study.split.calibration]
    seen = np.r_[calibration, pick["detector"].candidate.left_out]
    assert pick["calibration"] == len(seen)
    assert pick["alpha"] == study.params.target_fpr  # there are images enough to promise it
    assert (seen > pick["threshold"].value).mean() <= study.params.target_fpr


def test_images_fitted_on_calibrate_only_where_they_can_be_left_out(study, found):
    """Of a detector that can, the scores of the images left out; never the scores of images that it knows."""
    fit = len(study.split.fit)
    for each in found:
        able = each.name.startswith("features, nearest neighbours")
        assert 0 < len(each.left_out) <= fit if able else not len(each.left_out)
        assert not able or np.median(each.left_out) > np.median(each.scores[study.split.fit])
    one = artificial(study, 3.0, 4, "one")
    few = replace(study, split=replace(study.split, calibration=study.split.calibration[:10]))
    pick = verdicts.choice(few, refinements.judge(few, [one], one))
    assert pick["calibration"] == 10
    other = replace(one, left_out=np.random.default_rng(5).normal(size=500))
    told = verdicts.choice(few, refinements.judge(few, [other], other))
    assert told["calibration"] == 510 and "each left out" in told["threshold"].saw
    assert told["alpha"] == study.params.target_fpr < pick["alpha"]  # few images cannot promise so low a rate


def test_a_threshold_from_images_left_out_keeps_its_promise():
    """Over many draws of images the mean rate of false alarms is at most what was aimed at, or hardly more."""
    rates = []
    for seed in range(200):
        cloud = np.random.default_rng(seed).normal(size=(300, 6)).astype(np.float32)
        judge = Neighbours(2)
        judge.fit(cloud[:80])
        line = thresholds.target_fpr(np.r_[judge.left_out(), judge.score(cloud[80:100])], 0.1)
        rates.append((judge.score(cloud[100:]) > line).mean())
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)


# Candidates


def test_the_published_detector_comes_first_and_is_the_studys_own(study, found):
    assert found[0].name == "autoencoder" and found[0].score == "mse" and not found[0].changes
    np.testing.assert_allclose(found[0].scores, study.scores("autoencoder"))
    assert len({each.name for each in found}) == len(found)
    assert all(len(each.scores) == len(study.labels) and np.isfinite(each.scores).all() for each in found)


def test_every_refinement_and_family_is_there(found):
    labels = {each.label for each in REFINEMENTS}
    assert labels <= {each.name for each in found}
    assert {each.family for each in found} == {"autoencoder", "features", "reference", "shortcut"}


def test_a_refinement_changes_what_it_says_and_nothing_else(study):
    same = {"image_size", "batch_size", "learning_rate", "seed", "epochs"}
    for refinement in REFINEMENTS:
        refined = study.refined(refinement)
        for key in same - set(refinement.changes):
            assert getattr(refined.params, key) == getattr(study.params, key)
        np.testing.assert_array_equal(refined.split.test, study.split.test)
        assert refined._fit_key(refined.name) != study._fit_key("autoencoder")
    half = study.refined(Refinement(fit_images=0.5)).split.fit
    assert len(half) == round(0.5 * len(study.split.fit)) and set(half) < set(study.split.fit)
    assert study.refined(Refinement(latent_dim=8)).params.latent_dim == 8
    assert study.refined(Refinement(beta=0.01)).name == "beta_vae"


def test_the_baseline_has_no_difference_and_the_others_are_paired_with_it(judged_all):
    assert judged_all[0].difference is None
    for each in judged_all[1:]:
        expected = each.auroc["value"] - judged_all[0].auroc["value"]
        assert each.difference["value"] == pytest.approx(expected, abs=1e-9)


# Ensembles


def artificial(study, quality, seed, name):
    random = np.random.default_rng(seed)
    return Candidate(name, "reference", random.normal(size=len(study.labels)) + quality * study.labels, 1.0)


def test_independent_detectors_are_put_together_and_copies_are_not(study):
    first, second = (artificial(study, 1.5, seed, str(seed)) for seed in (1, 2))
    both = refinements.combine(study, [first, second], "two")
    assert both.name in {"two: 1 + 2", "two: 2 + 1"} and both.seconds == 2.0
    worth = [validated(study, each) for each in (first, second, both)]
    assert worth[2] > max(worth[:2])
    assert refinements.combine(study, [first, first], "same") is None


def test_a_shortcut_is_no_member_and_never_the_choice(study):
    perfect = Candidate("file size", "shortcut", study.labels.astype(float), 0.1)
    able = artificial(study, 2.0, 3, "able")
    assert refinements.combine(study, [able, perfect], "x") is None
    pick = verdicts.choice(study, refinements.judge(study, [able, perfect], able))
    assert pick["detector"].name == "able"


def test_ranks_keep_order_beyond_what_they_were_made_from():
    among = np.array([0.0, 1.0, 1.0, 3.0])
    scores = np.array([-9.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 90.0])
    ranks = ranked(scores, among)
    assert (np.diff(ranks) > 0).all()
    np.testing.assert_allclose(ranked(among, among), [0.25, 0.75, 0.75, 1.0])


# Verdicts


def difference(value, half=0.01):
    return {"value": value, "low": value - half, "high": value + half}


@pytest.mark.parametrize(
    ("value", "spread", "expected"),
    [
        (0.05, 0.01, verdicts.HELPED),
        (0.05, None, verdicts.HELPED),
        (0.05, 0.06, verdicts.NOISE),  # two seeds differ as much
        (0.005, 0.0, verdicts.NOISE),  # its interval holds 0
        (-0.05, 0.01, verdicts.HURT),
        (-0.05, 0.06, verdicts.NOISE),
    ],
)
def test_a_verdict_needs_both_the_interval_and_more_than_the_seeds(value, spread, expected):
    assert verdicts.verdict(difference(value), spread) == expected


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"width": 1.5}, "Increase the complexity of the model"),
        ({"depth": 1, "batch_norm": True}, "Increase the complexity of the model"),
        ({"width": 0.5}, None),  # less of it
        ({"width": 2.0, "epochs": 40}, None),  # something else besides
        ({"latent_dim": 5}, "Increase the latent dimension"),
        ({"latent_dim": 3}, None),
        ({"augmentation": "flips"}, "Fit on more images, by varied copies of those there are"),
        ({"augmentation": "hue"}, "Fit on objects of other colours, by turned hues"),
        ({"fit_images": 0.5}, "Fit on more images, tested by fitting on fewer"),
    ],
)
def test_a_refinement_tries_the_recommendation_that_it_follows_and_no_other(changes, title):
    tried = [name for name, tries, _ in refinements.RECOMMENDATIONS if tries(Refinement(**changes).changes, 4)]
    assert tried == ([title] if title else [])


def test_each_recommendation_gets_a_verdict(study, judged_all):
    rows = refinements.recommendations(study, judged_all, refinements.noise(study))
    by_title = {row["recommendation"]: row for row in rows}
    assert len(by_title) == len(refinements.RECOMMENDATIONS)
    assert by_title["Increase the complexity of the model"]["best"] == "batch normalisation"
    assert by_title["Increase the latent dimension"]["best"] == "latent 8"
    assert by_title["Fit on objects of other colours, by turned hues"]["verdict"] == verdicts.UNTRIED
    # Fewer images were tried, so that what is told of more is the reverse.
    fewer = next(each for each in judged_all if each.name == Refinement(fit_images=0.5).label)
    told = by_title["Fit on more images, tested by fitting on fewer"]["difference"]
    assert told["value"] == -fewer.difference["value"] and told["low"] == -fewer.difference["high"]
    assert all(
        row["verdict"] in words.recommendations([row]) or row["verdict"] in ("within noise", "not tried")
        for row in rows
    )


def test_the_spread_of_seeds_is_none_without_seeds(study):
    assert refinements.noise(study) > 0
    assert refinements.noise(replace(study, params=study.params.model_copy(update={"seeds": []}))) is None


# The latent vector


def record(monkeypatch, study, kl, activity, weighted, reconstruction=0.02):
    kept = {"kl": np.array(kl), "activity": np.array(activity)}
    monkeypatch.setattr(Study, "health", lambda self, name: kept)
    monkeypatch.setattr(Study, "history", lambda self, name: {"kl": [weighted], "reconstruction": [reconstruction]})
    return refinements.health(study, "beta_vae", 1.0)


def test_alarms_ring_for_a_collapsed_posterior_and_for_an_inert_term(study, monkeypatch):
    assert record(monkeypatch, study, [1e-7] * 4, [1e-9] * 4, 4e-7)["alarms"] == ["posterior collapse"]
    assert record(monkeypatch, study, [9.0] * 4, [0.5] * 4, 1e-6)["alarms"] == ["inert KL"]
    assert record(monkeypatch, study, [9.0] * 4, [0.5] * 4, 0.01)["alarms"] == []


def test_more_weight_lets_less_through(study):
    opened = refinements.health(study, "vae", 1.0)
    light = refinements.health(study.refined(Refinement(beta=0.01)), "beta_vae", 0.01)
    assert opened["kl"] <= light["kl"]
    assert len(opened["kl_by_value"]) == opened["latent"] == study.params.latent_dim
    passed = refinements.rate_distortion(study, {"VAE": opened})
    assert list(passed) == ["β-VAE, β = 0.01", "VAE"]


# Features and the page


def test_features_are_judged_at_both_sizes_and_kept(study, found):
    names = [each.name for each in found if each.family == "features"]
    assert pretrained.sizes(study) == [16, 32]
    assert names == [
        *(f"features, {method}, {size} px" for size in (16, 32) for method in ("nearest neighbours", "Mahalanobis")),
        "features, patches, 16 px",
    ]
    again, seconds = pretrained.embeddings(study, 32)
    assert again.shape == (len(study.labels), 1280) and seconds > 0


def test_heat_maps_are_of_the_images_asked_for(study):
    top = refinements.telling(study)
    pictures, maps = refinements.heat_maps(study, top[::-1])
    assert len(pictures) == len(maps) == len(top) and pictures.shape[1] == 32 and (maps >= 0).all()
    assert study.labels[top].all() and set(top) <= set(study.split.test)


def test_what_a_page_shows_is_json_and_within_bounds(study, found, judged_all):
    together = refinements.judge(study, refinements.ensembles(study, found), found[0])
    pick = refinements.choice(study, [*judged_all, *together])
    rows = refinements.recommendations(study, judged_all, None)
    own = {"VAE": refinements.health(study, "vae", 1.0)}
    told = json.dumps(refinements.record(judged_all, together, rows, None, own, pick), allow_nan=False)
    assert set(json.loads(told)["refinements"]) == {
        "judged", "recommendations", "spread_of_seeds", "latent", "choice",
    }  # fmt: skip
    few = refinements.notable([*judged_all, *together])
    assert len(few) <= 25 and few[0] is judged_all[0]
    assert all(seconds > 0 for seconds in page.costs(few)[1])
    text = words.choice(pick, study.params) + words.features(judged_all, 1.0) + words.ensembles(together)
    assert pick["detector"].name in text and "nan" not in text


def test_a_study_without_refinements_says_so():
    assert "names no `refinements`" in words.parts(params.load("airplanes"), (0, 0), (1, 1))
    assert "was not tried" in words.recommendations(verdicts.recommendations(None, [], None))
