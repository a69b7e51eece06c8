"""The published method as one plain script with Keras's own `fit` and `predict`, which the suite is compared with.

It has the study's layers, losses, seed and order of work, and one order of the images for all epochs, and uses
nothing of `lib`. Every image is decoded twice (to count, and to prepare), held as float32 three times, and
reconstructed twice by each detector (for the flagged images, and for the metrics).
"""

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow import keras

SEED = 555
SIZE = 96
LATENT = 512
BATCH = 64
THRESHOLD = 0.02
BETAS = {"vae": 1.0, "beta_vae": 0.0001}


def glorot():
    return keras.initializers.GlorotUniform(seed=SEED)


def conv(filters):
    return keras.layers.Conv2D(filters, 3, 2, "same", activation="relu", kernel_initializer=glorot())


def deconv(filters):
    return keras.layers.Conv2DTranspose(filters, 3, 2, "same", activation="relu", kernel_initializer=glorot())


def dense(units, activation=None):
    return keras.layers.Dense(units, activation, kernel_initializer=glorot())


def encoder(outputs):
    return keras.Sequential([conv(32), conv(64), conv(128), keras.layers.Flatten(), dense(256, "relu"), dense(outputs)])


def decoder():
    last = keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid", kernel_initializer=glorot())
    start = (SIZE // 8, SIZE // 8, 128)
    return keras.Sequential(
        [dense(int(np.prod(start)), "relu"), keras.layers.Reshape(start), deconv(128), deconv(64), deconv(32), last]
    )


class Autoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = encoder(LATENT), decoder()

    def call(self, images):
        return self.decoder(self.encoder(images))


class VAE(keras.Model):
    def __init__(self, beta):
        super().__init__()
        self.beta = beta
        self.encoder, self.decoder = encoder(2 * LATENT), decoder()

    def call(self, images):
        mean, log_var = tf.split(self.encoder(images), 2, axis=1)
        divergence = tf.reduce_sum(1 + log_var - tf.square(mean) - tf.exp(log_var), axis=1)
        self.add_loss(self.beta * -0.5 * tf.reduce_mean(divergence))
        return self.decoder(mean + tf.random.normal(tf.shape(mean)) * tf.exp(log_var / 2))


class Script:
    """The script's state between its steps, so that a benchmark can time them one by one."""

    def load(self):
        tf.random.set_seed(SEED)
        dataset = tfds.load("caltech101", split="train+test")
        airplane = tfds.builder("caltech101").info.features["label"].names.index("airplanes")
        counts = {}
        for example in dataset:
            counts[int(example["label"])] = counts.get(int(example["label"]), 0) + 1

        @tf.function
        def prepare(example):
            image = tf.image.resize(tf.cast(example["image"], tf.float32) / 255.0, [SIZE, SIZE])
            return image, example["label"], example["image/file_name"]

        pairs = [(image, label == airplane, name.numpy()) for image, label, name in dataset.map(prepare).cache()]
        by_name = sorted((pair for pair in pairs if pair[1]), key=lambda pair: pair[2])
        normal = np.array([image for image, _, _ in by_name])
        order = tf.data.Dataset.range(len(normal)).shuffle(len(normal), SEED, reshuffle_each_iteration=False)
        self.normal = normal[list(order.as_numpy_iterator())]
        self.anomalies = np.array([image for image, is_airplane, _ in pairs if not is_airplane])
        self.images = np.array([image for image, _, _ in pairs])
        self.labels = np.array([0 if is_airplane else 1 for _, is_airplane, _ in pairs])
        return len(self.images)

    def fit(self, name, epochs):
        self.model = VAE(BETAS[name]) if name in BETAS else Autoencoder()
        self.model.compile(keras.optimizers.Adam(0.001), loss="mse", metrics=["mse"])
        history = self.model.fit(self.normal, self.normal, BATCH, epochs, verbose=0, shuffle=False)
        return history.history["loss"]

    def score(self, limit):
        """Anomalies, normal images and all images are reconstructed separately, at most `limit` of each."""
        for images in (self.anomalies[:limit], self.normal[:limit]):
            errors = np.mean(np.square(images - self.model.predict(images, verbose=0)), axis=(1, 2, 3))
            (errors > THRESHOLD).sum()
        images = self.images[:limit]
        return np.mean(np.square(images - self.model.predict(images, verbose=0)), axis=(1, 2, 3))
