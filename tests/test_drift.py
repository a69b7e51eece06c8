"""Drift: error rates by simulation on numbers, limits, and slow references."""

import numpy as np
import pandas as pd
import pytest

from lib.data import ImageSet, measurements
from lib.evaluation import drift

FEW = pd.DataFrame({"brightness": [], "sharpness": [], "height": [], "width": []})


def measured(random, count, **changes):
    """Measurements of images of one size."""
    columns = {
        "brightness": random.normal(0.5, 0.1, count),
        "sharpness": random.gamma(4, 0.01, count),
        "height": np.full(count, 300),
        "width": np.full(count, 400),
    }
    return pd.DataFrame({key: values + changes.get(key, 0) for key, values in columns.items()})


def kind(scores, calibration):
    return drift.of(scores, calibration, FEW, FEW).kind


# ---------------------------------------------------------------- scores


@pytest.mark.parametrize("anomalies", [0.0, 0.2])
@pytest.mark.parametrize("sizes", [(150, 100), (120, 700)])
def test_without_drift_the_threshold_still_holds_in_95_of_100_batches(sizes, anomalies):
    random = np.random.default_rng(1)
    batches, kinds = 500, []
    for _ in range(batches):
        scores = random.normal(size=sizes[1]) + 6 * (random.random(sizes[1]) < anomalies)
        kinds.append(drift.of_scores(scores, random.normal(size=sizes[0]))[0])
    share = np.mean([kind == "holds" for kind in kinds])
    assert set(kinds) <= {"holds", "changed"}
    assert abs(share - 0.95) < 4 * np.sqrt(0.05 * 0.95 / batches)


@pytest.mark.parametrize("shift", [0.7, -0.7])
def test_scores_that_rise_or_fall_are_noticed_and_told_apart(shift):
    random = np.random.default_rng(2)
    found = drift.of(random.normal(size=300) + shift, random.normal(size=300), FEW, FEW)
    assert found.kind == "changed" and found.higher == (shift > 0) and found.p_value < 0.05


def test_the_verdict_does_not_depend_on_how_scores_are_scaled():
    random = np.random.default_rng(3)
    scores, calibration = random.normal(size=200) + 0.3, random.normal(size=200)
    first, second = (drift.of(f(scores), f(calibration), FEW, FEW) for f in (np.asarray, np.exp))
    assert (first.kind, first.p_value, first.bulk) == (second.kind, second.p_value, second.bulk)
    np.testing.assert_allclose(first.largest, second.largest)


def test_few_images_or_few_calibration_images_give_no_verdict():
    random = np.random.default_rng(4)
    many, few = random.normal(size=500), random.normal(size=12)
    assert kind(few, many) == kind(many, few) == kind(few, []) == kind(many, []) == "few"
    assert drift.of(few, many, FEW, FEW).appearance.empty


def test_images_that_nearly_all_score_above_the_bulk_are_not_called_unchanged():
    random = np.random.default_rng(5)
    assert kind(random.normal(size=300) + 9, random.normal(size=300)) == "most_above"


def test_the_bulk_is_below_the_quantile_and_takes_nine_of_ten_normal_images():
    random = np.random.default_rng(6)
    calibration, scores = random.normal(size=999), random.normal(size=20_000)
    assert drift.in_bulk(calibration, calibration).sum() == 899
    assert abs(drift.in_bulk(scores, calibration).mean() - 0.9) < 0.04
    assert not drift.in_bulk([0.0], []).any()


# ---------------------------------------------------------------- what images look like


def test_darker_images_are_called_darker_and_nothing_else():
    random = np.random.default_rng(7)
    found = drift.of([], [], measured(random, 100, brightness=-0.15), measured(random, 100))
    (change,) = found.changed
    assert change[0] == "brightness" and -2 < change[1] < -1


