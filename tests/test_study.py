"""A study from parameters to the run folder: fitted once, cached by content, read only with its own parameters."""

import json
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from small_study import fitted, made_run, opened, small, with_params

from lib import data, detectors, params
from lib.core import cache, paths
from lib.core.errors import UserError
from lib.data import duplicates
from lib.detectors import PUBLISHED
from lib.detectors.reconstruction.detector import ReconstructionDetector
from lib.evaluation import comparison
from lib.evaluation.evaluate import evaluate, threshold, threshold_record
from lib.presentation import sections, show
from lib.study import Run, Study, extremes, fit_all, fits, highest_scoring, holdout_of, open_run, plan, training

PROTOCOLS = ["resubstitution", "holdout"]


# What is fitted, and what is left in the run folder


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_planned_detector_has_one_finite_score_for_each_image_in_the_data_sets_order(protocol):
    study, run, fits_by_column, _ = fitted(protocol)
    frame = run.scores()
    assert frame["id"].tolist() == study.images.table["id"].tolist()
    columns = [planned.column for planned in plan(study)]
    assert list(fits_by_column) == columns and len(set(columns)) == len(columns)
    together = [column for column, fit in run.fits().items() if fit["family"] == "ensemble"]
    assert list(frame)[5:] == list(run.fits()) == [*columns, *together]
    for column, fit in fits_by_column.items():
        np.testing.assert_array_equal(frame[column], fit.scores)
    assert np.isfinite(frame[columns].to_numpy()).all()
    np.testing.assert_array_equal(np.flatnonzero(frame["fitted"]), study.split.fit)
    assert not frame.loc[frame["fitted"], "label"].any()
    for part in ("fit", "calibration", "validation", "test"):
        np.testing.assert_array_equal(np.flatnonzero(frame["part"] == part), getattr(holdout_of(study).split, part))


def test_a_detector_of_another_score_takes_what_scoring_has_learned(monkeypatch):
    study, _, fits_by_column, _ = fitted("holdout")
    others = [fit for fit in fits_by_column.values() if getattr(fit.spec.options, "score", "mse") != "mse"]
    assert others
    monkeypatch.setattr(ReconstructionDetector, "_fit_scores", lambda *_: pytest.fail("learned again"))
    for fit in others[:2]:
        np.testing.assert_allclose(fit.detector(study).score(study.images), fit.scores, rtol=1e-4)
    own = next(fit for fit in fits_by_column.values() if fit.spec.name == "autoencoder")
    assert own.detector(study).arrays() == {}  # of the mean squared error


def test_a_network_is_copied_where_the_files_of_its_fit_are_all_that_it_needs(tmp_path):
    study, _, fits_by_column, _ = fitted("holdout")
    networks = {column: fit for column, fit in fits_by_column.items() if fit.spec.kind.family == "autoencoder"}
    copied = {column for column, fit in networks.items() if fit.copied(tmp_path / column)}
    assert copied == {column for column, fit in networks.items() if fit.spec.options.score == "mse"} < set(networks)
    for column in copied:
        kept, saved = detectors.load(tmp_path / column), tmp_path / "saved" / column
        kept.save(saved)
        assert {path.name for path in (tmp_path / column).iterdir()} == {path.name for path in saved.iterdir()}
        assert kept.options == networks[column].spec.options
        np.testing.assert_allclose(kept.score(study.images), networks[column].scores, rtol=1e-4)


def test_a_network_is_not_loaded_to_be_scored_where_this_process_has_just_fitted_it(monkeypatch, tmp_path):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path))
    study = opened("resubstitution")
    quick = detectors.spec("autoencoder", {"epochs": 1}, study.params.model_dump())
    with monkeypatch.context() as patch:
        patch.setattr(detectors, "load", lambda *_, **__: pytest.fail("loaded"))
        scores = fits.fit_and_score(study, quick).scores
    other = detectors.with_options(quick, "other", score="coarse")
    fits.fit(study, detectors.with_options(quick, "longer", epochs=2))  # now another one was fitted last
    loaded = fits.fit_and_score(study, other)
    np.testing.assert_allclose(loaded.detector(study).score(study.images), loaded.scores, rtol=1e-4)
    np.testing.assert_allclose(detectors.load(loaded.fit_folder).score(study.images), scores, rtol=1e-4)


