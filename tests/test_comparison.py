"""Detectors are chosen on the validation set, tested on other images, and distinguished from noise."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from small_study import fitted, made_run, opened, with_params

from lib import detectors, params
from lib.core.formatting import percent
from lib.detectors.ensembles.rank_mean import rank_among
from lib.detectors.features.neighbours import Neighbours
from lib.evaluation import comparison, metrics, thresholds
from lib.evaluation.comparison import HELPED, HURT, NOISE, UNTRIED
from lib.evaluation.comparison.ensembles import GAIN, MEMBERS, choose_members, ensembles
from lib.evaluation.comparison.recommendations import verdict
from lib.presentation import tables, text
from lib.study import Fitted, holdout_of


@pytest.fixture(scope="module")
def study():
    return opened("holdout")


@pytest.fixture(scope="module")
def run():
    return fitted("holdout")[1]


@pytest.fixture(scope="module")
def rows(study, run):
    return comparison.leaderboard(study, run)


def artificial(study, quality, seed):
    """Scores of every image, normal images and anomalies `quality` standard deviations from each other."""
    return np.random.default_rng(seed).normal(size=len(study.labels)) + quality * study.labels


# The leaderboard


@pytest.mark.parametrize("protocol", ["holdout", "resubstitution"])
def test_every_detector_is_evaluated_on_the_same_images_held_out(protocol):
    study, run, *_ = fitted(protocol)
    rows, split = comparison.leaderboard(study, run), holdout_of(study).split
    constant = ["file_size", "aspect_ratio", "white_margin"]  # every digit is a file of the same size and shape
    planned = {column: fit["kind"] for column, fit in run.fits("leaderboard").items()}
    assert [row["column"] for row in rows] == [column for column, kind in planned.items() if kind not in constant]
    assert (rows[0]["name"], rows[0]["difference"]) == ("autoencoder", None)
    for row in rows:
        scores = run.scores_of(row["column"])
        for part, value in ((split.test, row["auroc"]["value"]), (split.validation, row["validation"])):
            assert value == pytest.approx(roc_auc_score(study.labels[part], scores[part]), abs=1e-9)
        assert row["fpr_at_95_tpr"] == metrics.fpr_at_tpr(study.labels[split.test], scores[split.test])
        assert row["seconds"] == sum(run.fits()[row["column"]]["seconds"].values())
        if row is not rows[0]:
            expected = row["auroc"]["value"] - rows[0]["auroc"]["value"]
            assert row["difference"]["value"] == pytest.approx(expected, abs=1e-9)
    stored = run.read("metrics")["leaderboard"]
    assert list(stored) == [row["column"] for row in rows] and stored == json.loads(json.dumps(stored))


def test_every_family_refinement_and_score_is_on_the_leaderboard(rows):
    families = {"autoencoder", "features", "baseline", "ensemble"}
    assert {row["family"] for row in rows} == families and len({row["name"] for row in rows}) == len(rows)
    scores = detectors.kind("autoencoder").detector.score_names()
    for changes in ({}, {"fit_images": 0.5}):
        own = [row["score"] for row in rows if row["kind"] == "autoencoder" and row["changes"] == changes]
        assert own == list(scores)
    assert [row["score"] for row in rows if row["kind"] in {"vae", "beta_vae"}] == ["mse", "mse"]


def test_pages_show_selections_of_the_leaderboard(rows):
    published = comparison.published_network(rows)
    assert [row["score"] for row in published] == list(detectors.kind("autoencoder").detector.score_names())
    assert [row["name"] for row in comparison.by_published_score(rows)] == ["autoencoder", "50 % of the images"]
    assert {row["family"] for row in comparison.cheap(rows)[1:]} == {"baseline"}
    leading = comparison.leading(rows)
    values = [row["validation"] for row in leading[1:]]
    assert leading[0] is rows[0] and len(values) == 10 and values == sorted(values, reverse=True)
    assert max(row["validation"] for row in rows[1:] if row["score"]) == values[0]
    notable = comparison.notable(rows)
    assert notable[0] is rows[0] and [row for row in rows if not row["score"]] == notable[5:]
    assert [row["kind"] for row in notable[3:5]] == ["vae", "beta_vae"]
    assert notable[1] is comparison.best(published[1:]) and notable[2]["changes"] == {"fit_images": 0.5}
    assert all(row is comparison.best([row, row]) for row in comparison.best_of_families(rows).values())
    quick, slow = ({"validation": 0.9, "seconds": seconds} for seconds in (1, 2))
    assert comparison.best([slow, quick]) is comparison.best([quick, slow]) is quick


# The choice


def test_the_choice_looks_at_no_test_image(study, run, rows, tmp_path):
    """With other scores of the test images the same members, detector and threshold are chosen."""
    taken = [column for column, fit in run.fits("leaderboard").items() if fit["score"] in {"", "mse", "mae", "coarse"}]
    fits = {column: fit for column, fit in fitted("holdout")[2].items() if column in taken}
    picks = {}
    for name, part in {"own": study.split.test[:0], "test": study.split.test, "seen": study.split.validation}.items():
        random, pool = np.random.default_rng(0), {}
        for column, fit in fits.items():
            scores = fit.scores.copy()
            scores[part] = random.random(len(part))
            pool[column] = replace(fit, scores=scores)
        together = [spec.label for spec in ensembles(study, pool)]
        other = made_run(
            tmp_path / name, study, {column: fit.scores for column, fit in pool.items()},
            **{column: record for column, record in run.fits().items() if column in pool},
        )  # fmt: skip
        choice = comparison.answer(study, other, comparison.leaderboard(study, other))
        picks[name] = choice["row"]["name"], choice["threshold"].value, together
    assert picks["test"] == picks["own"] and picks["own"][2]
    assert picks["seen"][0] != picks["own"][0] and picks["seen"][2] != picks["own"][2]


def test_the_threshold_of_the_choice_sees_no_image_that_the_choice_saw(study):
    split, labels = study.split, study.labels
    assert not np.intersect1d(split.calibration, split.validation).size
    assert set(labels[split.validation]) == {0, 1} and not labels[split.calibration].any()


def test_the_choice_is_the_best_on_the_validation_set_and_never_a_shortcut(study, tmp_path):
    scores = {"autoencoder": artificial(study, 1.0, 1), "able": artificial(study, 2.0, 2), "size": study.labels * 1.0}
    run = made_run(tmp_path, study, scores, size={"family": "shortcut"})
    rows = comparison.leaderboard(study, run)
    choice = comparison.answer(study, run, rows)
    assert choice["row"]["name"] == "able" and choice["chosen"] and comparison.best(rows)["name"] == "size"
    flagged = scores["able"][study.split.test] > choice["threshold"].value
    at = choice["at"]
    assert (at["tp"], at["fp"]) == (flagged[study.labels[study.split.test] == 1].sum(), flagged.sum() - at["tp"])
    plain = with_params(study, validation_share=0.0, refinements=[], detectors=[])
    plain = replace(plain, split=replace(plain.split, validation=plain.split.validation[:0]))
    given = comparison.answer(with_params(plain, threshold_rule="fixed", threshold=0.3), run, rows)
    assert (given["row"]["name"], given["chosen"], given["threshold"].value) == ("autoencoder", False, 0.3)
    assert (given["target"], given["alpha"]) == (None, None)


def test_images_fitted_on_calibrate_only_where_they_can_be_left_out(study, tmp_path):
    study = with_params(study, target_fpr=0.05)
    scores = {"autoencoder": artificial(study, 1.0, 1), "able": artificial(study, 2.0, 2)}
    run, calibration = made_run(tmp_path, study, scores), scores["able"][study.split.calibration]
    threshold, alpha, count = comparison.calibrate(study, run, "able")
    assert count == len(calibration) == 22 and threshold.value == calibration.max()
    assert alpha == study.params.target_fpr
    fewer = with_params(study, target_fpr=0.01)
    threshold, alpha, _ = comparison.calibrate(fewer, run, "able")
    assert alpha == pytest.approx(1 / 23) and threshold.value == calibration.max()  # so few cannot promise the target
    left_out = np.random.default_rng(5).normal(size=500)
    run.write_arrays("left_out", "able", scores=left_out)
    threshold, alpha, count = comparison.calibrate(study, run, "able")
    seen = np.r_[calibration, left_out]
    assert (count, alpha) == (522, study.params.target_fpr) and "22 calibration images and 500 images" in threshold.saw
    assert threshold.value == thresholds.target_fpr(seen, alpha) and (seen > threshold.value).mean() <= alpha
    assert comparison.calibrate(study, run, "autoencoder")[2] == 22


def test_a_threshold_from_images_left_out_keeps_its_promise():
    """Over many draws of images the mean false alarm rate is at most what was aimed at, or hardly more."""
    rates = []
    for seed in range(200):
        cloud = np.random.default_rng(seed).normal(size=(300, 6)).astype(np.float32)
        detector = Neighbours(2)
        detector.fit(cloud[:80])
        threshold = thresholds.target_fpr(np.r_[detector.left_out(), detector.score(cloud[80:100])], 0.1)
        rates.append((detector.score(cloud[100:]) > threshold).mean())
    assert np.mean(rates) == pytest.approx(0.1, abs=0.01)


# Ensembles


def test_members_are_independent_detectors_and_never_copies(study):
    labels = study.labels
    first, second, copy = artificial(study, 1.5, 1), artificial(study, 1.5, 2), artificial(study, 1.5, 1) * 2
    assert sorted(choose_members(labels, [first, copy, second])) in ([0, 2], [1, 2])
    assert choose_members(labels, [first, copy]) == [0]
    assert choose_members(labels, [artificial(study, 0.0, 3), artificial(study, 3.0, 4)]) == [1]
    many = [artificial(study, 1.0 + 0.1 * seed, seed) for seed in range(8)]
    members = choose_members(labels, many)
    assert len(set(members)) == len(members) == MEMBERS and members[0] == np.argmax(
        [auroc(labels, [one]) for one in many]
    )
    steps = [auroc(labels, [many[place] for place in members[: count + 1]]) for count in range(MEMBERS)]
    assert (np.diff(steps) >= GAIN).all()


def auroc(labels, scores):
    return roc_auc_score(labels, np.mean([rank_among(one, one) for one in scores], axis=0))


def test_ensembles_take_the_best_score_of_each_network_and_no_shortcut(study):
    def fit(name, scores, folder=None, **options):
        spec = detectors.spec(name, options, study.params.model_dump())
        return Fitted(spec, scores, {"fit": 1.0, "score": 1.0}, {}, [], False, folder, folder)

    own = fit("autoencoder", artificial(study, 2.0, 1), "a")
    weak = fit("autoencoder", artificial(study, 1.0, 2), "b", width=2.0)
    strong = fit("autoencoder", artificial(study, 2.0, 3), "b", width=2.0, score="mae")
    shortcut = fit("file_size", study.labels + 0.0, "c")
    (spec,) = ensembles(study, {str(place): each for place, each in enumerate([own, weak, strong, shortcut])})
    assert sorted(member["autoencoder"]["score"] for member in spec.options.members) == ["mae", "mse"]
    assert spec.label in {
        "ensemble: autoencoder + width × 2, MAE",
        "ensemble: width × 2, MAE + autoencoder",
    }
    assert ensembles(study, {"own": own, "size": shortcut}) == []


def test_the_ensemble_of_a_run_ranks_among_the_validation_set(study, run):
    together = {column: fit for column, fit in run.fits().items() if fit["family"] == "ensemble"}
    assert together
    for column, fit in together.items():
        members = [name for member in fit["options"]["members"] for name in member.items()]
        specs = [detectors.spec(name, options, {}) for name, options in members]
        columns = [
            next(
                own
                for own, record in run.fits("leaderboard").items()
                if (record["kind"], record["options"]) == (spec.kind.name, spec.options.model_dump(mode="json"))
            )
            for spec in specs
        ]
        ranks = [rank_among(run.scores_of(own), run.scores_of(own)[study.split.validation]) for own in columns]
        np.testing.assert_allclose(run.scores_of(column), np.mean(ranks, axis=0), rtol=1e-12)
        assert fit["seconds"]["fit"] == pytest.approx(sum(run.fits()[own]["seconds"]["fit"] for own in columns))


def test_ranks_keep_order_beyond_the_reference_scores():
    among = np.array([0.0, 1.0, 1.0, 3.0])
    scores = np.array([-9.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 90.0])
    ranks = rank_among(scores, among)
    assert (np.diff(ranks) > 0).all() and ranks[0] >= 0 and ranks[-1] <= 1.25
    np.testing.assert_allclose(rank_among(among, among), [0.25, 0.75, 0.75, 1.0])


# Recommendations of the published study


def difference(value, half=0.01):
    return {"value": value, "low": value - half, "high": value + half, "chance": 0.0}


@pytest.mark.parametrize(
    ("value", "noise", "expected"),
    [
        (0.05, 0.01, HELPED),
        (0.05, None, HELPED),
        (0.05, 0.06, NOISE),  # two seeds differ as much
        (0.005, 0.0, NOISE),  # its interval holds 0
        (-0.05, 0.01, HURT),
        (-0.05, 0.06, NOISE),
    ],
)
def test_a_verdict_needs_both_the_interval_and_more_than_the_seeds(value, noise, expected):
    assert verdict(difference(value), noise) == expected


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
    tried = [name for name, tries, _ in comparison.RECOMMENDATIONS if tries(changes, 4)]
    assert tried == ([title] if title else [])


def refined(name, validation, value, score="mse", kind="autoencoder", **changes):
    return {
        "name": name, "kind": kind, "family": "autoencoder", "score": score, "changes": changes, "seconds": 1.0,
        "validation": validation, "auroc": difference(0.9 + value), "difference": difference(value),
    }  # fmt: skip


TRIED = [
    refined("wide", 0.90, 0.05, width=2.0),
    refined("normalised", 0.95, -0.03, batch_norm=True),  # the best on the validation set stands for both
    refined("normalised, MAE", 0.99, 0.09, score="mae", batch_norm=True),  # not by the published score
    refined("β = 0.01", 0.99, 0.09, kind="beta_vae", width=2.0),  # not of the autoencoder
    refined("tenth", 0.95, -0.06, fit_images=0.1),
    refined("half", 0.70, -0.04, fit_images=0.5),  # the opposite at its weakest
]


def test_each_recommendation_gets_the_verdict_of_what_was_tried():
    verdicts = comparison.recommendations(TRIED, 4, 0.02)
    assert [(row["verdict"], row["best"], row["tried"]) for row in verdicts] == [
        (HURT, "normalised", "wide, normalised"),
        (HELPED, "half", "tenth, half"),
        (UNTRIED, None, None),
        (UNTRIED, None, None),
        (UNTRIED, None, None),
    ]
    assert verdicts[1]["difference"] == pytest.approx(difference(0.04))  # of more images
    assert [row["verdict"] for row in comparison.recommendations(TRIED, 4, 0.05)[:2]] == [NOISE, NOISE]
    words = text.recommendation_verdicts(verdicts).splitlines()
    assert "hurt (by normalised: difference of AUROC −0.030" in words[0]
    assert "two seeds differ by up to 0.0200" in words[0]
    assert "helped (all images against half: difference of AUROC +0.040" in words[1]
    assert words[2].startswith("- Not tried in this study: ") and words[2].count(";") == 2 and len(words) == 3
    assert "made no difference beyond noise" in text.recommendation_verdicts([verdicts[0] | {"verdict": NOISE}])
    assert "seeds" not in text.recommendation_verdicts(comparison.recommendations(TRIED, 4, None))


def test_noise_is_twice_the_deviation_of_a_difference_of_two_seeds_held_out(study, run, tmp_path):
    test, seeds = study.split.test, ["autoencoder", "autoencoder_seed_1"]
    values = [roc_auc_score(study.labels[test], run.scores_of(column)[test]) for column in seeds]
    assert comparison.noise(study, run) == pytest.approx(2 * abs(values[0] - values[1]))  # √2 times their deviation
    assert comparison.noise(*fitted("resubstitution")[:2]) is None  # it names no further seeds
    # Seeds that were fitted on images of the test set, as under resubstitution, say nothing of images held out.
    scores = {"autoencoder_held_out": artificial(study, 1.0, 1), "seed_1": artificial(study, 2.0, 2)}
    seed = {"roles": ["seed"], "options": {"seed": 1}}
    records = {"autoencoder_held_out": {"label": "autoencoder"}, "seed_1": seed}
    assert comparison.noise(study, made_run(tmp_path / "own", study, scores, **records)) is None
    twin = made_run(
        tmp_path / "both", study, scores | {"seed_1_held_out": scores["seed_1"]}, seed_1_held_out=seed, **records
    )
    assert comparison.noise(study, twin) > 0


# The latent vector


@pytest.mark.parametrize(
    ("kl", "activity", "weighted", "alarms"),
    [
        (1e-7, 1e-9, 4e-7, ["posterior collapse"]),
        (9.0, 1e-9, 0.01, ["posterior collapse"]),
        (9.0, 0.5, 1e-6, ["inert KL"]),
        (9.0, 0.5, 0.01, []),
    ],
)
def test_a_collapsed_posterior_and_an_inert_kl_term_are_warned_of(tmp_path, study, kl, activity, weighted, alarms):
    run = made_run(tmp_path, study, {"beta_vae": artificial(study, 1.0, 1)}, beta_vae={"options": {"beta": 0.1}})
    run.write_arrays("latent_use", "beta_vae", kl=np.full(4, kl), activity=np.full(4, activity))
    (tmp_path / "history.csv").write_text(f"detector,epoch,reconstruction,kl\nbeta_vae,1,0.02,{10 * weighted}\n")
    record = comparison.latent_use(run, "beta_vae")
    assert record["alarms"] == alarms and record["share"] == pytest.approx(weighted / (weighted + 0.02))
    assert (record["kl"], record["latent"]) == (pytest.approx(4 * kl), 4)
    words = text.latent_use({"β-VAE": record}, {"β-VAE": 0.01, "autoencoder": 0.1})
    assert f"{record['kl']:.3g} nats" in words and f"{record['active']} of its 4 values" in words
    assert ("Posterior collapse" in words) == ("posterior collapse" in alarms)
    assert ("no effect" in words) == ("inert KL" in alarms)


def test_more_weight_lets_less_through(study, run):
    vae, light = (comparison.latent_use(run, name) for name in ("vae", "beta_vae"))
    assert vae["kl"] < light["kl"] and (vae["beta"], light["beta"]) == (1.0, 0.0001)
    assert len(vae["kl_by_value"]) == vae["latent"] == study.params.latent_dim
    assert sum(light["kl_by_value"]) == pytest.approx(light["kl"])
    assert list(comparison.rate_distortion(run)) == ["β-VAE", "VAE"]  # by their weight


# What pages say and metrics.json keeps


def test_what_metrics_json_keeps_is_json(study, run, rows):
    answer = comparison.answer(study, run, rows)
    verdicts = comparison.recommendations(rows, study.params.latent_dim, None)
    record = comparison.record(run, verdicts, 0.01, answer)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert set(record["comparison"]) == {"recommendations", "noise", "latent"}
    assert record["answer"]["detector"] == answer["row"]["name"] and record["answer"]["column"] in run.fits()
    assert record["answer"]["at"] == answer["at"]
    latent = record["comparison"]["latent"]
    assert set(latent) == {"VAE", "β-VAE"}
    assert len(record["comparison"]["recommendations"]) == len(comparison.RECOMMENDATIONS)
    assert len(tables.leaderboard(comparison.notable(rows))) == len(comparison.notable(rows))


PARTS = {"normal": 36, "anomalies": 1298, "calibration": 17, "validation_normal": 18, "validation_anomalies": 1}


def test_the_sentence_on_the_sets_counts_their_images():
    words = text.comparison(params.load("digits"), PARTS, "")
    assert "18 normal images and 1 anomaly" in words and "36 normal images and 1,298 anomalies" in words
    assert "calibration set (17 images)" in words and "the study" not in words
    assert "the study [@known] recommends" in text.comparison(params.load("digits"), PARTS, "[@known]")
    words = text.comparison(params.load("airplanes"), PARTS, "[@known]")
    assert "names no `detectors`, `refinements` or `backbone`" in words and "1,298" in words and "17" not in words


def test_sentences_on_networks_count_what_is_better_and_name_the_best_on_validation():
    published = refined("autoencoder", 0.8, 0.0) | {"difference": None}
    others = [refined("a", 0.9, 0.05), refined("b", 0.95, -0.05), refined("c", 0.7, 0.005), refined("d", 0.6, 0.02)]
    words = text.other_scores([published, *others])
    assert "Of 4 other scores, the b is best" in words and "**0.850** (difference −0.050" in words
    assert "2 of them better than the mean squared error and 1 worse" in words
    words = text.best_network([published, *others, refined("x", 0.99, 0.1, score="")])
    assert "all 4 other pairs" in words and "**the b**" in words and "**worse than the autoencoder**" in words
    words = text.best_network([published, others[0]])
    assert "**the a**" in words and "+0.050" in words and "an improvement beyond chance" in words
    assert "**no improvement beyond chance**" in text.best_network([published, others[2]])
    assert text.best_network([published]) == ""


def test_sentences_on_features_and_ensembles_give_their_figures():
    row = refined("patches", 0.9, 0.05) | {"family": "features", "seconds": 9.0}
    published = refined("autoencoder", 0.8, 0.0) | {"seconds": 5.0}
    words = text.features([published, row, row | {"name": "quick", "validation": 0.8, "seconds": 2.0}])
    assert "Of 2 detectors on features, the patches is best" in words and "**0.950**" in words
    assert "1.8 times the time" in words and "40.0 % of the time" in text.features([published, row | {"seconds": 2.0}])
    words = text.ensembles([published, row | {"family": "ensemble"}])
    assert "**0.950** on the test set, +0.050" in words and "an improvement beyond chance" in words
    assert "6 anomalies" in text.heat_maps(params.load("digits"), 6)


def test_the_sentence_on_the_choice_says_what_to_expect_and_what_came_of_it(study):
    at = metrics.at_threshold([1] * 10 + [0] * 10, [1.0] * 8 + [0.0] * 2 + [1.0] + [0.0] * 9, 0.5)
    row = refined("patches", 0.987, 0.05)
    threshold = thresholds.Threshold(0.5, "target_fpr", "80 calibration images")
    own = with_params(study, prevalence=0.2).params

    def answer(at):
        precision = metrics.precision_in_use(at["recall"], at["fpr"], own.prevalence)
        known = {"row": row, "tied": 1, "threshold": threshold, "target": 0.05, "alpha": 0.05, "calibration": 80}
        return known | {"at": at, "precision_in_use": precision}

    words = text.choice(answer(at), own)
    for part in ("Use the patches, at a threshold of 0.5.", "(0.987)", "from 80 calibration images",
                 "8 of 10 anomalies", "1 false alarm on 10 normal images: 10.0 %"):  # fmt: skip
        assert part in words
    low, high = metrics.clopper_pearson(8, 10)[0], metrics.clopper_pearson(1, 10)[1]
    assert f"between {percent(0.2 * low / (0.2 * low + 0.8 * high))} and" in words
    assert "quickest of 3 detectors" in text.choice(answer(at) | {"tied": 3}, own) and "quickest" not in words
    nothing = metrics.at_threshold([1] * 10 + [0] * 10, [0.0] * 20, 0.5)
    assert "of the flagged images" not in text.choice(answer(nothing), own)
