"""What every detector does."""

from pathlib import Path
from typing import Protocol, Self

import numpy as np


class Detector(Protocol):
    """Learns what is normal from normal images alone, and scores how far an image is from it."""

    def fit(self, images: np.ndarray) -> dict[str, list[float]]:
        """Fits to normal images, uint8 (N, H, W, C); returns its history, one list a curve (may be empty)."""

    def score(self, images: np.ndarray) -> np.ndarray:
        """Anomaly scores, float64 (N,), of uint8 images (N, H, W, C); higher is more abnormal."""

    def save(self, folder: Path) -> None:
        """Writes everything that `load` needs into `folder`."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The detector that `save` wrote; its scores are equal to those it gave before."""
