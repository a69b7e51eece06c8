"""Where a training step of the published autoencoder spends its time: `python benchmarks/profile_step.py`.

Operations run one after another here: two at a time would share the cores, and each would seem slower than it is.
"""

import collections
import glob
import os
import re
import tempfile

os.environ["TF_NUM_INTEROP_THREADS"] = "1"  # read when TensorFlow is imported

import autoencoder

from lib.core.backend import keras, tf
from lib.detectors.reconstruction.networks import training

STEPS = 6


def main() -> None:
    model, optimizer = autoencoder.network().model, training.OnePassAdam(0.001)
    variables = model.trainable_variables
    optimizer.build(variables)
    images = tf.constant(autoencoder.batch())

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
        milliseconds = by_operation(glob.glob(f"{folder}/**/*.xplane.pb", recursive=True)[0])
    total = sum(milliseconds.values())
    print(f"{total / STEPS:.0f} ms a step of {len(images)} images, by operation:")
    for name, value in sorted(milliseconds.items(), key=lambda pair: -pair[1])[:25]:
        print(f"{value / STEPS:8.1f} ms {value / total:6.1%}  {name}")


def by_operation(path: str) -> dict[str, float]:
    """Milliseconds by layer and operation, from a recorded profile."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    with open(path, "rb") as file:
        space.ParseFromString(file.read())
    milliseconds: dict[str, float] = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                if ":" in name and not name.startswith(("$", "Eager", "ExecutorState", "KernelAndDeviceFunc")):
                    operation, _, kind = name.partition(":")
                    kind = kind.removeprefix("_MklNative").removeprefix("_Mkl")
                    backwards = "backwards " if "gradient_tape" in operation or "Backprop" in operation else ""
                    layer = re.sub(r".*?((?:conv2d|dense|image|latent|one_pass_adam)\w*).*", r"\1", operation)
                    milliseconds[f"{backwards}{layer}: {kind}"] += event.duration_ps / 1e9
    return milliseconds


if __name__ == "__main__":
    main()
