"""A detector on the features of a network that was fitted on ImageNet."""

import time
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from lib.core import cache
from lib.core.errors import UserError
from lib.core.provenance import versions
from lib.detectors import batches
from lib.detectors.base import Detector, History, Images, register
from lib.detectors.features.autoencoder import Autoencoder
from lib.detectors.features.gaussian import Gaussian
from lib.detectors.features.neighbours import Neighbours, directions, nearest
from lib.detectors.features.options import BACKBONES, BackboneOptions, facts, identity
from lib.detectors.features.patches import CORESET, POOL, Patches
from lib.detectors.features.positions import Positions

if TYPE_CHECKING:
    from lib.detectors.features.networks.backbones import Backbone

KNOWN = 50_000  # embeddings of images fitted on that are kept at most: 256 MB
MAPPED = 32  # pixels, side of images of which a map has enough patches, 4 × 4
CHUNK = 4096  # embeddings that are scored at once
_TITLES = {
    "knn": "nearest neighbours",
    "mahalanobis": "Mahalanobis",
    "patches": "patches",
    "positions": "positions",
    "autoencoder": "autoencoder",
}


class FeaturesOptions(BackboneOptions):
    """Options of a detector on pretrained features."""

    scoring: ClassVar[frozenset[str]] = frozenset({"share"})

    method: Literal["knn", "mahalanobis", "patches", "positions", "autoencoder"] = Field(
        "knn", description="how features are scored"
    )
    neighbours: int = Field(2, ge=1, le=1000, description="of knn: number of nearest neighbours that are averaged")
    coreset: int = Field(CORESET, ge=1, le=100_000, description="of patches: number of normal patches compared with")
    share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="of methods for patches: share of a tile's patches whose mean is its score; 0: the farthest",
    )

    @property
    def needs_maps(self) -> bool:
        """Whether the method compares patches."""
        return self.method in ("patches", "positions", "autoencoder")

    @classmethod
    def describe(cls, title: str, given: Mapping[str, Any]) -> str:
        """`features, nearest neighbours, 96 px`."""
        other = {key: value for key, value in given.items() if key != "method"}
        return super().describe(f"{title}, {_TITLES[given.get('method', 'knn')]}", other)


