"""How a Keras model is fitted: seeds, optimiser, the order of the images, progress."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm
from tqdm.keras import TqdmCallback

from lib.core.backend import keras, tf, untuned
from lib.detectors.reconstruction.networks import augmentation, replicas


@dataclass(frozen=True)
class Variation:
    """How the images fitted on vary from epoch to epoch.

    Attributes:
        augmentation: one of `augmentation.KINDS`.
        noise: standard deviation of the noise that is added to the input and not to the target; 0 for none.
        reshuffle: whether the images are shuffled anew for each epoch.
    """

    augmentation: str = "none"
    noise: float = 0.0
    reshuffle: bool = False


def share_of(indices: np.ndarray, share: float | None, seed: int) -> np.ndarray:
    """A random share of the images to fit to, in ascending order, at least one; all of them where `share` is None."""
    if share is None:
        return indices
    return np.sort(np.random.default_rng(seed).permutation(indices)[: max(1, round(share * len(indices)))])


def dissimilarity(images, reconstructions):
    """1 − SSIM of each image, (n,); 0 for equal images (Wang et al., Image quality assessment, 2004)."""
    return 1.0 - tf.image.ssim(images, reconstructions, max_val=1.0)


AT_ONCE = 16  # steps between two returns to Python, which take a seventh of the time of a small network's steps
LOSSES = {"mse": "mse", "mae": "mae", "ssim": dissimilarity}


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
    """Fits a model to reconstruct its input, by default with the mean squared error, as in the published study.

    Args:
        model: takes and returns float32 (n, H, W, C) in [0, 1]; may add losses of its own. One that was fitted before
            must have been fitted with the same loss and kind of variation. One that was made in the scope of a strategy
            is fitted on its devices, once.
        images: uint8 (N, H, W, C), the images to fit on.
        epochs: number of passes over the images.
        batch_size: number of images in a step.
        learning_rate: of Adam.
        seed: of the order of the images and of every random draw of the model.
        name: label of the progress bar.
        loss: one of `LOSSES`.
        variation: how images vary between epochs; None: not at all, as published.

    Returns:
        Lists with one value for each epoch: `loss` (minimised), `reconstruction` (mean squared error), `seconds`.
    """
    keras.utils.set_random_seed(seed)
    several = model.distribute_strategy.num_replicas_in_sync > 1
    if model.compiled:  # it was fitted before: only the state of the optimiser is new
        for variable in model.optimizer.variables:
            variable.assign(tf.zeros_like(variable))
        model.optimizer.learning_rate = learning_rate
    elif not several:
        model.compile(
            optimizer=OnePassAdam(learning_rate=learning_rate),
            loss=LOSSES[loss],
            metrics=[keras.metrics.MeanSquaredError(name="reconstruction")],
            jit_compile=False,  # XLA is slower on a processor; benchmarks/compilers.py measures it
            steps_per_execution=AT_ONCE if variation is None else 1,  # an endless feed would give too many
        )
        model.optimizer.build(model.trainable_variables)  # else a step is traced twice, once to make these variables
    clock = EpochSeconds()
    progress = TqdmCallback(epochs, verbose=0, desc=name, tqdm_class=tqdm, leave=True, mininterval=0.5)
    if variation is None:
        batches, steps = feed(images, batch_size, seed), None
    else:
        batches, steps = endless_feed(images, batch_size, seed, variation), -(-len(images) // batch_size)
    if several:
        values = replicas.fit(
            model,
            batches if steps else batches.repeat(),
            epochs=epochs,
            steps=-(-len(images) // batch_size),
            optimizer=_adam(model, learning_rate),
            loss=keras.losses.get(LOSSES[loss]),
            callbacks=[clock, progress],
        )
    else:
        values = model.fit(
            batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock, progress]
        ).history
    history = {key: [float(value) for value in curve] for key, curve in values.items()}
    return history | {"seconds": clock.seconds}


def _adam(model: keras.Model, learning_rate: float) -> keras.optimizers.Optimizer:
    """An optimiser on the devices of a model; with float16, one that scales the loss, as Keras chooses it too."""
    with model.distribute_strategy.scope():
        optimizer = OnePassAdam(learning_rate=learning_rate)
        half = model.dtype_policy.compute_dtype == "float16"
        return keras.optimizers.LossScaleOptimizer(optimizer) if half else optimizer


def feed(images: np.ndarray, batch_size: int, seed: int) -> tf.data.Dataset:
    """Batches of (image, image), float32 in [0, 1], converted from uint8 when they are needed.

    The order is drawn once and is equal in every epoch, as in the published study. The study seeds TensorFlow globally,
    and Keras, which shuffles inside a `Dataset.map`, then draws an equal order for every epoch (tensorflow#35682).
    A new order in every epoch would lower the loss faster, and give other figures than those published.
    """

    def pair(batch):
        scaled = tf.cast(batch, tf.float32) / 255.0
        return scaled, scaled

    shuffled = tf.data.Dataset.from_tensor_slices(np.ascontiguousarray(images)).shuffle(
        len(images), seed=seed, reshuffle_each_iteration=False
    )
    return untuned(shuffled.batch(batch_size).map(pair).prefetch(2))


def endless_feed(images: np.ndarray, batch_size: int, seed: int, variation: Variation) -> tf.data.Dataset:
    """Endless batches of (input, target); the input is the varied image, with noise for a denoising model."""

    def pair(number, batch):
        draw = tf.stack([tf.cast(number, tf.int32), seed])
        target = augmentation.varied(tf.cast(batch, tf.float32) / 255.0, variation.augmentation, draw)
        return (augmentation.noisy(target, variation.noise, draw + 1) if variation.noise else target), target

    shuffled = tf.data.Dataset.from_tensor_slices(np.ascontiguousarray(images)).shuffle(
        len(images), seed=seed, reshuffle_each_iteration=variation.reshuffle
    )
    return untuned(shuffled.batch(batch_size).repeat().enumerate().map(pair).prefetch(2))


@keras.saving.register_keras_serializable(package="lib")
class OnePassAdam(keras.optimizers.Adam):
    """The update rule of `keras.optimizers.Adam` in one TensorFlow operation for each variable.

    Keras computes Adam (Kingma and Ba, 2015, arXiv:1412.6980, the form before its section 2.1) in about ten operations,
    each of which reads or writes every weight: a seventh of the time of a step of the published autoencoder.
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

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        """As in Keras, but for one device: there TensorFlow would keep every graph, and its weights, until the end."""
        if tf.distribute.get_strategy().num_replicas_in_sync == 1:
            return list(grads_and_vars)
        return super()._all_reduce_sum_gradients(grads_and_vars)


class EpochSeconds(keras.callbacks.Callback):
    """Measures the seconds of each epoch.

    Attributes:
        seconds: one value for each epoch.
    """

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Takes the time."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Appends the seconds of the epoch."""
        self.seconds.append(time.monotonic() - self._started)
