"""A detector on the features of a network that was fitted on ImageNet."""

import json
import zipfile
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from lib.core.cache import replacing, write_json
from lib.core.errors import UserError, did_you_mean
from lib.detectors.features.backbones import OWN, Backbone
from lib.detectors.features.gaussian import Gaussian
from lib.detectors.features.neighbours import Neighbours
from lib.detectors.features.patches import Patches

FILE = "features.npz"
METHODS = {"knn": Neighbours, "mahalanobis": Gaussian, "patches": Patches}


class Features:
    """A `lib.detectors.Detector` that looks at an image through a pretrained network.

    Attributes:
        method: what makes a score of features: `knn` and `mahalanobis` see one embedding an image, `patches` a map.
        options: what the method takes: `neighbours` of `knn`; `seed`, `size` and `share` of `patches`.
        backbone: the network.
        judge: the method itself; it can be fitted and asked with features that were made once, for many.
    """

    def __init__(
        self,
        method: Literal["knn", "mahalanobis", "patches"] = "knn",
        backbone: Backbone | str = OWN,
        **options: float,
    ):
        """Not fitted yet.

        Raises:
            UserError: there is no such method or backbone, or the backbone's weights cannot be had.
        """
        if method not in METHODS:
            hint = did_you_mean(method, list(METHODS))
            raise UserError(f"method: '{method}' is not one{hint}; there are {', '.join(METHODS)}")
        self.method, self.options = method, options
        self.judge = METHODS[method](**options)
        self.backbone = Backbone(backbone) if isinstance(backbone, str) else backbone

    def fit(self, images: np.ndarray) -> dict[str, list[float]]:
        """Fits to normal images, uint8 (N, H, W, C), at least one; there is no history."""
        if not len(images):
            raise ValueError(f"{self.method}: no images to fit to")
        if isinstance(self.judge, Patches):
            self.judge.fit(self.backbone.stream_maps(images), len(images))
        else:
            self.judge.fit(self.backbone.embed(images))
        return {}

    def score(self, images: np.ndarray) -> np.ndarray:
        """Anomaly scores, float64 (N,), at least 0; images uint8 (N, H, W, C) of the size that was fitted on."""
        if isinstance(self.judge, Patches):
            return self.judge.score(self.backbone.stream_maps(images))
        return self.judge.score(self.backbone.embed(images))

    def maps(self, images: np.ndarray) -> np.ndarray:
        """Anomaly maps of `patches`, float32 (N, H/8, W/8); see `lib.detectors.features.patches.summary`.

        Raises:
            ValueError: the method is another, which has no maps.
        """
        if not isinstance(self.judge, Patches):
            raise ValueError(f"{self.method}: only the method 'patches' has maps")
        return np.concatenate(list(self.judge.maps(self.backbone.stream_maps(images))))

    def save(self, folder: Path) -> None:
        """Writes `features.npz` and `settings.json`; the backbone's weights are not copied."""
        with replacing(folder / FILE) as temporary:
            np.savez(temporary, **{name: getattr(self.judge, name) for name in self.judge.learned})
        write_json(folder / "settings.json", self.settings())

    def settings(self) -> dict[str, Any]:
        """All that decides, with the images fitted on, what the scores are."""
        return {
            "method": self.method,
            "options": self.options,
            "backbone": self.backbone.name,
            "weights": self.backbone.key,
        }

    @classmethod
    def load(cls, folder: Path, backbone: Backbone | None = None) -> Self:
        """The detector that `save` wrote; its scores are equal to those it gave before.

        Args:
            folder: where it was saved.
            backbone: the one that it was fitted with, where that is loaded already.

        Raises:
            UserError: its files are not there or not readable, or the backbone has other weights now.
        """
        try:
            settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
            detector = cls(settings["method"], backbone or settings["backbone"], **settings["options"])
            if detector.settings() != settings:
                raise ValueError(f"its features came from {settings['backbone']} with other weights")
            with open(folder / FILE, "rb") as file, np.load(file) as kept:
                for name in detector.judge.learned:
                    setattr(detector.judge, name, kept[name])
        except (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile) as error:
            line = " ".join(str(error).split())[:160]
            raise UserError(f"{folder}: not a fitted Features ({line}); remove the folder to fit again") from None
        return detector
