"""The networks and how they are fitted: against the published layers, and Keras' own optimiser, layers and pipeline."""

import functools
import gc
import weakref

import numpy as np
import pytest
from small_digits import digits
from tensorflow.python.framework.func_graph import FuncGraph

from lib.core.backend import check_device, keras, tf
from lib.core.errors import UserError
from lib.detectors.reconstruction.networks import layers, passes, training, vae
from lib.detectors.reconstruction.networks.autoencoder import AutoencoderNetwork
from lib.detectors.reconstruction.networks.network import Settings

NETWORKS = {"autoencoder": AutoencoderNetwork, "vae": vae.VAENetwork}


def network(name="autoencoder", **changes):
    values = {"image_shape": (16, 16, 3), "latent_dim": 8, "epochs": 6, "batch_size": 16, "learning_rate": 0.002}
    return NETWORKS[name](Settings(**(values | {"seed": 5} | changes)))


@functools.cache
def eights():
    """72 images, in colour and with all channels different."""
    return digits(72, channels=3, only=8).images


@functools.cache
def fitted(name="autoencoder", **changes):
    """A network fitted to the eights, and the history of the fit."""
    made = network(name, **changes)
    return made, made.fit(eights(), name)


# Networks


def test_the_published_network_has_the_published_layers():
    published = network(image_shape=(96, 96, 3), latent_dim=512)
    rows = published.describe()
    encoder = [row for row in rows if row["part"] == "encoder"]
    assert [row["output"] for row in encoder] == [[48, 48, 32], [24, 24, 64], [12, 12, 128], [18432], [256], [512]]
    decoder = [row for row in rows if row["part"] == "decoder"]
    shapes = [[18432], [12, 12, 128], [24, 24, 128], [48, 48, 64], [96, 96, 32], [96, 96, 3]]
    assert [row["output"] for row in decoder] == shapes
    # Weights and biases, counted by hand from the kernel sizes.
    by_hand = [3 * 9 * 32 + 32, 32 * 9 * 64 + 64, 64 * 9 * 128 + 128, 0, 18432 * 256 + 256, 256 * 512 + 512]
    by_hand += [512 * 18432 + 18432, 0, 128 * 9 * 128 + 128, 128 * 9 * 64 + 64, 64 * 9 * 32 + 32, 32 * 9 * 3 + 3]
    assert [row["parameters"] for row in rows] == by_hand
    assert sum(by_hand) == published.model.count_params()


def test_initial_weights_follow_from_the_seed_and_are_glorots():
    one, again, other = (network(seed=seed).model for seed in (5, 5, 1))
    np.testing.assert_equal(one.get_weights(), again.get_weights())
    assert any((a != b).any() for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    kernel = one.encoder.layers[1].kernel.numpy()  # 3x3 from 32 to 64
    limit = np.sqrt(6 / (9 * 32 + 9 * 64))
    assert 0.99 * limit < np.abs(kernel).max() <= limit


@pytest.mark.parametrize("changes", [{}, {"depth": 1, "batch_norm": True}, {"dtype_policy": "mixed_bfloat16"}])
def test_reconstructions_are_those_of_the_whole_model(changes):
    made, _ = fitted(**changes)
    whole = made.model(tf.constant(eights(), tf.float32) / 255.0, training=False).numpy()
    noise = 1e-2 if "dtype_policy" in changes else 1e-5  # bfloat16 has 8 bits
    np.testing.assert_allclose(passes.reconstructions(made, eights()), whole, atol=noise)


def test_the_kl_term_is_that_of_two_normal_distributions():
    mean, log_var = np.array([[0.5, -1.0], [0.0, 2.0]], np.float32), np.array([[0.1, -0.3], [0.0, 0.7]], np.float32)
    layer = vae.Latent(beta=3.0, seed=0)
    layer([tf.constant(mean), tf.constant(log_var)])
    by_hand = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1).mean()
    assert float(layer.losses[0]) == pytest.approx(3 * by_hand, rel=1e-5)
    assert float(layer.kl.result()) == pytest.approx(by_hand, rel=1e-5)
    layer([tf.zeros((4, 6)), tf.zeros((4, 6))])  # a standard normal posterior
    assert float(layer.losses[0]) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("beta", [1.0, 0.01])
