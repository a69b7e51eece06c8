"""How a Keras model is fitted: compiled, seeded, fed, watched."""

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.core.backend import keras, tf
from lib.core.formatting import clock
from lib.detectors.reconstruction import augmentation


@dataclass(frozen=True)
class Variation:
    """How the images fitted on differ from epoch to epoch.

    Attributes:
        augmentation: one of `lib.detectors.reconstruction.augmentation.KINDS`.
        noise: standard deviation of the noise that a denoising model is given, in [0, 1]; it has to undo it.
        reshuffle: whether each epoch has an order of its own.
    """

    augmentation: str = "none"
    noise: float = 0.0
    reshuffle: bool = False


def unlike(images, reconstructions):
    """1 - SSIM of each image, (n,); 0 for equal images (Wang et al., Image quality assessment, 2004)."""
    return 1.0 - tf.image.ssim(images, reconstructions, max_val=1.0)


LOSSES = {"mse": "mse", "mae": "mae", "ssim": unlike}


def fit(
    model: keras.Model,
    images: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    name: str,
    loss: str = "mse",
    variation: Variation | None = None,
) -> dict[str, list[float]]:
    """Fits a model to reconstruct its input: Adam, mean squared error, as in the published study.

    Args:
        model: takes and returns float32 (n, H, W, C) in [0, 1]; may add losses of its own.
        images: uint8 (N, H, W, C), the images to fit on.
        epochs: passes over the images.
        batch_size: images a step.
        learning_rate: Adam's.
        seed: seeds the order of the images and whatever the model draws.
        name: what the progress bar says.
        loss: one of `LOSSES`.
        variation: how images are varied between epochs; None: not at all, as published.

    Returns:
        One list a curve, one value an epoch: `loss` (minimised), `reconstruction` (mean squared error), `seconds`.
    """
    keras.utils.set_random_seed(seed)
    model.compile(
        optimizer=OnePassAdam(learning_rate=learning_rate),
        loss=LOSSES[loss],
        metrics=[keras.metrics.MeanSquaredError(name="reconstruction")],
        jit_compile=False,  # XLA is slower on a processor; benchmarks/compilers.py measures it
    )
    progress = Progress(name, epochs)
    batches = feed(images, batch_size, seed) if variation is None else varied(images, batch_size, seed, variation)
    steps = None if variation is None else -(-len(images) // batch_size)
    fitted = model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[progress])
    history = {key: [float(value) for value in values] for key, values in fitted.history.items()}
    return history | {"seconds": progress.seconds}


def feed(images: np.ndarray, batch_size: int, seed: int) -> tf.data.Dataset:
    """Batches of (image, image), float32 in [0, 1], made from uint8 as they are needed.

    The order is drawn once and is the same in every epoch, as in the published study: it seeds TensorFlow globally,
    and Keras, which shuffles inside a `Dataset.map`, then draws the same order anew each time (tensorflow#35682).
    A new order every epoch would lower the loss faster, and give other figures than those published.
    """

    def pair(batch):
        scaled = tf.cast(batch, tf.float32) / 255.0
        return scaled, scaled

    # Autotuning is off: its thread is waited for at the end of every epoch, up to 4 s with both cores idle.
    options = tf.data.Options()
    options.autotune.enabled = False
    shuffled = tf.data.Dataset.from_tensor_slices(np.ascontiguousarray(images)).shuffle(
        len(images), seed=seed, reshuffle_each_iteration=False
    )
    return shuffled.batch(batch_size).map(pair).prefetch(2).with_options(options)


def varied(images: np.ndarray, batch_size: int, seed: int, variation: Variation) -> tf.data.Dataset:
    """Batches of (varied image, what it should become) without end; an epoch is one pass over the images."""

    def pair(number, batch):
        draw = tf.stack([tf.cast(number, tf.int32), seed])
        target = augmentation.varied(tf.cast(batch, tf.float32) / 255.0, variation.augmentation, draw)
        return (augmentation.noisy(target, variation.noise, draw + 1) if variation.noise else target), target

    options = tf.data.Options()
    options.autotune.enabled = False
    shuffled = tf.data.Dataset.from_tensor_slices(np.ascontiguousarray(images)).shuffle(
        len(images), seed=seed, reshuffle_each_iteration=variation.reshuffle
    )
    return shuffled.batch(batch_size).repeat().enumerate().map(pair).prefetch(2).with_options(options)


@keras.saving.register_keras_serializable(package="lib")
class OnePassAdam(keras.optimizers.Adam):
    """Adam as Keras computes it, but each weight is read and written once a step, by TensorFlow's own kernel.

    Keras spells Adam (Kingma and Ba, 2015, arXiv:1412.6980, the form before its section 2.1) out in about ten passes
    over every weight, which is a seventh of a step of the published autoencoder with its 14 million.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates one `tf.Variable` from its gradient."""
        place = self._get_variable_index(variable)
        beta_1, beta_2 = tf.cast(self.beta_1, variable.dtype), tf.cast(self.beta_2, variable.dtype)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, variable.dtype),
            grad=tf.cast(gradient, variable.dtype),
        )


class Progress(keras.callbacks.Callback):
    """One line that is written over: epochs done, loss, time left. Goes to standard error."""

    def __init__(self, name: str, epochs: int):
        super().__init__()
        self.name, self.epochs = name, epochs
        self.seconds: list[float] = []
        self._epoch_started = self._shown = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the epoch's clock."""
        self._epoch_started = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        """Redraws the line, twice a second at most."""
        if time.monotonic() - self._shown >= 0.5:
            self._show(logs)

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the epoch's seconds."""
        self.seconds.append(time.monotonic() - self._epoch_started)
        self._show(logs, end="\n" if epoch + 1 == self.epochs else "")

    def _show(self, logs, end=""):
        self._shown = time.monotonic()
        done = len(self.seconds)
        share = done / self.epochs
        bar = "#" * int(20 * share)
        left = ""
        if done:
            # The first epoch also compiles, so it says little of the others once there are any.
            usual = self.seconds[1:] or self.seconds
            left = f", {clock(sum(usual) / len(usual) * (self.epochs - done))} left"
        loss = f", loss {logs['loss']:.4f}" if logs and "loss" in logs else ""
        print(
            f"\r{self.name} [{bar:<20}] epoch {done}/{self.epochs}{loss}{left}   ", end=end, file=sys.stderr, flush=True
        )
