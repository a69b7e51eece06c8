"""The detectors: the study's layers, scores that follow from images alone, and files that give them back."""

import subprocess
import sys

import numpy as np
import pytest

from lib import detectors, params
from lib.core.backend import check_device, keras, tf
from lib.core.errors import UserError
from lib.detectors import batches
from lib.detectors.reconstruction import vae

NAMES = sorted(detectors.NAMES)


def small(name: str, **changes) -> detectors.ReconstructionDetector:
    chosen = params.load("digits").model_copy(update={"image_size": 16, "latent_dim": 8, "epochs": 2} | changes)
    return detectors.build(name, chosen, channels=1)


@pytest.fixture(scope="module")
def images():
    rows = np.linspace(0, 255, 16, dtype=np.float64)
    random = np.random.default_rng(0)
    shifts = random.uniform(0.2, 1.0, (70, 1, 1, 1))
    return (shifts * (rows[:, None, None] + rows[None, :, None])[None] / 2).astype(np.uint8)


@pytest.fixture(scope="module", params=NAMES)
def fitted(request, images):
    detector = small(request.param)
    return request.param, detector, detector.fit(images[:40])


def test_the_published_network_has_the_published_layers():
    detector = detectors.build("autoencoder", params.load("airplanes"), channels=3)
    rows = detector.describe()
    encoder = [row for row in rows if row["part"] == "encoder"]
    assert [row["output"] for row in encoder] == [[48, 48, 32], [24, 24, 64], [12, 12, 128], [18432], [256], [512]]
    decoder = [row for row in rows if row["part"] == "decoder"]
    shapes = [[18432], [12, 12, 128], [24, 24, 128], [48, 48, 64], [96, 96, 32], [96, 96, 3]]
    assert [row["output"] for row in decoder] == shapes
    # Weights and biases, counted by hand from the kernel sizes.
    by_hand = [3 * 9 * 32 + 32, 32 * 9 * 64 + 64, 64 * 9 * 128 + 128, 0, 18432 * 256 + 256, 256 * 512 + 512]
    by_hand += [512 * 18432 + 18432, 0, 128 * 9 * 128 + 128, 128 * 9 * 64 + 64, 64 * 9 * 32 + 32, 32 * 9 * 3 + 3]
    assert [row["parameters"] for row in rows] == by_hand
    assert sum(by_hand) == detector.model.count_params()


def test_initial_weights_follow_from_the_seed_and_are_glorots():
    one, two, other = small("autoencoder"), small("autoencoder"), small("autoencoder", seed=1)
    first = [weight.numpy() for weight in one.model.weights]
    assert all((a == b.numpy()).all() for a, b in zip(first, two.model.weights, strict=True))
    assert any((a != b.numpy()).any() for a, b in zip(first, other.model.weights, strict=True))
    kernel = one.model.encoder.layers[1].kernel.numpy()  # 3x3 from 32 to 64
    limit = np.sqrt(6 / (9 * 32 + 9 * 64))
    assert 0.99 * limit < np.abs(kernel).max() <= limit


def test_fitting_lowers_the_loss_and_times_each_epoch(fitted):
    _, _, history = fitted
    assert history["loss"][-1] < history["loss"][0]
    assert len(history["seconds"]) == len(history["loss"]) == 2


def test_scores_are_mean_squared_errors_of_the_reconstructions(fitted, images):
    _, detector, _ = fitted
    reconstructions = detector.reconstruct(images)
    assert reconstructions.shape == images.shape and reconstructions.min() >= 0 and reconstructions.max() <= 1
    by_hand = np.square(images / 255 - reconstructions).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(detector.score(images), by_hand, rtol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"depth": 1, "batch_norm": True}, {"precision": "mixed_bfloat16"}])
