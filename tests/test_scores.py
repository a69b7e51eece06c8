"""The scores that one reconstruction gives: their definitions, and what they must not depend on."""

import numpy as np
import pytest
from small_digits import digits

from lib.core.backend import tf
from lib.detectors.reconstruction.networks import passes, scores
from lib.detectors.reconstruction.networks.autoencoder import AutoencoderNetwork
from lib.detectors.reconstruction.networks.network import Settings
from lib.detectors.reconstruction.networks.vae import VAENetwork
from lib.detectors.reconstruction.options import SCORES

DISTANCES = ("residual_neighbour", "latent_neighbour", "latent_mahalanobis", "encoder_mahalanobis")


@pytest.fixture(scope="module")
def images():
    return digits(200).images


def scorer_of(network_class, images, **changes):
    network = network_class(Settings((16, 16, 1), 6, 3, 16, 0.002, 5, **changes))
    network.fit(images[:60], "network")
    return network, scores.Scores(network, scores.Scores.fit(network, images[:60]))


@pytest.fixture(scope="module")
def autoencoder(images):
    network, scorer = scorer_of(AutoencoderNetwork, images)
    return network, scorer, scorer.score(images)


def assert_close(found, expected, indices=slice(None)):
    """Scores of some images are those expected of all, but for float32 noise.

    That of a network's output is 1e-6 of it. Distances divide by how much a value varies over the images fitted on,
    and show it in full where they are nearly 0: measured, up to 7e-5 of their median.
    """
    for name, values in expected.items():
        noise = 1e-3 * np.median(values) if name in DISTANCES else 0
        np.testing.assert_allclose(found[name], values[indices], rtol=1e-4, atol=noise, err_msg=name)


def test_there_is_every_score_finite_and_one_an_image(autoencoder, images):
    assert set(autoencoder[2]) == set(SCORES)
    for values in autoencoder[2].values():
        assert values.shape == (len(images),) and np.isfinite(values).all() and values.min() >= 0


def test_plain_scores_agree_with_their_definitions(autoencoder, images):
    network, _, found = autoencoder
    own, reproduced = images / 255.0, passes.reconstructions(network, images).astype(np.float64)
    assert reproduced.shape == images.shape and reproduced.min() >= 0 and reproduced.max() <= 1
    residual = own - reproduced
    mse = np.square(residual).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(found["mse"], mse, rtol=1e-4)
    np.testing.assert_allclose(found["mse"], passes.mean_squared_error(network, images), rtol=1e-5)
    np.testing.assert_allclose(found["mae"], np.abs(residual).mean(axis=(1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(found["relative_mse"], mse / (own.var(axis=(1, 2, 3)) + 1e-3), rtol=1e-4)

    def energy(maps):  # a forward difference, with nothing beyond the edge
        down, right = np.zeros_like(maps), np.zeros_like(maps)
        down[:, :-1], right[:, :, :-1] = np.diff(maps, axis=1), np.diff(maps, axis=2)
        return np.square(down).mean(axis=(1, 2, 3)) + np.square(right).mean(axis=(1, 2, 3))

    np.testing.assert_allclose(found["gradient"], energy(residual), rtol=1e-3)
    np.testing.assert_allclose(found["relative_gradient"], energy(residual) / (energy(own) + 1e-3), rtol=1e-3)


@pytest.mark.parametrize(
    ("network_class", "changes"),
    [
        (AutoencoderNetwork, {}),
        (AutoencoderNetwork, {"depth": 1, "batch_norm": True, "width": 0.5}),
        (VAENetwork, {"beta": 0.001}),
    ],
)
def test_scores_do_not_depend_on_other_images_nor_on_being_saved(images, tmp_path, network_class, changes):
    network, scorer = scorer_of(network_class, images, **changes)
    together = scorer.score(images)
    order = np.random.default_rng(0).permutation(len(images))[:77]
    assert_close(scorer.score(images[order]), together, order)
    assert_close(scorer.score(images[33:34]), together, [33])
    network.save(tmp_path)
    again = network_class.load(tmp_path)
    assert again.settings == network.settings
    assert_close(scores.Scores(again, scores.Scores.fit(again, images[:60])).score(images), together)
    np.testing.assert_allclose(passes.mean_squared_error(again, images), together["mse"], rtol=1e-5)


def test_an_image_fitted_on_is_its_own_nearest_and_closer_to_the_mean(autoencoder):
    for name in DISTANCES:
        fitted, others = autoencoder[2][name][:60], autoencoder[2][name][60:]
        if name.endswith("neighbour"):
            np.testing.assert_allclose(fitted, 0, atol=1e-3 * np.median(others))
        assert np.median(fitted) < np.median(others)


def test_a_value_that_does_not_vary_adds_no_noise_to_a_distance():
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    vectors[:, 3] = 0.5
    nearest = scores._Nearest(vectors)
    noisy = vectors + 1e-7 * (np.arange(8) == 3).astype(np.float32)
    assert (noisy != vectors).any()
    np.testing.assert_array_equal(nearest.distance(vectors), 0)
    np.testing.assert_allclose(nearest.distance(noisy), 0, atol=1e-3)


def test_relative_errors_of_a_perfect_and_a_blank_reconstruction():
    images = tf.constant(np.random.default_rng(1).random((3, 24, 24, 3)), tf.float32)
    for values in scores._plain(images, images).values():
        np.testing.assert_allclose(values, 0, atol=1e-5)
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True) * tf.ones_like(images)
    blank = scores._plain(images, mean)
    np.testing.assert_allclose(blank["relative_mse"], 1, atol=0.05)  # nothing of the variance is explained
    np.testing.assert_allclose(blank["relative_gradient"], 1, atol=0.05)  # nor of the edges


def test_contrast_changes_the_mean_squared_error_and_not_the_relative_one():
    random = np.random.default_rng(2)
    images = tf.constant(0.5 + 0.4 * (random.random((4, 24, 24, 1)) - 0.5), tf.float32)
    reproduced = images + 0.05 * tf.constant(random.normal(size=images.shape), tf.float32)
    once = scores._plain(images, reproduced)
    twice = scores._plain(*(0.5 + 2 * (values - 0.5) for values in (images, reproduced)))
    np.testing.assert_allclose(twice["mse"] / once["mse"], 4, rtol=1e-3)
    np.testing.assert_allclose(twice["relative_mse"] / once["relative_mse"], 1, atol=0.1)
