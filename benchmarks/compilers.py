"""A training step and a scoring pass with and without XLA, in float32 and bfloat16: `python benchmarks/compilers.py`.

What the suite does on a device is decided by these measurements. The variants take turns, in several rounds. Ratios
are to the suite's own variant, float32 without XLA; a ratio above 1 is slower.
"""

import statistics
import time

import autoencoder

from lib.core import backend
from lib.core.backend import tf
from lib.detectors.reconstruction.networks import training

VARIANTS = {
    "float32": ("float32", False),
    "float32, XLA": ("float32", True),
    "mixed_bfloat16": ("mixed_bfloat16", False),
    "mixed_bfloat16, XLA": ("mixed_bfloat16", True),
}
ROUNDS, STEPS = 5, 3


def tasks(dtype_policy: str, xla: bool) -> dict:
    """A training step and a scoring pass of one batch, each a function without arguments."""
    images = autoencoder.batch()
    model = autoencoder.network(dtype_policy=dtype_policy).model
    model.compile(training.OnePassAdam(0.001), loss="mse", jit_compile=xla)
    forward = tf.function(lambda batch: model(batch, training=False), jit_compile=xla)
    return {
        "fit": lambda: model.train_on_batch(images, images),
        "score": lambda: forward(tf.constant(images)).numpy(),
    }


def main() -> None:
    compiled = {}
    for name, variant in VARIANTS.items():
        try:
            by_task = tasks(*variant)
            for run in by_task.values():
                run()
            compiled[name] = by_task
        except Exception as error:  # a compiler may lack an operation that the network uses
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, by_task in compiled.items():
            for task, run in by_task.items():
                started = time.perf_counter()
                for _ in range(STEPS):
                    run()
                seconds.setdefault((task, name), []).append(time.perf_counter() - started)
    print(f"Device: {backend.device()}")
    for (task, name), times in seconds.items():
        ratio = statistics.median(times) / statistics.median(seconds[task, "float32"])
        print(f"{task:<6} {name:<20} {1000 * statistics.median(times) / STEPS:7.0f} ms  {ratio:5.2f}")


if __name__ == "__main__":
    main()