def test_images_that_are_made_darker_are_called_darker():
    random = np.random.default_rng(8)
    pixels = random.integers(60, 200, (120, 16, 16, 3), dtype=np.uint8)
    sets = [ImageSet.of(pixels[:60]), ImageSet.of(pixels[60:] // 2)]
    tables = [pd.concat([images.table, measurements.of(images)], axis=1) for images in sets]
    changes = dict(drift.of([], [], tables[1], tables[0]).changed)
    assert changes["brightness"] < -1 and changes["sharpness"] < 0 and "size" not in changes


def test_images_of_another_size_are_seen_even_where_all_calibration_images_have_one_size():
    random = np.random.default_rng(9)
    found = drift.of([], [], measured(random, 60, height=300, width=400), measured(random, 60))
    assert found.changed == [("size", np.inf)]


def test_unchanged_images_are_rarely_called_changed():
    random = np.random.default_rng(10)
    called = [len(drift.of([], [], measured(random, 80), measured(random, 200)).changed) for _ in range(200)]
    assert np.mean(np.array(called) > 0) <= 0.05


def test_measurements_of_plain_images():
    flat = ImageSet.of(np.stack([np.full((24, 24, 1), value, np.uint8) for value in (0, 51, 255)]))
    found = measurements.of(flat)
    np.testing.assert_allclose(found["brightness"], [0, 0.2, 1])
    np.testing.assert_allclose(found["border"], [0, 0.2, 1])
    np.testing.assert_allclose(found["sharpness"], 0, atol=1e-20)


def test_measurements_see_the_border_the_blur_and_each_image_alone():
    random = np.random.default_rng(11)
    sharp = random.integers(0, 256, (2, 50, 50, 3), dtype=np.uint8)
    blurred = (sharp[:, :-1].astype(int) + sharp[:, 1:]) // 2
    assert (measurements.of(ImageSet.of(blurred.astype(np.uint8)))["sharpness"] < 0.6).all()
    assert (measurements.of(ImageSet.of(sharp))["sharpness"] > 0.6).all()
    framed = np.zeros((1, 50, 50, 3), np.uint8)
    framed[:, 2:-2, 2:-2] = 255
    assert measurements.of(ImageSet.of(framed))["border"][0] == 0
    alone = pd.concat([measurements.of(ImageSet.of(sharp[i : i + 1])) for i in range(2)], ignore_index=True)
    pd.testing.assert_frame_equal(measurements.of(ImageSet.of(sharp)), alone, check_exact=True)


# ---------------------------------------------------------------- embeddings


def slow_mmd(new, calibration):
    pooled = np.concatenate([new, calibration])
    squares = [((a - b) ** 2).sum() for i, a in enumerate(pooled) for b in pooled[:i]]
    width = np.median(squares)

    def mean(first, second, same):
        values = [
            np.exp(-((a - b) ** 2).sum() / width)
            for i, a in enumerate(first)
            for j, b in enumerate(second)
            if not same or i != j
        ]
        return np.mean(values)

    return mean(new, new, True) + mean(calibration, calibration, True) - 2 * mean(new, calibration, False)


def test_mmd_agrees_with_a_slow_reference_and_sees_a_shift():
    random = np.random.default_rng(12)
    new, calibration = random.normal(size=(30, 5)) + 0.8, random.normal(size=(40, 5))
    found = drift.mmd(new, calibration)
    assert found["value"] == pytest.approx(slow_mmd(new, calibration))
    assert found["p_value"] < 0.01


def test_mmd_keeps_its_level_without_drift():
    random = np.random.default_rng(13)
    p_values = [drift.mmd(random.normal(size=(25, 3)), random.normal(size=(25, 3)), n)["p_value"] for n in range(120)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 120)
    assert 0.4 < np.mean(p_values) < 0.6


def test_equal_embeddings_show_no_difference():
    assert drift.mmd(np.ones((60, 4)), np.ones((60, 4)))["p_value"] == 1


# ---------------------------------------------------------------- a stream


def slow_online(calibration, scores, chance):
    values, seen = [], list(calibration)
    for score, theta in zip(scores, chance, strict=True):
        seen.append(score)
        above, equal = sum(other > score for other in seen), sum(other == score for other in seen)
        values.append((above + theta * equal) / len(seen))
    return values


@pytest.mark.parametrize("block", [7, 500])
def test_online_p_values_agree_with_counting(monkeypatch, block):
    monkeypatch.setattr(drift, "_BLOCK", block)
    random = np.random.default_rng(14)
    calibration, scores = random.integers(0, 9, 20), random.integers(0, 12, 45)
    chance = np.random.default_rng(5).random(45)
    np.testing.assert_allclose(
        drift.online_p_values(calibration, scores, seed=5), slow_online(calibration, scores, chance)
    )


def test_the_martingale_is_the_mean_of_power_martingales(monkeypatch):
    monkeypatch.setattr(drift, "_BLOCK", 11)
    p_values = np.random.default_rng(15).random(40)
    bets = (np.arange(100) + 0.5) / 100

    def slow(values):
        return np.mean(np.cumprod(bets * values[:, None] ** (bets - 1), axis=0), axis=1)

    np.testing.assert_allclose(drift.martingale(p_values), (slow(p_values) + slow(1 - p_values)) / 2)


def test_the_martingale_exceeds_20_in_at_most_5_of_100_streams_without_drift():
    random = np.random.default_rng(16)
    streams = 1000
    alarms = 0
    for seed in range(streams):
        p_values = drift.online_p_values(random.normal(size=30), random.normal(size=300), seed)
        alarms += drift.alarm(drift.martingale(p_values)) is not None
    assert alarms / streams <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / streams)


@pytest.mark.parametrize("shift", [1.5, -1.5])
def test_the_martingale_notices_a_change_soon_after_it_happens(shift):
    random = np.random.default_rng(17)
    scores = np.r_[random.normal(size=50), random.normal(size=300) + shift]
    found = drift.alarm(drift.martingale(drift.online_p_values(random.normal(size=200), scores)))
    assert found is not None and 50 < found < 250


def test_the_alarm_is_the_first_image_that_reaches_the_level():
    assert drift.alarm([1, 5, 20, 30]) == 3
    assert drift.alarm([1, 5, 19.9]) is None
    assert drift.alarm([1, 5, 19.9], alpha=0.2) == 2
    assert drift.alarm([]) is None
    assert np.isfinite(drift.martingale([0.5])).all() and not len(drift.martingale([]))
