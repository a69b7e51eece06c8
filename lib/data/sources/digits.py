"""scikit-learn's handwritten digits: 1,797 grey images of 8 × 8 pixels with 17 levels, part of the library."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import numpy as np

from lib.data.sources.base import Original, register

if TYPE_CHECKING:
    from lib.params import Parameters


@register
class Digits:
    """The digits; see `Source` for the members."""

    names = ("digits",)
    fallback = False
    name = "digits"
    version = "scikit-learn"
    channels = 1
    count = 1797
    class_names = tuple(str(digit) for digit in range(10))

    @classmethod
    def of(cls, params: "Parameters") -> Self | None:
        """The source where `dataset` is `digits`."""
        return cls() if params.dataset in cls.names else None

    def ready(self, download: bool = True) -> None:
        """Nothing to download."""

    def originals(self) -> Iterator[Original]:
        """Every digit, in scikit-learn's order."""
        from sklearn.datasets import load_digits

        bundle = load_digits()
        for number, (image, target) in enumerate(zip(bundle.images, bundle.target, strict=True)):
            pixels = np.rint(image / 16 * 255).astype(np.uint8)[..., None]
            yield Original(f"{target}/{number:04d}", str(target), pixels=pixels)
