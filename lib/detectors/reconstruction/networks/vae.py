"""The variational autoencoders of the published study: the VAE (beta 1) and the β-VAE (beta 0.0001).

Kingma and Welling, Auto-Encoding Variational Bayes, 2014 (arXiv:1312.6114); Higgins et al., β-VAE, 2017. As in the
study, the loss is the squared error averaged over pixels, plus beta times the KL divergence of an image. With an error
summed over pixels, as in the papers, this is a beta of H·W·C times the size.
"""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from lib.core.backend import keras, tf
from lib.detectors import batches
from lib.detectors.reconstruction.networks import layers, replicas
from lib.detectors.reconstruction.networks.network import Network, Settings


@keras.saving.register_keras_serializable(package="lib")
class Latent(keras.layers.Layer):
    """Draws the latent vector z = mean + exp(log_var / 2) · noise, and adds beta · KL to the loss.

    Args:
        beta: weight of the KL divergence from a standard normal, in nats an image.
        seed: of the noise drawn in training.
    """

    def __init__(self, beta: float, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.beta, self.seed = beta, seed
        self.factor = tf.Variable(beta, trainable=False, dtype=tf.float32)  # one traced model serves every beta
        self.generator = keras.random.SeedGenerator(seed)
        self.kl = keras.metrics.Mean(name="kl")

    def call(self, inputs):
        """From [mean, log_var], each (n, latent_dim), to z (n, latent_dim)."""
        mean, log_var = inputs
        kl = -0.5 * tf.reduce_mean(tf.reduce_sum(1.0 + log_var - tf.square(mean) - tf.exp(log_var), axis=1))
        self.add_loss(self.factor * kl)
        images = replicas.counted(tf.shape(mean)[0])  # as Keras averages losses: the last batch is smaller
        self.kl.update_state(kl, sample_weight=images)
        return sample(mean, log_var, replicas.normal(tf.shape(mean), self.generator))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        return super().get_config() | {"beta": self.beta, "seed": self.seed}


def halves(values):
    """Mean and log-variance, each (n, latent_dim), from the encoder's output, (n, 2 latent_dim)."""
    return tf.split(tf.cast(values, tf.float32), 2, axis=1)


def sample(mean, log_var, noise):
    """The reparameterised draw (Kingma and Welling, eq. 10)."""
    return mean + tf.exp(0.5 * log_var) * noise


@keras.saving.register_keras_serializable(package="lib")
class VAEModel(keras.Model):
    """Encoder to mean and log-variance, one draw of the latent vector, decoder.

    Args:
        image_shape: (H, W, C); H and W multiples of 8.
        latent_dim: size of the latent vector.
        beta: weight of the KL term.
        seed: of every layer's initial weights, and of the noise drawn in training.
        capacity: the size of the network, as fields of `layers.Capacity`; empty: as published.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        beta: float,
        seed: int,
        capacity: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.capacity = dict(capacity or {})
        sized = layers.Capacity(**self.capacity)
        self.image_shape, self.latent_dim, self.beta, self.seed = tuple(image_shape), latent_dim, beta, seed
        self.encoder = layers.encoder(2 * latent_dim, seed, sized)
        self.latent = Latent(beta, seed, name="latent", dtype="float32")
        self.decoder = layers.decoder(self.image_shape, seed, sized)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates every weight, so that a saved model can be loaded."""
        self.encoder.build(input_shape)
        self.decoder.build((None, self.latent_dim))
        self.latent.build([(None, self.latent_dim), (None, self.latent_dim)])
        self.built = True

    def encode(self, images):
        """Mean and log-variance, each (n, latent_dim), of images (n, H, W, C) in [0, 1]."""
        return halves(self.encoder(images))

    def call(self, images):
        """Reconstructions (n, H, W, C) in [0, 1] from a fresh draw of the latent vector."""
        return self.decoder(self.latent(self.encode(images)))

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`."""
        own = {"image_shape": self.image_shape, "latent_dim": self.latent_dim, "beta": self.beta, "seed": self.seed}
        own["capacity"] = self.capacity
        return super().get_config() | own


class VAENetwork(Network):
    """A variational autoencoder with its settings.

    The study draws new noise in every scoring, so its scores change from call to call. Here the noise of an image is a
    function of the seed and the bytes of the image: one draw, as in the study, equal in every order, batch and process.
    """

    @property
    def shared(self) -> Settings:
        """What networks must have in common to be fitted and run by one model: beta is a variable of it."""
        return replace(super().shared, beta=0.0)

    def _new_engine(self) -> Self:
        engine = super()._new_engine()
        engine.model.latent.factor.assign(self.settings.beta)
        return engine

    @staticmethod
    def build(settings: Settings) -> VAEModel:
        """The unfitted model, with the study's initial weights."""
        model = VAEModel(
            settings.image_shape, settings.latent_dim, settings.beta, settings.seed, settings.capacity, name="vae"
        )
        model.build((None, *settings.image_shape))
        return model

    def latent_use(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """How the latent vector is used on some images, uint8 (N, H, W, C).

        Returns:
            `kl`, float64 (latent_dim,): mean KL divergence of each latent value from the prior, nats; and `activity`,
            the variance over images of its mean. Burda et al. (2016, arXiv:1509.00519) call a value active where
            that is above 0.01.
        """
        encode = tf.function(
            lambda batch: self.model.encode(tf.cast(batch, tf.float32) / 255.0),
            input_signature=[tf.TensorSpec([None, *self.settings.image_shape], tf.uint8)],
            autograph=False,
        )
        parts = [encode(batch) for batch in batches.slices(images)]
        mean, log_var = (np.concatenate([part[which] for part in parts]).astype(np.float64) for which in (0, 1))
        kl = 0.5 * (np.square(mean) + np.exp(log_var) - 1.0 - log_var)
        return {"kl": kl.mean(axis=0), "activity": mean.var(axis=0)}

    def inputs(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        """Standard normal noise, float32 (n, latent_dim), each row a function of its image and the seed."""
        keys = [zlib.crc32(np.ascontiguousarray(image)) for image in batch]
        latent = self.settings.latent_dim
        draws = [np.random.default_rng([self.settings.seed, key]).standard_normal(latent, np.float32) for key in keys]
        return (np.stack(draws),)

    def input_signature(self) -> list[tf.TensorSpec]:
        """The signature of the noise."""
        return [tf.TensorSpec([None, self.settings.latent_dim], tf.float32)]

    def decoded(self, values, *inputs):
        """Reconstructions (n, H, W, C) in [0, 1] from the encoder's output, and the noise that `inputs` returns."""
        return self.model.decoder(sample(*halves(values), *inputs), training=False)
