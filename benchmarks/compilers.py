"""A step of the fit and a pass of scoring with XLA and without, in float32 and mixed: `python benchmarks/compilers.py`.

What the suite does on a device is chosen by this. Each way is timed in turn, several times over; ratios are to the
suite's own way, float32 without XLA, and a ratio above 1 is slower.
"""

import statistics
import time

import numpy as np

import lib.core.backend  # noqa: F401 - with the suite's settings, and quietly
from lib import detectors, params
from lib.core import backend
from lib.core.backend import tf
from lib.detectors.reconstruction import training

WAYS = {
    "float32": ("float32", False),
    "float32, XLA": ("float32", True),
    "mixed_bfloat16": ("mixed_bfloat16", False),
    "mixed_bfloat16, XLA": ("mixed_bfloat16", True),
}
ROUNDS, STEPS = 5, 3


def ways() -> dict:
    """By way, a step of fitting and a pass of scoring one batch."""
    study = params.load("airplanes")
    images = np.random.default_rng(0).random((study.batch_size, 96, 96, 3), np.float32)
    made = {}
    for name, (precision, xla) in WAYS.items():
        chosen = study.model_copy(update={"precision": precision})
        model = detectors.build("autoencoder", chosen, 3).model
        model.compile(training.OnePassAdam(0.001), loss="mse", jit_compile=xla)
        forward = tf.function(lambda batch, model=model: model(batch, training=False), jit_compile=xla)
        made[name] = {
            "fit": lambda model=model: model.train_on_batch(images, images),
            "score": lambda forward=forward: forward(tf.constant(images)).numpy(),
        }
    return made


def main() -> None:
    made = ways()
    failed = set()
    for name, steps in made.items():
        for step in steps.values():
            try:
                step()
            except Exception as error:  # a compiler may refuse an operation of ours
                print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
                failed.add(name)
                break
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(ROUNDS):
        for name, steps in made.items():
            if name not in failed:
                for what, step in steps.items():
                    started = time.perf_counter()
                    for _ in range(STEPS):
                        step()
                    seconds.setdefault((name, what), []).append(time.perf_counter() - started)
    print(f"Device: {backend.device()}")
    for (name, what), times in seconds.items():
        ratio = statistics.median(times) / statistics.median(seconds["float32", what])
        print(f"{what:<6} {name:<20} {1000 * statistics.median(times) / STEPS:7.0f} ms  {ratio:5.2f}")


if __name__ == "__main__":
    main()