def test_reconstructions_are_those_of_the_model_called_whole(images, changes):
    settings = detectors.Settings((16, 16, 1), 6, 1, 16, 0.002, 5, **changes)
    detector = detectors.Autoencoder(settings)
    detector.fit(images[:40])
    whole = detector.model(tf.constant(images, tf.float32) / 255.0, training=False).numpy()
    np.testing.assert_allclose(detector.reconstruct(images), whole, atol=1e-2 if "precision" in changes else 1e-5)


def test_a_score_depends_on_the_image_alone(fitted, images, monkeypatch):
    _, detector, _ = fitted
    whole = detector.score(images)
    order = np.random.default_rng(1).permutation(len(images))
    np.testing.assert_allclose(detector.score(images[order]), whole[order], rtol=1e-4)
    np.testing.assert_allclose(detector.score(images[33:34]), whole[33:34], rtol=1e-4)
    monkeypatch.setattr(batches.batches, "__defaults__", (7,))
    np.testing.assert_allclose(detector.score(images), whole, rtol=1e-4)


def test_a_saved_detector_gives_equal_scores_in_a_new_process(fitted, images, tmp_path):
    name, detector, _ = fitted
    detector.save(tmp_path / "fit")
    np.save(tmp_path / "images.npy", images)
    script = (
        "import sys, numpy, pathlib; from lib import detectors; folder = pathlib.Path(sys.argv[2]);"
        "detector = detectors.load(sys.argv[1], folder / 'fit');"
        "numpy.save(folder / 'scores.npy', detector.score(numpy.load(folder / 'images.npy')))"
    )
    subprocess.run([sys.executable, "-c", script, name, str(tmp_path)], check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), detector.score(images))


def test_files_that_are_no_detector_are_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="not a fitted detector"):
        detectors.load("autoencoder", tmp_path)


def test_the_kl_term_is_that_of_two_normal_distributions():
    mean, log_var = np.array([[0.5, -1.0], [0.0, 2.0]], np.float32), np.array([[0.1, -0.3], [0.0, 0.7]], np.float32)
    layer = vae.Latent(beta=3.0, seed=0)
    layer([tf.constant(mean), tf.constant(log_var)])
    by_hand = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1).mean()
    assert float(layer.losses[0]) == pytest.approx(3 * by_hand, rel=1e-5)
    assert float(layer.kl.result()) == pytest.approx(by_hand, rel=1e-5)


def test_a_standard_normal_posterior_costs_nothing():
    layer = vae.Latent(beta=1.0, seed=0)
    layer([tf.zeros((4, 6)), tf.zeros((4, 6))])
    assert float(layer.losses[0]) == pytest.approx(0.0, abs=1e-7)


def test_the_loss_is_reconstruction_plus_beta_times_kl(images):
    for beta in (1.0, 0.01):
        detector = small("beta_vae", beta=beta)
        history = detector.fit(images)
        total = np.add(history["reconstruction"], np.multiply(beta, history["kl"]))
        np.testing.assert_allclose(history["loss"], total, rtol=1e-3)


def test_the_studys_vae_weighs_the_kl_term_with_one():
    assert small("vae").settings.beta == 1.0 and small("beta_vae").settings.beta == 0.0001


def test_noise_is_standard_normal_and_differs_between_images():
    detector = small("vae", latent_dim=4096)
    (noise,) = detector._given(np.stack([np.full((16, 16, 1), value, np.uint8) for value in (25, 51, 77)]))
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05
    assert abs(np.corrcoef(noise)[0, 1]) < 0.1


def test_the_device_computes_a_small_layer_right():
    assert check_device() < 1e-3


def test_a_device_that_computes_wrong_is_refused(monkeypatch):
    monkeypatch.setattr(tf.nn, "relu", lambda values: values)
    with pytest.raises(UserError, match="DEVICE=cpu"):
        check_device()


def test_models_load_without_custom_objects(images, tmp_path):
    detector = small("vae")
    detector.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert [weight.shape for weight in loaded.weights] == [weight.shape for weight in detector.model.weights]
