"""A detector on the features of a network that was fitted on ImageNet."""

import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from lib.core import cache
from lib.core.errors import UserError
from lib.core.provenance import versions
from lib.detectors.base import Detector, History, Images, Options, register
from lib.detectors.features.gaussian import Gaussian
from lib.detectors.features.neighbours import Neighbours
from lib.detectors.features.patches import CORESET, Patches

if TYPE_CHECKING:
    from lib.detectors.features.networks.backbones import Backbone

DEFAULT = "efficientnet_lite0"  # its weights come with the installation
DEFAULT_SIZE = 224
_BACKBONES = "lib.detectors.features.networks.backbones"
_TITLES = {"knn": "nearest neighbours", "mahalanobis": "Mahalanobis", "patches": "patches"}


class FeaturesOptions(Options):
    """Options of a detector on pretrained features."""

    backbone: str = Field(DEFAULT, min_length=1, description="pretrained network")
    method: Literal["knn", "mahalanobis", "patches"] = Field("knn", description="how features are scored")
    size: int = Field(
        0, ge=0, le=512, description="side of the images, pixels; 0: that which the network was fitted on"
    )
    neighbours: int = Field(2, ge=1, le=1000, description="of knn: number of nearest neighbours that are averaged")
    coreset: int = Field(CORESET, ge=1, le=100_000, description="of patches: number of normal patches compared with")
    share: float = Field(
        0.0, ge=0, le=1, description="of patches: share of an image's patches whose mean is its score; 0: the farthest"
    )
    seed: int = Field(555, ge=0, le=2**31 - 1, description="of patches: seed of the coreset")

    @field_validator("backbone")
    @classmethod
    def _is_a_backbone(cls, name: str) -> str:
        try:
            own_size(name)
        except UserError as error:
            raise ValueError(str(error)) from None
        return name

    @classmethod
    def describe(cls, title: str, given: Mapping[str, Any]) -> str:
        """`features, nearest neighbours, 96 px`."""
        size = [f"{given['size']} px"] if "size" in given else []
        other = [
            value if key == "backbone" else f"{key} {value:g}"
            for key, value in given.items()
            if key not in {"method", "size"}
        ]
        return ", ".join([title, _TITLES[given.get("method", "knn")], *size, *other])


@register("features", family="features", title="features", options=FeaturesOptions)
class Features(Detector):
    """Scores by distances between features of a pretrained network.

    `knn` and `mahalanobis` compare one embedding for each image, `patches` a map of features, which gives heat maps.

    Attributes:
        scorer: computes scores from features.
    """

    options: FeaturesOptions
    uses_device = True

    def __init__(self, options: FeaturesOptions):
        super().__init__(options)
        self._weights = ""  # key of the backbone's weights, of a detector that was loaded
        if options.method == "patches":
            self.scorer = Patches(options.seed, options.coreset, options.share)
        else:
            self.scorer = Neighbours(options.neighbours) if options.method == "knn" else Gaussian()
        if options.method == "patches":
            self.heatmap = self._heatmap
        if options.method == "knn":
            self.left_out = self.scorer.left_out

    @cached_property
    def backbone(self) -> "Backbone":
        """The pretrained network, loaded when it is first needed.

        Raises:
            UserError: its weights cannot be had, or are not those that the detector was fitted with.
        """
        from lib.detectors.features.networks.backbones import Backbone

        backbone = Backbone(self.options.backbone)
        if self._weights and self._weights != backbone.key:
            raise UserError(
                f"features: fitted with other weights of {self.options.backbone} than those installed now; fit it again"
            )
        return backbone

    @property
    def size(self) -> int:
        """Side of the images that it looks at, pixels."""
        return self.options.size or own_size(self.options.backbone)

    def prepare(self, images: Images) -> float:
        """Makes the embeddings; returns the seconds that they took when they were made."""
        return 0.0 if self.options.method == "patches" else self._embedded(images)[1]

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Fits the method to the features of the images at `indices`; there is no history."""
        if self.options.method == "patches":
            self.scorer.fit(self.backbone.stream_maps(images.pixels(self.size)[indices]), len(indices))
        else:
            self.scorer.fit(self._embedded(images)[0][indices])
        return {}

    def score(self, images: Images) -> np.ndarray:
        """Anomaly scores, float64 (N,), at least 0."""
        if self.options.method == "patches":
            return self.scorer.score(self.backbone.stream_maps(images.pixels(self.size)))
        return self.scorer.score(self._embedded(images)[0])

    def _heatmap(self, images: Images) -> np.ndarray:
        """Distances of patches to the nearest normal patch, float32 (N, size/8, size/8)."""
        return np.concatenate(list(self.scorer.maps(self.backbone.stream_maps(images.pixels(self.size)))))

    def arrays(self) -> dict[str, np.ndarray]:
        """What the method has learned, and the key of the backbone's weights."""
        learned = {name: getattr(self.scorer, name) for name in self.scorer.learned}
        return learned | {"weights": np.array(self._weights or self.backbone.key)}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes what `arrays` returned."""
        self._weights = str(arrays["weights"])
        for name in self.scorer.learned:
            setattr(self.scorer, name, arrays[name])

    @staticmethod
    def short_form(backbone: str, image_size: int, backbone_size: int) -> list[dict[str, Any]]:
        """Options of the detectors that the parameter `backbone` of a study stands for.

        They are both methods on embeddings at the study's size of image and at the backbone's, and the mean distance of
        patches. Not the largest distance, as where a defect is looked for: another kind of image differs all over.
        """
        sizes = sorted({image_size, backbone_size or own_size(backbone)})
        wanted = [{"method": method, "size": size} for size in sizes for method in ("knn", "mahalanobis")]
        wanted.append({"method": "patches", "size": image_size, "share": 1.0})
        return [
            {"backbone": backbone, **options, "label": f"features, {_TITLES[options['method']]}, {options['size']} px"}
            for options in wanted
        ]

    def _embedded(self, images: Images) -> tuple[np.ndarray, float]:
        """One embedding an image, float32 (N, D), and the seconds that they took; kept where images are on disk."""
        sized = images.at(self.size)
        pixels = sized.pixels()
        if not isinstance(pixels, np.memmap):  # a few images in memory
            return self.backbone.embed(pixels), 0.0
        libraries = [versions()[name] for name in ("numpy", "keras")]
        key = cache.content_key(sized.fingerprint, self.options.backbone, cache.code_of(_BACKBONES), libraries)

        def embed(folder: Path) -> None:
            backbone, started = self.backbone, time.monotonic()
            np.save(folder / "embeddings.npy", backbone.embed(pixels))
            cache.write_json(folder / "seconds.json", round(time.monotonic() - started, 2))

        folder = cache.cached("features", key, embed)
        return np.load(folder / "embeddings.npy"), cache.read_json(folder / "seconds.json")


def own_size(backbone: str) -> int:
    """Side of the images that a backbone was fitted on, pixels; asked of Keras once and kept.

    Raises:
        UserError: there is no backbone of that name.
    """
    if backbone == DEFAULT:
        return DEFAULT_SIZE

    def ask(folder: Path) -> None:
        from lib.detectors.features.networks import backbones

        cache.write_json(folder / "size.json", backbones.own_size(backbone))

    key = cache.content_key(backbone, cache.code_of(_BACKBONES), versions()["keras"])
    return cache.read_json(cache.cached("backbones", key, ask) / "size.json")