def test_short_forms_seeds_and_mixed_precision_are_planned_beside_the_published_detectors():
    asked = {"backbone": "efficientnet_lite0", "backbone_size": 32, "refinements": [{"beta": 0.01}]}
    study = with_params(opened("resubstitution"), detectors=[], seeds=[1], dtype_policy="mixed_bfloat16", **asked)
    planned = {each.column: each for each in plan(study)}
    features = [f"{method}_{size}_px" for size in (16, 32) for method in ("nearest_neighbours", "mahalanobis")]
    features = [f"features_{name}_held_out" for name in [*features, "patches_32_px"]]
    assert [name for name in planned if name.startswith("features")] == features
    assert {"beta_vae_beta_0_01_held_out", "beta_vae_beta_0_01_coarse_held_out"} <= set(planned)
    for name, protocol in {"autoencoder_seed_1": "resubstitution", "autoencoder_seed_1_held_out": "holdout"}.items():
        assert (planned[name].study.params.protocol, planned[name].spec.options.seed) == (protocol, 1)
    assert (planned["autoencoder_float32"].spec.options.dtype_policy, planned["vae"].study) == ("float32", study)
    assert [name for name, each in planned.items() if "study" in each.roles] == list(PUBLISHED)


def test_a_second_run_computes_nothing_and_forgets_detectors_of_another_study():
    def files():
        cached = [path for kind in ("fits", "scores", "features") for path in (paths.cache_folder() / kind).iterdir()]
        return {*cached, *(run.folder / "arrays").iterdir()}

    study, run, before, saved = fitted("holdout")
    files_before, scores = files(), run.scores()
    run.write_arrays("heat_maps", "vae", maps=np.zeros(1))
    (run.detector("another") / "x").mkdir(parents=True)
    again = fit_all(study, run)
    assert files() < files_before and not (run.folder / "detectors").exists()
    for column, fit in again.items():
        assert fit.cached and (fit.history, fit.seconds) == (before[column].history, before[column].seconds)
    assert comparison.save_detectors(study, run, again) == saved and files() == files_before
    pd.testing.assert_frame_equal(run.scores(), scores)


def keys(study, spec):
    """Keys of the fit and of the scores of a detector."""
    fit = fits._fit_key(study, spec)
    return fit, fits._score_key(study, spec, fit, every=False)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        *[({key: value}, True) for key, value in {"threshold": 0.3, "title": "Other", "beta": 0.5}.items()],
        *[({key: value}, False) for key, value in {"epochs": 3, "latent_dim": 5, "seed": 1, "image_size": 24}.items()],
        *[({key: value}, False) for key, value in {"normal_class": "1", "protocol": "holdout"}.items()],
    ],
)
def test_a_fit_depends_on_the_parameters_and_images_that_matter_to_it_and_no_others(change, same):
    studies = [Study.open(small(**changes)) for changes in ({}, change)]
    own, other = (keys(study, detectors.spec("autoencoder", {}, study.params.model_dump())) for study in studies)
    assert (own[0] == other[0], own[1] == other[1]) == (same, same)


@pytest.mark.parametrize("kind", sorted(set(detectors.kinds()) - {"ensemble"}))  # whose members have keys of their own
def test_every_option_of_a_detector_is_in_the_key_of_its_fit_or_of_its_scores(kind):
    study = opened("holdout")
    spec = detectors.spec(kind, {}, study.params.model_dump())
    fit, score = keys(study, spec)
    for option, value in spec.options.model_dump().items():
        another = f"another {value}" if isinstance(value, str) else not value if value is False else (value or 0) + 1
        other = keys(study, detectors.with_options(spec, "other", **{option: another}))
        assert other[1] != score, option
        assert (other[0] == fit) == (option in spec.options.scoring), option


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_reconstruction_that_pages_show_is_stored(protocol, name):
    study, run, *_ = fitted(protocol)
    scores = run.scores_of(name)
    for group in (study.normal, study.anomalies):
        indices = np.r_[extremes(scores, group), group[highest_scoring(scores[group], 5)]]
        reconstructions = run.examples(name, indices)
        by_hand = np.square(study.pixels(indices) / 255 - reconstructions / 255).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(by_hand, scores[indices], atol=2e-4)  # reconstructions are stored with 8 bits
        assert scores[indices[0]] == scores[group].min() and len(indices) == 13
        assert scores[indices[7]] == scores[indices[8]] == scores[group].max()
    assert len(run.examples(name, study.split.fit[:8])) == 8
    assert name == "vae" or 0.005 < run.spread(name) < 0.5  # else any reconstruction would do for any image
    absent = np.setdiff1d(np.arange(len(study.labels)), run.arrays("examples", name)["indices"])
    with pytest.raises(KeyError):
        run.examples(name, absent[:1])


