"""Augmentation keeps images in range, varies them as documented, and repeats from run to run but not in one."""

import numpy as np
import pytest

from lib.core.backend import tf
from lib.detectors.reconstruction.networks import augmentation, training


@pytest.fixture(scope="module")
def images():
    return tf.constant(np.random.default_rng(0).random((12, 32, 32, 3)), tf.float32)


def seed(number=1):
    return tf.constant([number, 555], tf.int32)


@pytest.mark.parametrize("kind", augmentation.KINDS)
def test_images_stay_in_range_and_a_seed_repeats(images, kind):
    varied = augmentation.varied(images, kind, seed())
    assert varied.shape == images.shape and varied.dtype == tf.float32
    assert float(tf.reduce_min(varied)) >= 0 and float(tf.reduce_max(varied)) <= 1
    np.testing.assert_array_equal(varied, augmentation.varied(images, kind, seed()))
    same = np.allclose(varied, augmentation.varied(images, kind, seed(2)))
    assert same == (kind == "none")


def test_a_flip_is_an_image_or_its_mirror_and_both_happen(images):
    flipped = augmentation.varied(images, "flips", seed()).numpy()
    mirrored = [np.array_equal(new, old[:, ::-1]) for new, old in zip(flipped, images.numpy(), strict=True)]
    unchanged = [np.array_equal(new, old) for new, old in zip(flipped, images.numpy(), strict=True)]
    assert all(a != b for a, b in zip(mirrored, unchanged, strict=True)) and any(mirrored) and any(unchanged)


def test_a_shift_moves_pixels_and_does_not_change_them(images):
    most = round(augmentation.SHIFT * 32)
    shifted = augmentation.varied(images, "shifts", seed()).numpy()
    for new, old in zip(shifted, images.numpy(), strict=True):
        middle = new[8:24, 8:24]
        moves = [(r, c) for r in range(-most, most + 1) for c in range(-most, most + 1)]
        assert any(np.array_equal(middle, old[8 + r : 24 + r, 8 + c : 24 + c]) for r, c in moves)


def test_rotated_hues_do_not_change_brightness_or_grey_images(images):
    rotated = augmentation.varied(images, "hue", seed()).numpy()
    np.testing.assert_allclose(rotated.max(axis=-1), images.numpy().max(axis=-1), atol=1e-5)
    np.testing.assert_allclose(rotated.min(axis=-1), images.numpy().min(axis=-1), atol=1e-5)
    grey = images[..., :1]
    np.testing.assert_array_equal(augmentation.varied(grey, "hue", seed()), grey)


def test_noise_has_its_standard_deviation_and_is_clipped():
    grey = tf.fill([4, 64, 64, 1], 0.5)
    noisy = augmentation.noisy(grey, 0.1, seed()).numpy()
    assert noisy.std() == pytest.approx(0.1, rel=0.05) and noisy.mean() == pytest.approx(0.5, abs=0.01)
    assert augmentation.noisy(grey, 5.0, seed()).numpy().max() == 1.0


def test_no_epoch_repeats_the_draws_of_another_and_every_run_repeats_them_all():
    raw = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), np.uint8)

    def two_epochs(**changes):
        variation = training.Variation(**({"augmentation": "colour"} | changes))
        batches = list(training.endless_feed(raw, 4, 555, variation).take(6).as_numpy_iterator())
        return [np.concatenate([target for _, target in batches[start : start + 3]]) for start in (0, 3)]

    first, second = two_epochs()
    assert len(first) == len(raw) and not np.allclose(first, second)
    np.testing.assert_array_equal(first, two_epochs()[0])
    # Without augmentation the two epochs are equal, in one order unless `reshuffle` asks for another.
    np.testing.assert_array_equal(*two_epochs(augmentation="none"))
    first, second = two_epochs(augmentation="none", reshuffle=True)
    assert not np.array_equal(first, second)
    assert sorted(x.tobytes() for x in first) == sorted(x.tobytes() for x in second)


def test_a_denoising_model_gets_noisy_images_and_clean_targets():
    raw = np.full((8, 16, 16, 1), 128, np.uint8)
    given, wanted = next(training.endless_feed(raw, 8, 1, training.Variation(noise=0.2)).as_numpy_iterator())
    np.testing.assert_allclose(wanted, 128 / 255, rtol=1e-6)
    assert given.std() == pytest.approx(0.2, rel=0.1)
