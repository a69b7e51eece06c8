"""The scores that one reconstruction gives: against their definitions, and what each must not depend on."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lib import detectors
from lib.core.backend import tf
from lib.detectors.reconstruction import scores as errors


@pytest.fixture(scope="module")
def images():
    bundle = load_digits()
    grey = np.rint(bundle.images[:200] / 16 * 255).astype(np.uint8)
    return np.stack([np.kron(image, np.ones((2, 2), np.uint8)) for image in grey])[..., None]


@pytest.fixture(scope="module")
def detector(images):
    settings = detectors.Settings((16, 16, 1), 6, 3, 16, 0.002, 5)
    made = detectors.Autoencoder(settings)
    made.fit(images[:60])
    return made


@pytest.fixture(scope="module")
def judge(detector, images):
    return errors.Errors(detector, images[:60])


@pytest.fixture(scope="module")
def scores(judge, images):
    return judge.score(images)


def test_every_score_is_there_finite_and_one_an_image(scores, images):
    assert set(scores) == set(errors.SCORES)
    assert all(values.shape == (len(images),) and np.isfinite(values).all() for values in scores.values())
    assert all(values.min() >= 0 for values in scores.values())


def test_plain_scores_agree_with_their_definitions(scores, detector, images):
    wanted, made = images / 255.0, detector.reconstruct(images).astype(np.float64)
    apart = wanted - made
    mse = np.square(apart).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(scores["mse"], mse, rtol=1e-4)
    np.testing.assert_allclose(scores["mse"], detector.score(images), rtol=1e-5)
    np.testing.assert_allclose(scores["mae"], np.abs(apart).mean(axis=(1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(scores["relative_mse"], mse / (wanted.var(axis=(1, 2, 3)) + 1e-3), rtol=1e-4)

    def energy(maps):  # a forward difference, with nothing beyond the edge
        down, right = np.zeros_like(maps), np.zeros_like(maps)
        down[:, :-1], right[:, :, :-1] = np.diff(maps, axis=1), np.diff(maps, axis=2)
        return np.square(down).mean(axis=(1, 2, 3)) + np.square(right).mean(axis=(1, 2, 3))

    np.testing.assert_allclose(scores["gradient"], energy(apart), rtol=1e-3)
    np.testing.assert_allclose(scores["relative_gradient"], energy(apart) / (energy(wanted) + 1e-3), rtol=1e-3)


def test_scores_follow_the_image_and_not_its_neighbours_or_place(judge, scores, images):
    order = np.random.default_rng(0).permutation(len(images))[:77]
    for name, values in judge.score(images[order]).items():
        np.testing.assert_allclose(values, scores[name][order], rtol=1e-3, atol=1e-6, err_msg=name)


def test_what_was_fitted_on_is_its_own_nearest_and_near_its_own_mean(scores):
    for name in ("residual_neighbour", "latent_neighbour"):
        np.testing.assert_allclose(scores[name][:60], 0, atol=1e-2)
        assert np.median(scores[name][60:]) > 10 * scores[name][:60].max()
    for name in ("latent_mahalanobis", "encoder_mahalanobis"):
        assert np.median(scores[name][:60]) < np.median(scores[name][60:])


def test_relative_errors_of_a_perfect_and_a_blank_reconstruction():
    random = np.random.default_rng(1)
    images = tf.constant(random.random((3, 24, 24, 3)), tf.float32)
    perfect = errors._plain(images, images)
    assert all(float(tf.reduce_max(tf.abs(values))) < 1e-5 for values in perfect.values())
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True) * tf.ones_like(images)
    blank = errors._plain(images, mean)
    np.testing.assert_allclose(blank["relative_mse"], 1, atol=0.05)  # nothing of the variance is explained
    np.testing.assert_allclose(blank["relative_gradient"], 1, atol=0.05)  # and nothing of the edges there


def test_contrast_moves_the_mean_square_and_not_the_relative_error():
    random = np.random.default_rng(2)
    images = tf.constant(0.5 + 0.4 * (random.random((4, 24, 24, 1)) - 0.5), tf.float32)
    made = images + 0.05 * tf.constant(random.normal(size=images.shape), tf.float32)
    pale, pale_made = 0.5 + 2 * (images - 0.5), 0.5 + 2 * (made - 0.5)
    once, twice = errors._plain(images, made), errors._plain(pale, pale_made)
    np.testing.assert_allclose(twice["mse"] / once["mse"], 4, rtol=1e-3)
    np.testing.assert_allclose(twice["relative_mse"] / once["relative_mse"], 1, atol=0.1)


@pytest.mark.parametrize("changes", [{"depth": 1, "batch_norm": True, "width": 0.5}, {"beta": 0.001}])
def test_larger_networks_and_vaes_are_scored_alike_and_survive_being_saved(images, tmp_path, changes):
    kind = detectors.VAE if "beta" in changes else detectors.Autoencoder
    made = kind(detectors.Settings((16, 16, 1), 6, 2, 16, 0.002, 5, **changes))
    made.fit(images[:60])
    made.save(tmp_path)
    before, after = (errors.Errors(each, images[:60]).score(images[60:90]) for each in (made, kind.load(tmp_path)))
    for name in errors.SCORES:
        np.testing.assert_allclose(before[name], after[name], rtol=1e-3, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(before["mse"], made.score(images[60:90]), rtol=1e-5)