def test_heat_maps_are_of_the_lowest_scoring_anomalies_at_the_largest_size_of_their_kind():
    study, run, *_ = fitted("holdout")
    arrays, scores = run.arrays("heat_maps", "autoencoder"), run.scores_of("autoencoder")
    ranked = study.anomalies[np.argsort(scores[study.anomalies], kind="stable")]
    np.testing.assert_array_equal(arrays["indices"], ranked[:6])
    assert arrays["pictures"].shape == (6, 24, 24, 1) and len(arrays["maps"]) == 6 and (arrays["maps"] >= 0).all()
    np.testing.assert_array_equal(arrays["pictures"], study.images.at(24).images[ranked[:6]])
    assert not fitted("resubstitution")[1].arrays("heat_maps", "autoencoder")


def test_scores_of_images_left_out_are_stored_where_a_detector_has_them_but_not_of_near_duplicates():
    study, run, fits_by_column, _ = fitted("holdout")
    able = [column for column in run.fits() if run.arrays("left_out", column)]
    assert able == [column for column, fit in run.fits().items() if fit["options"].get("method") == "knn"]
    left_out = run.arrays("left_out", able[0])["scores"]
    everything = np.load(fits_by_column[able[0]].score_folder / "left_out.npy")
    np.testing.assert_array_equal(left_out, everything[training._without_duplicates(study)])
    assert np.median(left_out) > np.median(run.scores_of(able[0])[study.split.fit])
    twins = study.groups.copy()
    twins[study.split.fit[1]] = twins[study.split.fit[0]]
    alone = training._without_duplicates(SimpleNamespace(groups=twins, split=study.split))
    assert alone.tolist() == [False, False] + [True] * (len(alone) - 2)  # the digits themselves have no near-duplicates


def test_a_run_says_where_it_came_from():
    study, run, *_ = fitted("holdout")
    manifest = run.read("manifest")
    assert manifest["seed"] == 555 and manifest["data"]["fingerprint"] == study.images.fingerprint
    assert manifest["versions"]["keras"] and manifest["device"]
    assert params.Parameters.model_validate(run.read("params")) == study.params
    assert run.history("vae").keys() == {"loss", "reconstruction", "kl", "seconds"}
    assert run.history("autoencoder") == fitted("holdout")[2]["autoencoder"].history
    np.testing.assert_array_equal(study.pixels(np.array([5, 2, 9, 2])), study.images.images[[5, 2, 9, 2]])


def test_a_missing_score_is_refused_and_a_missing_file_or_column_is_one_clear_line(tmp_path):
    run = Run(tmp_path)
    with pytest.raises(ValueError, match="no score"):
        run.write_scores(pd.DataFrame({"id": ["a", "b"], "autoencoder": [0.1, np.nan]}))
    assert not run.complete
    with pytest.raises(UserError, match="run 02_training first"):
        run.read("metrics")
    run.write_scores(pd.DataFrame({"id": ["a"], "autoencoder": [0.1]}))
    with pytest.raises(UserError, match="no scores of 'vae'"):
        run.scores_of("vae")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_first_page_shows_typical_and_extreme_decisions_of_the_answer(protocol):
    study, run, *_ = fitted(protocol)
    answer = comparison.answer(study, run, comparison.leaderboard(study, run))
    scores, test = run.scores_of(answer["row"]["column"]), holdout_of(study).split.test
    flagged, anomaly = scores[test] > answer["threshold"].value, study.labels[test] == 1
    arrays = run.arrays("first_page", "autoencoder")
    groups = (test[anomaly & flagged], test[anomaly & ~flagged], test[~anomaly & flagged], [])
    for index, group, rank in zip(arrays["indices"], groups, (0.5, 0.0, 1.0, 1.0), strict=True):
        if not len(group):
            assert index == -1
            continue
        below = (scores[group] < scores[index]).mean()
        assert index in group and below == pytest.approx(rank, abs=1 / len(group))
    drawn = {"holdout": "features, patches, 16 px, share 1, coreset 200", "resubstitution": "autoencoder"}
    assert arrays["map"].ndim == 2 and str(arrays["by"]) == drawn[protocol]


