"""TensorFlow, imported once and quietly, and the device it computes on.

Modules that compute import `tf` and `keras` from here. `DEVICE=cpu` in the environment leaves a GPU unused; with
`DEVICE=auto` the CPU takes over where a self-test fails (`lib.study.device`). `strategy` has the devices that fit a
network together (`lib.core.strategy`).
"""

import contextlib
import os
import sys
from collections.abc import Iterator

import numpy as np

from lib.core.errors import UserError
from lib.core.strategy import create


@contextlib.contextmanager
def _muted() -> Iterator[None]:
    """Drops what C++ code writes to standard error before TensorFlow's own log level is in force."""
    sys.stderr.flush()
    stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)


with _muted():
    import tensorflow as tf

    if os.environ.get("DEVICE", "").lower() == "cpu":
        tf.config.set_visible_devices([], "GPU")
    tf.get_logger().setLevel("ERROR")  # it warns of functions traced anew, as each detector's are

strategy = create()  # before the first operation

with _muted():
    tf.constant(0.0) + 0.0  # the first operation starts the devices, and their messages

import keras  # noqa: E402 - after TensorFlow, so that its own import is quiet too

__all__ = ["check_device", "device", "gathered", "keras", "strategy", "tf", "untuned", "use_cpu"]


def device() -> str:
    """The device in use, as a page names it: `"CPU"`, or the GPU's own name."""
    gpus = tf.config.get_visible_devices("GPU")
    if not gpus:
        return "CPU"
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))


def use_cpu() -> None:
    """Place everything that this process computes from now on on the CPU, and say so in what it records."""
    global strategy
    os.environ["DEVICE"] = "cpu"
    tf.device("CPU:0").__enter__()
    strategy = tf.distribute.get_strategy()


def gathered(numbers: list[int]) -> np.ndarray:
    """What all workers say, int64 (n, len(numbers)), the chief first: waits until each has called it.

    A worker has one row for each of its devices. The numbers are at least 0 and less than 2⁶³.
    """

    def gather():
        return tf.distribute.get_replica_context().all_gather(tf.constant([numbers], tf.int64), axis=0)

    return strategy.experimental_local_results(strategy.run(tf.function(gather)))[0].numpy()


def untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same batches without autotuning: at the end of every epoch Keras waits for its thread, up to 4 s."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)


def check_device(tolerance: float = 1e-3) -> float:
    """Compares what the device computes, step by step and compiled, with NumPy's answer.

    Compiled Dense layers with a ReLU have been reported wrong on one GPU back end, with no error raised, so a
    report is refused rather than printed from such numbers. Takes well under a second.

    Returns:
        The largest difference seen, relative to the largest value.

    Raises:
        UserError: a difference above `tolerance`.
    """
    random = np.random.default_rng(0)
    inputs = random.normal(size=(16, 64)).astype(np.float32)
    weights = random.normal(size=(64, 32)).astype(np.float32)
    bias = random.normal(size=32).astype(np.float32)
    expected = np.maximum(inputs @ weights + bias, 0.0)

    def forward(values):
        return tf.nn.relu(tf.nn.bias_add(tf.matmul(values, weights), bias))

    answers = [forward(tf.constant(inputs)).numpy(), tf.function(forward)(tf.constant(inputs)).numpy()]
    worst = max(float(np.abs(answer - expected).max()) for answer in answers) / float(expected.max())
    if not worst <= tolerance:
        raise UserError(f"{device()}: computes a small layer wrong (by {worst:.1%}); set DEVICE=cpu and run again")
    return worst
