"""What every reference detector shares: what it looks at, and how it is kept."""

import zipfile
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from lib.core.cache import replacing
from lib.core.errors import UserError

FILE = "reference.npz"


class Reference:
    """A `lib.detectors.Detector` that costs next to nothing and sets the mark for one that costs much.

    Attributes:
        sees: what `fit` and `score` are given: `images`, uint8 (N, H, W, C), or `files`, rows of the table of
            `lib.data.images.ImageSet`, of which pixels are no part.
        how: how the score is made, in words that follow "scored by".
        learned: names of the attributes that `fit` sets; each is an array.
    """

    sees: ClassVar[Literal["images", "files"]] = "images"
    how: ClassVar[str]
    learned: ClassVar[tuple[str, ...]] = ()

    def save(self, folder: Path) -> None:
        """Writes what was learned into `folder`, which is made where it is missing."""
        with replacing(folder / FILE) as temporary:
            np.savez(temporary, **{name: getattr(self, name) for name in self.learned})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The detector that `save` wrote; its scores are equal to those it gave before.

        Raises:
            UserError: its file is not there, not readable, or another detector's.
        """
        detector = cls()
        try:
            with open(folder / FILE, "rb") as file, np.load(file) as kept:
                for name in cls.learned:
                    setattr(detector, name, kept[name])
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            line = " ".join(str(error).split())[:160]
            raise UserError(f"{folder}: not a fitted {cls.__name__} ({line}); remove the folder to fit again") from None
        return detector


def luma(images: np.ndarray) -> np.ndarray:
    """Grey images (N, H, W) of colour or grey ones (N, H, W, C): red, green and blue weigh 0.299, 0.587, 0.114."""
    return images[..., 0] if images.shape[-1] == 1 else images @ np.array([0.299, 0.587, 0.114], images.dtype)