# Saved detectors

SCORE = """
import json, pathlib, sys
import numpy as np
from lib import data, detectors
from lib.params import Parameters
for name in json.loads(sys.argv[1]):
    folder = pathlib.Path(name)
    provenance = json.loads((folder / "provenance.json").read_text())
    images = data.load(Parameters.model_validate(provenance["params"]))
    np.save(folder / "ten.npy", detectors.load(folder).score(images.take(np.arange(0, 1790, 179))))
"""


@pytest.fixture(scope="module")
def scored_elsewhere():
    """Each saved detector has scored ten images in another process, which was given its folder alone."""
    folders = [str(run.detector(name)) for _, run, _, saved in map(fitted, PROTOCOLS) for name in saved]
    subprocess.run([sys.executable, "-c", SCORE, json.dumps(folders)], check=True, capture_output=True, cwd=paths.ROOT)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_saved_detectors_give_the_scores_of_the_run_in_another_process(protocol, scored_elsewhere):
    _, run, _, saved = fitted(protocol)
    for name in saved:
        expected = run.scores_of(name)[np.arange(0, 1790, 179)]
        # Ten images are another batch than all of them, and float32 rounds differently. The distance of an image that
        # was fitted on is 0 but for that rounding, which is about 1e-6 of the usual distance.
        noise = 1e-5 * np.median(expected)
        np.testing.assert_allclose(np.load(run.detector(name) / "ten.npy"), expected, rtol=1e-4, atol=noise)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_published_the_recommended_and_the_best_of_each_family_are_saved_complete(protocol):
    study, run, _, saved = fitted(protocol)
    holdout, rows = holdout_of(study), comparison.leaderboard(study, run)
    answer = comparison.answer(study, run, rows)
    wanted = {row["column"] for family, row in comparison.best_of_families(rows).items() if family != "shortcut"}
    wanted = wanted if len(holdout.split.validation) else {answer["row"]["column"]}
    assert set(saved) == {*PUBLISHED, *wanted} == {path.name for path in (run.folder / "detectors").iterdir()}
    assert answer["row"]["column"] in saved
    ids = study.images.table["id"].to_numpy()
    for name in saved:
        own = study if name in PUBLISHED else holdout
        provenance = cache.read_json(run.detector(name) / "provenance.json")
        assert provenance["fitted_on"] == ids[own.split.fit].tolist()
        assert provenance["calibrated_on"] == ids[own.split.calibration].tolist()
        assert provenance["params"] == own.params.model_dump(exclude=params.LIMITS) and provenance["column"] == name
        assert provenance["images"]["channels"] == 1 and provenance["data"] == run.read("manifest")["data"]
        left_out = run.arrays("left_out", name).get("scores", [])
        seen = np.r_[run.scores_of(name)[own.split.calibration], left_out]
        np.testing.assert_array_equal(np.load(run.detector(name) / "calibration.npy"), seen)
        by_rule = name in PUBLISHED or not len(holdout.split.validation)
        expected = threshold(own, run, name) if by_rule else comparison.calibrate(study, run, name)[0]
        kept = cache.read_json(run.detector(name) / "threshold.json")
        assert threshold_record(expected).items() <= kept.items()
        assert by_rule or kept["target"] == study.params.target_fpr <= kept["alpha"]
        assert cache.read_json(run.detector(name) / "detector.json")["kind"] == run.fits()[name]["kind"]


def test_a_published_detector_that_is_recommended_is_saved_with_the_recommended_threshold(tmp_path, monkeypatch):
    study, run, pool, _ = fitted("holdout")
    pool, exported = pool | {"vae": replace(pool["vae"], scores=pool["vae"].scores + 100 * study.labels)}, {}
    scores = {column: fit.scores for column, fit in pool.items()}
    changed = made_run(tmp_path, study, scores, **{column: run.fits()[column] for column in pool})
    monkeypatch.setattr("lib.evaluation.comparison.saving.export", lambda *given: exported.update([given[3:]]))
    saved = comparison.save_detectors(study, changed, pool)
    assert sorted(saved) == sorted(exported) and len(saved) == len(set(saved))
    assert threshold_record(comparison.calibrate(study, changed, "vae")[0]).items() <= exported["vae"].items()
    assert exported["beta_vae"]["rule"] == "fixed"


