"""Which image is fitted on and which is judged, by protocol."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Indices into a data set's images.

    Attributes:
        fit: images that the detector is fitted on; normal images only.
        test: images that its scores are judged on.
    """

    fit: np.ndarray
    test: np.ndarray

    @property
    def seen(self) -> int:
        """How many of the judged images were fitted on."""
        return int(np.isin(self.test, self.fit).sum())


def split(protocol: str, labels: np.ndarray) -> Split:
    """Divides images by protocol.

    Args:
        protocol: `resubstitution`, the published study's: fitted on every normal image, judged on all images,
            the fitted ones among them.
        labels: int (N,), 0 normal and 1 anomaly.

    Raises:
        ValueError: unknown protocol, or no image of one of the two kinds.
    """
    labels = np.asarray(labels)
    if labels.min(initial=1) != 0 or labels.max(initial=0) != 1:
        raise ValueError("split: needs both normal images and anomalies")
    if protocol != "resubstitution":
        raise ValueError(f"split: unknown protocol '{protocol}'")
    return Split(fit=np.flatnonzero(labels == 0), test=np.arange(len(labels)))
