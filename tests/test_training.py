"""What makes fitting faster must not change what is fitted: against Keras' own optimiser, layers and pipeline."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from lib import detectors
from lib.core.backend import keras, tf
from lib.detectors.reconstruction import layers, training


@pytest.fixture(scope="module")
def images():
    bundle = load_digits()
    eights = np.rint(bundle.images[bundle.target == 8][:72] / 16 * 255).astype(np.uint8)
    return np.stack([np.kron(image, np.ones((2, 2), np.uint8)) for image in eights])[..., None].repeat(3, axis=-1)


def settings(**changes):
    chosen = {"image_shape": (16, 16, 3), "latent_dim": 8, "epochs": 6, "batch_size": 16, "learning_rate": 0.002}
    return detectors.Settings(**(chosen | {"seed": 5} | changes))


def plain_losses(images, chosen):
    """The published fit written with nothing of ours: Keras' convolution, Adam and array pipeline, one order."""
    keras.utils.set_random_seed(chosen.seed)
    encoder, decoder = layers.encoder(chosen.latent_dim, chosen.seed), layers.decoder(chosen.image_shape, chosen.seed)
    last = keras.layers.Conv2D(
        3, 3, padding="same", activation="sigmoid", kernel_initializer=keras.initializers.GlorotUniform(chosen.seed)
    )
    model = keras.Sequential([encoder, *decoder.layers[:-1], last])
    model.compile(keras.optimizers.Adam(chosen.learning_rate), loss="mse")
    ordered = np.concatenate([batch[0] for batch in training.feed(images, 16, chosen.seed).as_numpy_iterator()])
    fitted = model.fit(ordered, ordered, batch_size=16, epochs=chosen.epochs, shuffle=False, verbose=0)
    return fitted.history["loss"]


def test_losses_follow_those_of_a_plain_script_within_float_noise(images):
    chosen = settings()
    ours = detectors.Autoencoder(chosen).fit(images)["loss"]
    np.testing.assert_allclose(ours, plain_losses(images, chosen), rtol=1e-3)
    assert ours[-1] < 0.7 * ours[0]


def test_another_learning_rate_does_not_follow(images):
    """The comparison above would see a difference."""
    ours = detectors.Autoencoder(settings(learning_rate=0.0021)).fit(images)["loss"]
    assert not np.allclose(ours, plain_losses(images, settings()), rtol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_thin_convolution_has_the_values_and_gradients_of_any_other(channels):
    random = np.random.default_rng(2)
    inputs, upstream = (tf.constant(random.normal(size=(5, 7, 9, n)), tf.float32) for n in (6, channels))
    thin, usual = (
        kind(channels, 3, padding="same", activation="sigmoid") for kind in (layers.ThinConv2D, keras.layers.Conv2D)
    )
    weights = [random.normal(size=(3, 3, 6, channels)), random.normal(size=channels)]
    found = []
    for layer in (thin, usual):
        layer.build(inputs.shape)
        layer.set_weights(weights)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = layer(inputs)
            sought = [inputs, *layer.trainable_variables]
        found.append([values, *tape.gradient(values, sought, output_gradients=upstream)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_adam_in_one_pass_takes_the_steps_of_kerass_own():
    random = np.random.default_rng(3)
    start, gradients = random.normal(size=(50,)), random.normal(size=(30, 50)) * np.logspace(-6, 1, 50)
    ends = []
    for kind in (training.OnePassAdam, keras.optimizers.Adam):
        variable = keras.Variable(start.astype(np.float32))
        optimizer = kind(learning_rate=0.01)
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
        ends.append(variable.numpy())
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-6)
    assert np.abs(ends[0] - start).min() > 1e-3


def test_batches_repeat_one_order_and_hold_every_image_once(images):
    feed = training.feed(images, 16, seed=9)
    first, second = (np.concatenate([x for x, _ in feed.as_numpy_iterator()]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not feed.options().autotune.enabled
    seen = {image.tobytes() for image in np.rint(first * 255).astype(np.uint8)}
    assert seen == {image.tobytes() for image in images}


def test_what_is_saved_is_the_model_and_not_its_optimiser(images, tmp_path):
    detector = detectors.Autoencoder(settings(epochs=1))
    detector.fit(images)
    detector.save(tmp_path)
    size = (tmp_path / "detector.keras").stat().st_size
    assert size < 1.5 * 4 * detector.model.count_params()


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", ["autoencoder", "beta_vae"])
def test_mixed_precision_computes_otherwise_and_nearly_the_same(images, tmp_path, name, precision):
    kind = detectors.NAMES[name]
    exact, mixed = (kind(settings(beta=0.0001 * (name != "autoencoder"), precision=p)) for p in ("float32", precision))
    losses = [detector.fit(images)["loss"] for detector in (exact, mixed)]
    np.testing.assert_allclose(*losses, rtol=0.05)
    assert losses[0] != losses[1]
    assert all(weights.dtype == np.float32 for weights in mixed.model.get_weights())
    assert keras.config.dtype_policy().name == "float32"  # the next model is not touched by it
    mixed.save(tmp_path)
    np.testing.assert_allclose(kind.load(tmp_path).score(images), mixed.score(images), rtol=1e-6)
