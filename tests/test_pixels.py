"""Metrics of heat maps by pixel: limits, invariants, and a slow exact reference."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from lib.evaluation.metrics import pixel_metrics, pixels


def squares(images: int = 30, size: int = 32, seed: int = 0) -> np.ndarray:
    """Masks, every second one empty, the others with one to three squares of different sizes."""
    random = np.random.default_rng(seed)
    masks = np.zeros((images, size, size), bool)
    for mask in masks[::2]:
        for _ in range(random.integers(1, 4)):
            side = random.integers(2, 9)
            top, left = random.integers(0, size - side, 2)
            mask[top : top + side, left : left + side] = True
    return masks


def noisy(masks: np.ndarray, strength: float = 1.5, seed: int = 1) -> np.ndarray:
    """Maps that are higher at the defects, by an amount of its own in each image, float32."""
    random = np.random.default_rng(seed)
    heights = strength * random.gamma(2, 0.5, (len(masks), 1, 1))
    return (masks * heights + random.normal(size=masks.shape)).astype(np.float32)


def exact_aupro(maps: np.ndarray, masks: np.ndarray, limit: float = 0.3) -> float:
    """The mean over defects of the area under (false positive rate, share found), at every distinct value."""
    normal = np.sort(maps[~masks])
    levels = np.unique(maps)[::-1]
    fpr = np.r_[0, 1 - np.searchsorted(normal, levels, side="left") / len(normal)]
    overlaps = []
    for heat, mask in zip(maps, masks, strict=True):
        regions, count = ndimage.label(mask, np.ones((3, 3)))
        for number in range(1, count + 1):
            own = np.sort(heat[regions == number])
            overlaps.append(np.r_[0, 1 - np.searchsorted(own, levels, side="left") / len(own)])
    overlap = np.mean(overlaps, axis=0)
    inside = fpr <= limit
    x = np.r_[fpr[inside], limit]
    y = np.r_[overlap[inside], np.interp(limit, fpr, overlap)]
    return float(np.trapezoid(y, x) / limit)


@pytest.mark.parametrize("strength", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("rounded", [False, True], ids=["continuous", "with ties"])
def test_the_areas_agree_with_a_slow_exact_reference(strength, rounded):
    masks = squares()
    maps = noisy(masks, strength)
    maps = np.round(maps, 1) if rounded else maps
    found = pixel_metrics(maps, masks)
    assert found["pixel_auroc"]["value"] == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-3)
    assert found["aupro"]["value"] == pytest.approx(exact_aupro(maps, masks), abs=1e-3)


def test_levels_from_a_sample_of_the_pixels_agree_too(monkeypatch):
    monkeypatch.setattr(pixels, "SAMPLE", 8_000)  # of 60,000 normal pixels
    masks = squares(60)
    maps = noisy(masks)
    found = pixel_metrics(maps, masks)
    assert found["pixel_auroc"]["value"] == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-3)
    assert found["aupro"]["value"] == pytest.approx(exact_aupro(maps, masks), abs=1e-3)


def test_a_perfect_map_has_areas_of_one_and_its_opposite_of_zero():
    masks = squares()
    found = pixel_metrics(masks.astype(np.float32), masks)
    for name in ("pixel_auroc", "aupro"):
        assert found[name]["value"] == found[name]["low"] == found[name]["high"] == 1
    opposite = pixel_metrics(-masks.astype(np.float32), masks)
    assert opposite["pixel_auroc"]["value"] == opposite["aupro"]["value"] == 0


def test_a_constant_map_is_chance():
    found = pixel_metrics(np.full((30, 32, 32), 7.0), squares())
    for name, chance in {"pixel_auroc": 0.5, "aupro": 0.15}.items():
        assert found[name]["value"] == pytest.approx(chance) == found[name]["chance"]
        assert found[name]["low"] == pytest.approx(chance) == found[name]["high"]
    assert found["aupro"]["limit"] == 0.3


@pytest.mark.parametrize("change", [lambda maps: maps * 1000 + 5, np.exp, lambda maps: maps**3, np.arctan])
def test_only_the_order_of_the_values_matters(change):
    masks = squares()
    maps = np.round(noisy(masks), 3)  # so that float32 keeps the order
    one, other = pixel_metrics(maps, masks), pixel_metrics(change(maps.astype(np.float64)).astype(np.float32), masks)
    for name in ("pixel_auroc", "aupro"):
        assert other[name]["value"] == pytest.approx(one[name]["value"], abs=2e-4)
        assert other[name]["low"] == pytest.approx(one[name]["low"], abs=1e-3)


def test_a_small_defect_counts_as_much_as_a_large_one_in_aupro_alone():
    masks = np.zeros((2, 64, 64), bool)
    masks[0, :2, :2] = True  # 4 pixels
    masks[1, :40, :40] = True  # 1,600 pixels
    only_small, only_large = np.zeros((2, 2, 64, 64), np.float32)
    only_small[0][masks[0]] = only_large[1][masks[1]] = 1.0
    small, large = pixel_metrics(only_small, masks), pixel_metrics(only_large, masks)
    assert small["aupro"]["value"] == pytest.approx(large["aupro"]["value"])
    assert small["aupro"]["value"] == pytest.approx(0.5 + 0.15 / 2)  # one at once, the other by chance
    assert large["pixel_auroc"]["value"] - small["pixel_auroc"]["value"] > 0.4


def test_defects_are_connected_components_with_their_diagonals():
    masks = np.zeros((1, 16, 16), bool)
    masks[0, 1, 1] = masks[0, 2, 2] = masks[0, 8, 8] = True
    found = pixel_metrics(masks.astype(float), masks)
    assert (found["images"], found["images_with_defects"], found["defects"]) == (1, 1, 2)
    assert found["defect_share"] == pytest.approx(3 / 256)


def test_maps_are_enlarged_to_their_masks_as_images_are():
    from lib.core.backend import tf

    random = np.random.default_rng(0)
    small = random.random((3, 7, 5)).astype(np.float32)
    expected = tf.image.resize(small[..., None], (32, 24)).numpy()[..., 0]
    enlarged = [pixels._enlarged(heat, (32, 24)) for heat in small]
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)
    masks = expected > np.quantile(expected, 0.9)
    assert pixel_metrics(small, masks)["pixel_auroc"]["value"] == pytest.approx(1, abs=1e-3)


def test_intervals_cover_the_value_narrow_with_more_images_and_follow_from_the_images():
    masks = squares(120)
    maps = noisy(masks)
    few, many = pixel_metrics(maps[:30], masks[:30]), pixel_metrics(maps, masks)
    for name in ("pixel_auroc", "aupro"):
        for found in (few, many):
            assert 0 < found[name]["low"] < found[name]["value"] < found[name]["high"] < 1
        widths = [found[name]["high"] - found[name]["low"] for found in (few, many)]
        assert 1.4 < widths[0] / widths[1] < 3  # 2 for four times as many
    assert pixel_metrics(maps, masks) == many


def test_intervals_cover_the_area_of_many_images():
    """95 % intervals of 100 sets of 40 images contain the area of 1,000 images, 85 times at least."""
    masks = squares(1000)
    maps = noisy(masks)
    truth = {name: pixel_metrics(maps, masks)[name]["value"] for name in ("pixel_auroc", "aupro")}
    random, covered = np.random.default_rng(0), dict.fromkeys(truth, 0)
    for _ in range(100):
        chosen = np.r_[random.choice(500, 20, False) * 2, random.choice(500, 20, False) * 2 + 1]
        found = pixel_metrics(maps[chosen], masks[chosen])
        for name, value in truth.items():
            covered[name] += found[name]["low"] <= value <= found[name]["high"]
    assert min(covered.values()) >= 85


def test_without_defects_there_is_no_value_and_bad_input_is_refused():
    nothing = pixel_metrics(np.ones((2, 8, 8)), np.zeros((2, 8, 8), bool))
    assert nothing["aupro"]["value"] is None and nothing["pixel_auroc"]["low"] is None and nothing["defects"] == 0
    with pytest.raises(ValueError, match="2 maps and 1 masks"):
        pixel_metrics(np.ones((2, 8, 8)), np.zeros((1, 8, 8), bool))
    with pytest.raises(ValueError, match="finite"):
        pixel_metrics(np.full((1, 8, 8), np.nan), squares(1))
