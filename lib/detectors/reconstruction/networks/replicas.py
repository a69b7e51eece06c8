"""A network fitted on several devices at once: each takes its part of every batch, and their gradients are added.

Order, steps, augmentation and random draws are those of one device with the same batch size, and a part counts by its
number of images, also in a last, smaller batch. So the losses are those of one device up to float32 rounding. Where a
batch has fewer images than there are devices, the others compute an image that counts as none.

Keras' own `fit` is not used under a strategy: it takes the mean of the means of the parts (Keras 3.15).
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

from lib.core.backend import keras, tf

_part: ContextVar[tuple[Any, Any, Any] | None] = ContextVar("part", default=None)  # of `_in_parts`: its numbers


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    *,
    epochs: int,
    steps: int,
    optimizer: keras.optimizers.Optimizer,
    loss: Callable,
    callbacks: Sequence[keras.callbacks.Callback],
) -> dict[str, list[float]]:
    """Fits a model that was made, with its optimiser, in the scope of a strategy.

    Args:
        model: takes and returns float32 (n, H, W, C) in [0, 1]; may add losses and metrics of its own.
        batches: endless, of (input, target).
        epochs: number of passes over the images.
        steps: number of batches in an epoch.
        optimizer: of the weights.
        loss: from targets and reconstructions to values of any shape, whose mean is minimised.
        callbacks: called as by Keras, for the fit and for each epoch.

    Returns:
        Lists with one value for each epoch: the model's own metrics, `loss`, `reconstruction` (mean squared error).
    """
    strategy = model.distribute_strategy
    with strategy.scope():
        total, squared = keras.metrics.Mean(name="loss"), keras.metrics.MeanSquaredError(name="reconstruction")
        optimizer.build(model.trainable_variables)
    metrics = [*model.metrics, total, squared]

    def step(images, targets, start, batch, size):
        token = _part.set((start, batch, size))
        with tf.GradientTape() as tape:
            reconstructions = model(images, training=True)
            value = tf.reduce_mean(loss(targets, reconstructions)) + sum(model.losses)
            share = tf.cast(size, tf.float32) / tf.cast(batch, tf.float32)
            scaled = optimizer.scale_loss(value * share)
        _part.reset(token)
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(scaled, weights), weights)
        total.update_state(value, sample_weight=size)
        counts = tf.fill([tf.shape(images)[0]], tf.minimum(size, 1))
        squared.update_state(targets, reconstructions, sample_weight=counts)

    @tf.function
    def run(iterator):
        strategy.run(step, args=next(iterator))

    iterator = iter(_in_parts(batches, strategy))
    calls = keras.callbacks.CallbackList(list(callbacks), add_history=True, model=model, epochs=epochs, steps=steps)
    calls.on_train_begin()
    for epoch in range(epochs):
        calls.on_epoch_begin(epoch)
        for metric in metrics:
            metric.reset_state()
        for _ in range(steps):
            run(iterator)
        calls.on_epoch_end(epoch, {metric.name: float(metric.result()) for metric in metrics})
    calls.on_train_end()
    return model.history.history


def counted(images):
    """How many of the images that the model is given count in its metrics: all, but for a part that counts as none."""
    return images if _part.get() is None else _part.get()[2]


def normal(shape, generator: keras.random.SeedGenerator):
    """Standard normal draws, float32, of a shape (n, d) whose rows belong to images.

    On one of several devices they are the rows of its part, of what one device would draw for the whole batch.
    """
    if _part.get() is None:
        return keras.random.normal(shape, seed=generator)
    start, batch, _ = _part.get()
    return keras.random.normal(tf.stack([batch, shape[1]]), seed=generator)[start : start + shape[0]]


def _in_parts(batches: tf.data.Dataset, strategy: tf.distribute.Strategy) -> tf.distribute.DistributedDataset:
    """The parts of each batch, one for each device, of consecutive images and of sizes that differ by 1 at most.

    An element is (input, target, place of its first image in the batch, size of the batch, size of the part), the
    numbers int32. Each worker makes whole batches, so that their order and their random draws are those of one device.
    """

    def of_worker(context):
        devices = context.num_replicas_in_sync
        own = devices // context.num_input_pipelines

        def parts(images, targets):
            batch = tf.shape(images)[0]
            smaller, larger = batch // devices, batch % devices  # size of a smaller part, number of the larger ones

            def part(place):
                place += context.input_pipeline_id * own
                size = smaller + tf.cast(place < larger, tf.int32)
                start = tf.minimum(place * smaller + tf.minimum(place, larger), batch - 1)
                end = start + tf.maximum(size, 1)  # no part is empty, as the mean of nothing is no number
                return images[start:end], targets[start:end], start, batch, size

            return tf.data.Dataset.range(own, output_type=tf.int32).map(part)

        split = batches.flat_map(parts).apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
        return split.prefetch(2)

    return strategy.distribute_datasets_from_function(of_worker)