# A run is only read with its own parameters


@pytest.fixture
def shown(monkeypatch):
    """The sentences that a page shows."""
    sentences = []
    monkeypatch.setattr(show, "prose", sentences.append)
    return sentences


def test_pages_may_set_a_threshold_anew_and_nothing_that_a_fit_depends_on(monkeypatch, shown):
    study, run, *_ = fitted("holdout")
    monkeypatch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
    monkeypatch.setattr(training, "load", lambda name: study.params)
    read, same = sections.opened("digits", threshold=0.3)
    assert read == run and same.params == study.params.model_copy(update={"threshold": 0.3}) and not shown
    np.testing.assert_array_equal(same.split.fit, study.split.fit)
    with pytest.raises(UserError, match="normal_class: the run of digits was fitted with '8'"):
        open_run("digits", normal_class="3")
    assert open_run("digits", normal_class="8")[1].params == study.params
    with pytest.raises(UserError, match="02_training has left nothing"):
        monkeypatch.setenv("ANOMALY_RUN_FOLDER", str(run.folder / "empty"))
        open_run("digits")


def test_a_draft_that_is_not_there_or_of_another_format_is_fitted_from_its_parameter_set(monkeypatch):
    study, _, _, _ = fitted("resubstitution")
    monkeypatch.delenv("ANOMALY_RUN_FOLDER", raising=False)
    monkeypatch.setattr(training, "load", lambda name: study.params)
    draft = Run.of("digits")
    for before in (None, {"format": 1, "fits": {}}):
        if before:
            draft.write("fits", before)
            assert not draft.complete
        run, same = open_run("digits")
        assert run == draft and run.complete and same.params == study.params
        np.testing.assert_array_equal(run.scores_of("vae"), fitted("resubstitution")[1].scores_of("vae"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_split_that_no_longer_fits_the_data_is_refused(protocol, monkeypatch):
    study, run, *_ = fitted(protocol)
    monkeypatch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
    fewer = study.images.take(np.arange(len(study.labels) - 1))
    monkeypatch.setattr(data, "load", lambda _: fewer)
    with pytest.raises(UserError, match=study.images.table["id"].iloc[-1]):
        open_run("digits")


def test_a_near_duplicate_in_two_parts_of_a_saved_split_is_refused_with_both_names(monkeypatch):
    study, run, *_ = fitted("holdout")
    monkeypatch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
    first, other = study.split.fit[0], study.normal[0]
    planted = study.groups.copy()
    planted[other] = planted[first]
    groups = iter([study.groups, planted])  # the first is asked for to divide anew, the second to check what was saved
    monkeypatch.setattr(duplicates, "of_images", lambda images: next(groups))
    with pytest.raises(UserError) as refused:
        open_run("digits")
    ids = study.images.table["id"]
    assert ids[first] in str(refused.value) and ids[other] in str(refused.value) and "\n" not in str(refused.value)


def test_a_draft_of_another_normal_class_is_evaluated_as_that_class_and_says_so_first(tmp_path, monkeypatch, shown):
    """Tried in JupyterLab: `normal_class` set to 3 in one page, and a later page run on its default of 8."""
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("ANOMALY_RUN_FOLDER", raising=False)
    threes = fit_all(Study.open(small(normal_class="3", protocol="holdout")), Run.of("digits"))
    assert not any(fit.cached for fit in threes.values())
    run, study = sections.opened("digits", threshold=0.3)
    assert study.params.normal_class == "3" and set(study.class_names[study.normal]) == {"3"}
    assert "3" not in set(study.class_names[study.anomalies])
    record, test = evaluate(study, run, "autoencoder"), study.split.test
    figures = [roc_auc_score(study.class_names[test] != name, run.scores_of("autoencoder")[test]) for name in "38"]
    assert record["auroc"]["value"] == pytest.approx(figures[0], abs=1e-9) and abs(figures[0] - figures[1]) > 0.1
    assert run.read("metrics")["dataset"]["normal"] == 183  # as many threes as the digits have
    assert len(shown) == 1 and "other parameters than `params/digits.yaml`" in shown[0]
    assert "`normal_class: 3` (file: `8`)" in shown[0] and "`threshold" not in shown[0]
