"""Each warning is found where its facts hold, and only there."""

from dataclasses import replace

import numpy as np
import pytest
from small_study import made_run, opened, with_params

from lib.data.grouping import Grouping
from lib.detectors import PUBLISHED
from lib.evaluation.warnings import FEW_NORMAL, recent_decrease, warnings
from lib.presentation import text

FLAT, FALLING = [1.0, 0.5, 0.5, 0.5, 0.5, 0.5], [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]


def difference(low):
    return {"value": low + 0.1, "low": low, "high": low + 0.2}


def row(family="baseline", auroc=0.9, low=-0.3):
    area = {"value": auroc, "low": auroc - 0.05, "high": min(auroc + 0.05, 1.0)}
    return {"name": f"{family} {auroc}", "family": family, "auroc": area, "difference": difference(low)}


@pytest.fixture
def found(tmp_path):
    """Finds the warnings of a run in which nothing is wrong but what a test makes so; gives them by kind."""
    study = with_params(opened("holdout"), threshold_rule="fixed", threshold=0.5)
    scores = {name: np.random.default_rng(0).random(len(study.labels)) * 0.5 + 0.4 * study.labels for name in PUBLISHED}

    def find(study=study, scores=scores, rows=(), loss=FLAT, latent=None, **changes):
        run = made_run(tmp_path, study, scores)
        lines = [f"autoencoder,{epoch},{value}" for epoch, value in enumerate(loss, 1)]
        (tmp_path / "history.csv").write_text("\n".join(["detector,epoch,loss", *lines]))
        run.write("metrics", {"comparison": {"latent": latent or {"VAE": {"alarms": []}}}})
        answer = {"row": row(auroc=0.95), "target": 0.05, "alpha": 0.05, "calibration": 22} | changes
        records = warnings(study, run, list(rows), answer)
        assert run.read("metrics")["warnings"] == records
        assert all(len(text.warning(record)) > 40 for record in records)
        return {record["kind"]: record for record in records}

    find.study, find.scores = study, scores
    return find


def test_a_sound_run_of_a_small_test_set_has_one_warning(found):
    assert found() == {"few_normal_images": {"kind": "few_normal_images", "count": 35}}
    assert FEW_NORMAL > 35


def test_an_answer_that_may_be_chance_is_named(found):
    assert "no_better_than_chance" in found(row=row(auroc=0.54)) and "no_better_than_chance" not in found(
        row=row(auroc=0.6)
    )


def test_images_of_the_test_set_that_were_fitted_on_are_counted(found):
    split = found.study.split
    seen = replace(found.study, split=replace(split, test=np.union1d(split.test, split.fit[:7])))
    record = found(study=seen)["nothing_held_out"]
    assert (record["seen"], record["unseen"]) == (7, 42)  # the fake study is its own division with images held out


@pytest.mark.parametrize(
    ("shortcut", "warned"),
    [(row("shortcut", 0.7, 0.01), True), (row("shortcut", 0.96), True), (row("shortcut", 0.7, -0.01), False)],
)
def test_a_shortcut_that_ranks_better_than_the_autoencoder_or_as_well_as_the_answer_is_named(found, shortcut, warned):
    assert ("shortcut" in found(rows=[row(), shortcut])) is warned


def test_anomalies_that_show_the_picture_of_a_normal_image_are_counted(found, monkeypatch):
    study = replace(found.study)
    groups = np.arange(len(study.labels))
    groups[study.anomalies[:3]] = study.split.fit[0]
    monkeypatch.setattr("lib.data.grouping.of", lambda *_: Grouping(groups, groups, ""))
    assert found(study=study)["near_duplicates"] == {
        "kind": "near_duplicates",
        "count": 3,
        "of": int(study.labels.sum()),
    }


def test_a_target_that_needs_more_calibration_images_says_how_many(found):
    record = found(alpha=1 / 18, calibration=17)["few_calibration"]
    assert (record["needed"], record["images"]) == (19, 17)
    assert "few_calibration" not in found(target=None, alpha=None)


@pytest.mark.parametrize(("shift", "flags"), [(1.0, "every"), (-1.0, "no")])
def test_a_threshold_that_decides_every_image_alike_is_named(found, shift, flags):
    record = found(scores=found.scores | {"vae": found.scores["vae"] + shift})["one_decision_for_all"]
    assert (record["detector"], record["flags"]) == ("vae", flags)


def test_a_collapsed_posterior_is_named(found):
    latent = {"VAE": {"alarms": ["posterior collapse"]}, "β-VAE": {"alarms": ["inert KL"]}}
    assert found(latent=latent)["posterior_collapse"]["detectors"] == ["VAE"]


def test_a_loss_that_still_falls_is_named_with_its_decrease(found):
    record = found(loss=FALLING)["falling_loss"]
    assert record["decrease"] == pytest.approx(1 - 0.5 / 0.9) == recent_decrease(FALLING) and record["epochs"] == 6
    assert recent_decrease([1.0, 0.5]) is None