def test_the_loss_is_reconstruction_plus_beta_times_kl(beta):
    _, history = fitted("vae", beta=beta)
    total = np.add(history["reconstruction"], np.multiply(beta, history["kl"]))
    np.testing.assert_allclose(history["loss"], total, rtol=1e-5)


def test_noise_is_standard_normal_and_differs_between_images():
    made = network("vae", latent_dim=4096, image_shape=(16, 16, 1))
    (noise,) = made.inputs(np.stack([np.full((16, 16, 1), value, np.uint8) for value in (25, 51, 77)]))
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05
    assert abs(np.corrcoef(noise)[0, 1]) < 0.1


# Training


class PlainVAE(keras.Model):
    """The published VAE without any code of this project, with the draws of Keras' generator."""

    def __init__(self, encoder, decoder, settings):
        super().__init__()
        self.encoder, self.decoder, self.beta = encoder, decoder, settings.beta
        self.draws = keras.random.SeedGenerator(settings.seed)

    def call(self, images):
        mean, log_var = tf.split(self.encoder(images), 2, axis=1)
        divergence = tf.reduce_sum(1 + log_var - tf.square(mean) - tf.exp(log_var), axis=1)
        self.add_loss(self.beta * -0.5 * tf.reduce_mean(divergence))
        return self.decoder(mean + keras.random.normal(tf.shape(mean), seed=self.draws) * tf.exp(log_var / 2))


def plain_losses(name, settings):
    """The published fit without any code of this project: Keras' convolution, Adam and array pipeline, one order."""
    keras.utils.set_random_seed(settings.seed)
    encoder = layers.encoder(settings.latent_dim * (2 if name == "vae" else 1), settings.seed)
    decoder = layers.decoder(settings.image_shape, settings.seed)
    last = keras.layers.Conv2D(
        3, 3, padding="same", activation="sigmoid", kernel_initializer=keras.initializers.GlorotUniform(settings.seed)
    )
    decoder = keras.Sequential([*decoder.layers[:-1], last])
    model = PlainVAE(encoder, decoder, settings) if name == "vae" else keras.Sequential([encoder, decoder])
    model.compile(keras.optimizers.Adam(settings.learning_rate), loss="mse")
    ordered = np.concatenate([x for x, _ in training.feed(eights(), 16, settings.seed).as_numpy_iterator()])
    history = model.fit(ordered, ordered, batch_size=16, epochs=settings.epochs, shuffle=False, verbose=0).history
    return history["loss"]


@pytest.mark.parametrize(("name", "changes"), [("autoencoder", {}), ("vae", {"beta": 1.0}), ("vae", {"beta": 0.0001})])
def test_losses_are_those_of_a_plain_script_but_for_float_noise(name, changes):
    made, history = fitted(name, **changes)
    expected = plain_losses(name, made.settings)
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-3)
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    _, other = fitted(name, learning_rate=0.0021, **changes)  # the comparison would see a difference
    assert not np.allclose(other["loss"], expected, rtol=0.02)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_that_share_an_engine_are_fitted_and_run_as_if_each_were_alone(name):
    """The engine's weights, optimiser, draws and metrics are those of one network at a time."""
    made, changes = [], [{"seed": 5}, {"seed": 6, "epochs": 3}, {"seed": 5}]
    for change in changes:
        one = network(name, **change, batch_norm=True)
        made.append((one, one.fit(eights(), name)))
    assert made[0][1]["loss"] == made[2][1]["loss"] != made[1][1]["loss"]
    np.testing.assert_equal(made[0][0].model.get_weights(), made[2][0].model.get_weights())
    shared = [passes.mean_squared_error(one, eights()) for one, _ in made]
    network(name, latent_dim=9, epochs=1).fit(eights(), name)  # takes the engine's place
    alone = [passes.mean_squared_error(one, eights()) for one, _ in made]
    assert all(one.engine() is one for one, _ in made)
    np.testing.assert_allclose(shared, alone, rtol=1e-5)
    assert (shared[0] == shared[2]).all() and (shared[0] != shared[1]).any()


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_left_of_a_network_once_another_is_fitted(name):
    """TensorFlow keeps every gradient of `tf.custom_gradient` until the end, with its graph and all weights in it."""
    before = {id(graph) for graph in graphs()}
    first = network(name)
    first.fit(eights(), name)
    passes.mean_squared_error(first, eights())
    made = [weakref.ref(one) for one in (first.model, first.engine().model, *graphs()) if id(one) not in before]
    assert len(made) >= 5  # two models, and the graphs of a step, of several steps and of a pass
    del first
    network(name, latent_dim=9, epochs=1).fit(eights(), name)
    gc.collect()
    assert not any(one() for one in made)


