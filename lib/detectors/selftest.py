"""Self-test of a device: eager, compiled and NumPy passes of a network's own layers agree.

Compiled layers have been reported wrong on one GPU back end, with no error raised: a dense layer lost its ReLU. So a
network is tried on a fixed batch before it is fitted or scores on an accelerator. Needs TensorFlow where it computes.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lib.detectors import forward

if TYPE_CHECKING:
    from lib.core.backend import keras

IMAGES = 2  # in the batch
SIDES = (64, 96, 224)  # pixels, the first that a network of any size can take
# Largest difference, as a share of the largest deviation of the reference from its mean. Measured on a processor, all
# networks of this project: 2e-5, 0.004 and 0.04. A lost ReLU: 0.35 and more.
TOLERANCE = {"float32": 1e-3, "float16": 0.03, "bfloat16": 0.12}


@dataclass(frozen=True)
class Result:
    """What a self-test found.

    Attributes:
        device: that computed.
        passed: whether every pass agreed.
        difference: the largest one seen, relative to the largest deviation of the reference from its mean.
        tolerance: that the difference has to keep to; of the least exact layer.
        layers: how many layers were computed.
        by_processor: names of layers without a NumPy pass, which were compared with an eager pass on the processor.
        layer: the first layer that computes wrong; empty if none.
        how: the pass that is wrong, `eager` or `compiled`; empty if none.
        seconds: that the test took.
    """

    device: str
    passed: bool
    difference: float
    tolerance: float
    layers: int
    by_processor: tuple[str, ...] = ()
    layer: str = ""
    how: str = ""
    seconds: float = 0.0

    def record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        found = asdict(self) | {"by_processor": list(self.by_processor)}
        return found | {"difference": float(f"{self.difference:.3g}") if np.isfinite(self.difference) else None}

    @property
    def line(self) -> str:
        """What is wrong, as one line."""
        return f"{self.device}: the layer {self.layer} computes wrong values in its {self.how} pass"


def run(parts: dict[str, "keras.Model"], device: str) -> Result:
    """Compare the passes of some networks.

    Args:
        parts: networks with one input and one or more outputs, by their name in messages.
        device: name of the device, for the result.
    """
    started, worst, count, by_processor = time.monotonic(), (0.0, 1.0), 0, []
    for name, part in parts.items():
        model = _functional(part)
        batch, tolerance = _batch(model), TOLERANCE[_dtype(model)]
        values, others = forward.outputs(model, batch)
        count += len(values)
        by_processor += [f"{name}: {other}" for other in others]
        for how, difference in _differences(model, batch, values[id(model.outputs[0])]):
            if not difference <= tolerance:
                layer = f"{name}: {_first_wrong(model, batch, values, how, tolerance)}"
                seconds = round(time.monotonic() - started, 2)
                return Result(device, False, difference, tolerance, count, tuple(by_processor), layer, how, seconds)
            worst = max(worst, (difference, tolerance), key=lambda pair: pair[0] / pair[1])
    seconds = round(time.monotonic() - started, 2)
    return Result(device, True, *worst, count, tuple(by_processor), seconds=seconds)


def _functional(part: "keras.Model") -> "keras.Model":
    from lib.core.backend import keras

    return keras.Model(part.inputs, part.outputs[0])


def _batch(model: "keras.Model") -> np.ndarray:
    """A fixed batch: pixels in [0, 1], or standard normal values of a latent vector."""
    shape = model.inputs[0].shape[1:]
    if None in shape:
        shape = next(sized for side in SIDES if _fits(model, sized := (side, side, shape[-1])))
    random = np.random.default_rng(0)
    draw = random.random if len(shape) == 3 else random.standard_normal
    return draw((IMAGES, *shape), dtype=np.float32)


def _fits(model: "keras.Model", shape: tuple[int, ...]) -> bool:
    from lib.core.backend import keras

    try:
        return 0 not in model.compute_output_spec(keras.KerasTensor((IMAGES, *shape))).shape
    except ValueError:
        return False


def _dtype(model: "keras.Model") -> str:
    """The least exact arithmetic of its layers."""
    used = {str(getattr(layer, "compute_dtype", "float32")) for layer in model.layers}
    return next((dtype for dtype in reversed(TOLERANCE) if dtype in used), "float32")


def _passes(model: "keras.Model") -> dict[str, Callable]:
    from lib.core.backend import tf

    def eager(values):
        return model(values, training=False)

    return {"eager": eager, "compiled": tf.function(eager)}


def _differences(model: "keras.Model", batch: np.ndarray, expected: np.ndarray) -> Iterator[tuple[str, float]]:
    from lib.core.backend import tf

    spread = float(np.abs(expected - expected.mean()).max()) or 1.0
    for how, compute in _passes(model).items():
        found = tf.cast(compute(tf.constant(batch)), tf.float32).numpy()
        difference = float(np.abs(found - expected).max()) / spread if found.shape == expected.shape else np.inf
        yield how, difference


def _first_wrong(model, batch: np.ndarray, values: dict[int, np.ndarray], how: str, tolerance: float) -> str:
    """The layer up to which a pass is wrong, and before which it is right, found by halving."""
    from lib.core.backend import keras

    steps = [operation for operation in model.operations if id(operation.output) in values]
    right, wrong = 0, len(steps) - 1  # the input is right, the whole is wrong
    while wrong - right > 1:
        middle = (right + wrong) // 2
        output = steps[middle].output
        some = dict(_differences(keras.Model(model.inputs, output), batch, values[id(output)]))
        right, wrong = (middle, wrong) if some[how] <= tolerance else (right, middle)
    return steps[wrong].name