@register("features", family="features", title="features", options=FeaturesOptions)
class Features(Detector):
    """Scores by distances between features of a pretrained network.

    `knn` and `mahalanobis` compare one embedding for each image. The others compare a map of features, which gives heat
    maps: `patches` with the nearest normal patch, wherever it is, `positions` with the normal patches at the same
    place, and `autoencoder` with what a network fitted to normal patches makes of it. With the option `tiles`, large
    images are cut into tiles, each is scored as an image is, and the image has the highest score of its tiles. A tile
    is compared with the tiles of all normal images, wherever in the image they are; only `positions` compares it with
    those of the same place.

    Attributes:
        scorer: computes scores from features.
        rows: of knn: which of the images fitted on it compares with, int64 (k,), ascending: all, or evenly spaced ones
            where they are more than `KNOWN` tiles.
    """

    options: FeaturesOptions
    uses_device = True

    def __init__(self, options: FeaturesOptions):
        super().__init__(options)
        self.rows = np.zeros(0, np.int64)
        self._weights = ""  # key of the backbone's weights, of a detector that was loaded
        if options.method == "patches":
            self.scorer = Patches(options.seed, options.coreset, options.share, options.tiles)
        elif options.method == "positions":
            self.scorer = Positions(options.seed, options.share, options.tiles)
        elif options.method == "autoencoder":
            self.scorer = Autoencoder(options.seed, options.share, options.tiles)
        elif options.method == "knn":
            self.scorer = Neighbours(options.neighbours, options.tiles**2)
            self.left_out, self.embed, self.nearest = self._left_out, self._embed, self._nearest
        else:
            self.scorer = Gaussian()
        if options.needs_maps:
            self.heatmap = self._heatmap

    @cached_property
    def backbone(self) -> "Backbone":
        """The pretrained network, loaded when it is first needed.

        Raises:
            UserError: its weights cannot be had, or are not those that the detector was fitted with.
        """
        from lib.detectors.features.networks import backbones

        backbone = backbones.loaded(self.options.backbone, self.options.sha256)
        if self._weights and self._weights != backbone.key:
            raise UserError(
                f"features: fitted with other weights of {self.options.backbone} than those installed now; fit it again"
            )
        return backbone

    def networks(self, channels: int) -> dict[str, Any]:
        """The Keras model that a self-test of the device tries."""
        return {"backbone": self.backbone.network}

    @property
    def size(self) -> int:
        """Side of the images that it looks at, pixels: of whole images, where they are cut into tiles."""
        return self.options.side * self.options.tiles

    def prepare(self, images: Images) -> float:
        """Makes the embeddings; returns the seconds that they took when they were made."""
        return 0.0 if self.options.needs_maps else self._embedded(images)[1]

    def prepare_score(self, images: Images) -> float:
        """Makes the heat maps of patches; returns the seconds that they took when they were made."""
        return self._mapped(images)[1] if self.options.needs_maps else 0.0

    def learn(self, images: Images, indices: np.ndarray) -> History:
        """Fits the method to the features of the images at `indices`; there is no history."""
        if self.options.needs_maps:
            used = batches.spaced(indices, POOL)
            maps = self._features(images.pixels(self.size), used)
            self.scorer.fit(maps, len(used))
        else:
            embeddings = self._embedded(images)[0]
            self.rows = batches.spaced(np.arange(len(indices)), max(KNOWN // self.options.tiles**2, 1))
            used = self._by_image(embeddings)[indices[self.rows]]
            self.scorer.fit(used.reshape(-1, embeddings.shape[-1]))
        return {}

    def score(self, images: Images) -> np.ndarray:
        """Anomaly scores, float64 (N,), at least 0."""
        if self.options.needs_maps:
            found = [self.scorer.score(batch) for batch in batches.slices(self._mapped(images)[0])]
            return np.concatenate(found or [np.empty(0)])
        found = [self.scorer.score(batch) for batch in batches.slices(self._embedded(images)[0], CHUNK)]
        return np.concatenate(found or [np.empty(0)]).reshape(-1, self.options.tiles**2).max(axis=1)

    def _embed(self, images: Images) -> np.ndarray:
        """Embeddings, float32 (N, D): of length 1; the mean of those of an image's tiles, where it has several."""
        return self._by_image(directions(self._embedded(images)[0])).mean(axis=1)

    def _nearest(self, images: Images) -> np.ndarray:
        """Which of the images fitted on, in the order of their indices, has the nearest embedding, int (N,)."""
        return self.rows[nearest(self._embed(images), self._by_image(self.scorer.known).mean(axis=1), 1)[:, 0]]

    def _left_out(self) -> np.ndarray:
        """Score of each image fitted on by all others, float64 (n,); empty without others or if not all are kept."""
        all_kept = len(self.rows) and self.rows[-1] == len(self.rows) - 1
        return self.scorer.left_out() if all_kept else np.empty(0)

    def _heatmap(self, images: Images, indices: np.ndarray | None = None) -> np.ndarray:
        """Distances of patches to the nearest normal patch, float32 (n, size/8, size/8) for the backbones with names.

        Args:
            images: the images.
            indices: of those to draw; all by default. They are read where the scores of all images left them.
        """
        chosen = np.arange(len(images)) if indices is None else np.asarray(indices)
        sized = images.at(self.size)
        if isinstance(sized.pixels(), np.memmap) and cache.has("patch_maps", self._maps_key(sized)):
            return self._mapped(images)[0][chosen]
        return np.concatenate(list(self._draw(sized.pixels(), chosen)))

    def arrays(self) -> dict[str, np.ndarray]:
        """What the method has learned, and the key of the backbone's weights."""
        learned = {name: getattr(self.scorer, name) for name in self.scorer.learned}
        if self.options.method == "knn":
            learned["rows"] = self.rows
        return learned | {"weights": np.array(self._weights or self.backbone.key)}

    def set_arrays(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes what `arrays` returned."""
        self._weights = str(arrays["weights"])
        if self.options.method == "knn":
            self.rows = arrays["rows"]
        for name in self.scorer.learned:
            setattr(self.scorer, name, arrays[name])

    @staticmethod
    def short_form(backbone: str, image_size: int, backbone_size: int, sha256: str = "") -> list[dict[str, Any]]:
        """Options of the detectors that the parameter `backbone` of a study stands for.

        They are both methods on embeddings at the study's size of image and at the backbone's, and the mean distance of
        patches. Not the largest distance, as where a defect is looked for: another kind of image differs all over.
        """
        known = facts(backbone, sha256)
        own = backbone_size or known.size
        sizes = [own] if known.fixed else sorted({image_size, own})
        wanted = [{"method": method, "size": size} for size in sizes for method in ("knn", "mahalanobis")]
        if known.maps:
            enough = next((size for size in sizes if size >= MAPPED), sizes[-1])
            wanted.append({"method": "patches", "size": enough, "share": 1.0})
        return [
            {"backbone": backbone, **options, "label": f"features, {_TITLES[options['method']]}, {options['size']} px"}
            for options in wanted
        ]

    def _by_image(self, rows: np.ndarray) -> np.ndarray:
        """Rows of embeddings, (N · n², D), as those of each image, (N, n², D)."""
        return rows.reshape(-1, self.options.tiles**2, rows.shape[-1])

    def _embedded(self, images: Images) -> tuple[np.ndarray, float]:
        """One embedding a tile, float32 (N · n², D), and the seconds that they took; kept where images are on disk."""
        sized, pieces = images.at(self.size), self.options.tiles
        pixels = sized.pixels()
        if not isinstance(pixels, np.memmap):  # a few images in memory
            return np.concatenate(list(self.backbone.stream_embeddings(pixels, None, pieces))), 0.0
        known_as = identity(self.options.backbone, self.options.sha256)
        key = cache.content_key(sized.fingerprint, known_as, pieces, cache.code_of(BACKBONES), _libraries())

        def embed(folder: Path) -> None:
            backbone, started = self.backbone, time.monotonic()
            rows = backbone.stream_embeddings(pixels, None, pieces)
            batches.save(folder / "embeddings.npy", rows, len(pixels) * pieces**2)
            cache.write_json(folder / "seconds.json", round(time.monotonic() - started, 2))

        folder = cache.cached("features", key, embed)
        return np.load(folder / "embeddings.npy", mmap_mode="r"), cache.read_json(folder / "seconds.json")

    def _mapped(self, images: Images) -> tuple[np.ndarray, float]:
        """The heat map of each image, float32 (N, h, w), and the seconds that they took; kept as embeddings are.

        Every value of `share` reads the same ones.
        """
        sized = images.at(self.size)
        pixels = sized.pixels()
        if not isinstance(pixels, np.memmap):
            return np.concatenate(list(self._draw(pixels, None))), 0.0

        def draw(folder: Path) -> None:
            self.backbone  # noqa: B018 - loaded before the clock starts
            started = time.monotonic()
            batches.save(folder / "maps.npy", self._draw(pixels, None), len(pixels))
            cache.write_json(folder / "seconds.json", round(time.monotonic() - started, 2))

        folder = cache.cached("patch_maps", self._maps_key(sized), draw)
        return np.load(folder / "maps.npy", mmap_mode="r"), cache.read_json(folder / "seconds.json")

    def _maps_key(self, sized: Images) -> str:
        """The key of the heat maps of all images, by what the detector has learned."""
        code = (cache.code_of(BACKBONES), cache.code_of(type(self.scorer).__module__))
        return cache.content_key(sized.fingerprint, self.key(), *code, _libraries())

    def _draw(self, pixels: np.ndarray, indices: np.ndarray | None):
        return self.scorer.maps(self._features(pixels, indices))

    def _features(self, pixels: np.ndarray, indices: np.ndarray | None):
        return self.backbone.stream_maps(pixels, indices, self.options.tiles, self.scorer.layers)


def _libraries() -> list[str]:
    return [versions()[name] for name in ("numpy", "keras")]
