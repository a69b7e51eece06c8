"""Scores of any number of images, in bounded memory."""

import numpy as np
import pytest

from lib.detectors import batches


def test_a_perfect_copy_scores_zero_and_the_opposite_scores_one():
    images = np.repeat(np.array([0, 255], np.uint8), 4 * 4 * 3).reshape(2, 4, 4, 3)
    assert (batches.mean_squared_error(images, lambda batch: batch) == 0).all()
    np.testing.assert_allclose(batches.mean_squared_error(images, lambda batch: 1 - batch), 1)


def test_batches_cover_every_image_once_in_order():
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    seen = np.concatenate(list(batches.batches(images, 4)))
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen.ravel() * 255, np.arange(10), rtol=1e-6)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite"):
        batches.mean_squared_error(np.zeros((1, 2, 2, 1), np.uint8), lambda batch: batch * np.nan)


def test_no_images_have_no_scores():
    assert batches.mean_squared_error(np.zeros((0, 2, 2, 1), np.uint8), lambda batch: batch).shape == (0,)


def test_a_memory_map_is_scored_like_an_array_and_its_pages_are_given_back(tmp_path, monkeypatch):
    images = np.random.default_rng(3).integers(0, 256, (300, 8, 8, 3), np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    given_back = []
    real = batches.give_back
    monkeypatch.setattr(batches, "give_back", lambda mapped: (given_back.append(1), real(mapped)))
    monkeypatch.setattr(batches, "_GIVE_BACK", 50 * 192)
    means = batches.stream(mapped, lambda batch: batch.mean(axis=(1, 2, 3)), size=16)
    np.testing.assert_allclose(means, images.mean(axis=(1, 2, 3)))
    assert len(given_back) >= 4
    np.testing.assert_array_equal(mapped, images)  # read again from the file
    assert [len(batch) for batch in batches.slices(images, 128)] == [128, 128, 44]