def graphs():
    """The graphs of TensorFlow functions that are in memory."""
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, FuncGraph)]


def test_a_fit_shows_its_progress_and_times_each_epoch(capfd):
    history = network(epochs=3).fit(eights(), "the eights")
    assert "the eights: 100%" in capfd.readouterr().err
    assert len(history["seconds"]) == len(history["loss"]) == 3 and min(history["seconds"]) > 0


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
            sources = [inputs, *layer.trainable_variables]
        found.append([values, *tape.gradient(values, sources, output_gradients=upstream)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_adam_in_one_pass_takes_the_steps_of_keras_own():
    random = np.random.default_rng(3)
    start, gradients = random.normal(size=(50,)), random.normal(size=(30, 50)) * np.logspace(-6, 1, 50)
    found = []
    for kind in (training.OnePassAdam, keras.optimizers.Adam):
        variable = keras.Variable(start.astype(np.float32))
        optimizer = kind(learning_rate=0.01)
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
        found.append(variable.numpy())
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-6)
    assert np.abs(found[0] - start).min() > 1e-3


def test_batches_repeat_one_order_and_hold_every_image_once():
    feed = training.feed(eights(), 16, seed=9)
    first, second = (np.concatenate([x for x, _ in feed.as_numpy_iterator()]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not feed.options().autotune.enabled
    in_batches = np.rint(first * 255).astype(np.uint8)
    assert (in_batches != eights()).any()
    assert sorted(image.tobytes() for image in in_batches) == sorted(image.tobytes() for image in eights())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_has_the_same_bytes_whatever_the_process_made_before(name, tmp_path):
    for folder in (tmp_path / "one", tmp_path / "two"):
        network(name, depth=1, batch_norm=True).save(folder)
    NETWORKS[name].load(tmp_path / "one").save(tmp_path / "three")
    files = [(tmp_path / folder / "model.keras").read_bytes() for folder in ("one", "two", "three")]
    assert files[0] == files[1] == files[2]


def test_what_is_saved_is_the_model_and_not_its_optimiser(tmp_path):
    made, _ = fitted()
    made.save(tmp_path)
    assert (tmp_path / "model.keras").stat().st_size < 1.5 * 4 * made.model.count_params()


@pytest.mark.parametrize("dtype_policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_mixed_precision_computes_otherwise_and_nearly_the_same(tmp_path, name, dtype_policy):
    beta = {"beta": 0.01} if name == "vae" else {}
    (_, single), (mixed, half) = fitted(name, **beta), fitted(name, dtype_policy=dtype_policy, **beta)
    np.testing.assert_allclose(half["loss"], single["loss"], rtol=0.05)
    assert half["loss"] != single["loss"]
    assert all(weights.dtype == np.float32 for weights in mixed.model.get_weights())
    assert keras.config.dtype_policy().name == "float32"  # that of the next model
    mixed.save(tmp_path)
    again, before = (passes.mean_squared_error(made, eights()) for made in (type(mixed).load(tmp_path), mixed))
    np.testing.assert_allclose(again, before, rtol=1e-5)


# The device


def test_a_device_that_computes_wrong_is_refused(monkeypatch):
    assert check_device() < 1e-3
    monkeypatch.setattr(tf.nn, "relu", lambda values: values)
    with pytest.raises(UserError, match="DEVICE=cpu"):
        check_device()
