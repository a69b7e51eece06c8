"""Where a step of the published fit spends its time, by operation: `python benchmarks/profile_step.py`.

Operations run one after another here, as two at once would share the cores and each look slower than it is. The share
of the matrix product's rate is of multiplications and additions that the layer needs, however it is computed.
"""

import collections
import glob
import os
import re
import tempfile

import numpy as np

os.environ["TF_NUM_INTEROP_THREADS"] = "1"  # read when TensorFlow is imported

import lib.core.backend  # noqa: F401 - with the suite's settings, and quietly
from lib import detectors, params
from lib.core.backend import keras, tf
from lib.detectors.reconstruction import training

STEPS = 6


def main() -> None:
    study = params.load("airplanes")
    detector = detectors.build("autoencoder", study, 3)
    model, optimizer = detector.model, training.OnePassAdam(0.001)
    variables = model.trainable_variables
    optimizer.build(variables)
    images = tf.constant(np.random.default_rng(0).random((study.batch_size, 96, 96, 3), np.float32))

    @tf.function(jit_compile=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.mean_squared_error(images, model(images, training=True)))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    for _ in range(3):
        step()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(STEPS):
            step().numpy()
        tf.profiler.experimental.stop()
        spent = by_operation(glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)[0])
    total = sum(spent.values())
    print(f"{total / STEPS:.0f} ms a step of {study.batch_size} images, by operation:")
    for name, milliseconds in sorted(spent.items(), key=lambda pair: -pair[1])[:25]:
        print(f"{milliseconds / STEPS:8.1f} ms {milliseconds / total:6.1%}  {name}")


def by_operation(path: str) -> dict[str, float]:
    """Milliseconds by operation and layer, of a recorded profile."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    with open(path, "rb") as file:
        space.ParseFromString(file.read())
    spent: dict[str, float] = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if ":" in name and not name.startswith(("$", "Eager", "ExecutorState", "KernelAndDeviceFunc")):
                    operation, _, kind = name.partition(":")
                    backwards = "backwards " if "gradient_tape" in operation or "Backprop" in operation else ""
                    layer = re.sub(r".*?((?:conv2d|dense|image|latent|one_pass_adam)\w*).*", r"\1", operation)
                    spent[f"{backwards}{layer}: {kind.removeprefix('_MklNative').removeprefix('_Mkl')}"] += (
                        event.duration_ps / 1e9
                    )
    return spent


if __name__ == "__main__":
    main()
