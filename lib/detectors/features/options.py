"""The options that all detectors on pretrained features have, and what is known of a backbone without loading it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from lib.core import cache
from lib.core.errors import UserError
from lib.core.provenance import versions
from lib.detectors.base import Options
from lib.detectors.features import files

DEFAULT = "efficientnet_lite0"  # its weights come with the installation
DEFAULT_SIZE = 224
BACKBONES = "lib.detectors.features.networks.backbones"


@dataclass(frozen=True)
class Facts:
    """What is known of a backbone.

    Attributes:
        size: side of the images that it was fitted on, pixels.
        fixed: whether it takes images of this size only.
        maps: whether it has feature maps, which patches need.
    """

    size: int
    fixed: bool = False
    maps: bool = True


class BackboneOptions(Options):
    """Options of a detector on the features of a pretrained network."""

    backbone: str = Field(
        DEFAULT, min_length=1, description="pretrained network, or the path of a `.keras` file, relative to `params/`"
    )
    sha256: str = Field("", description="of the backbone where it is a file, 64 hex digits; required there")
    size: int = Field(
        0, ge=0, le=512, description="side of the images, pixels; 0: that which the network was fitted on"
    )
    tiles: int = Field(
        1, ge=1, le=8, description="images are cut into tiles × tiles pieces of `size`, each scored alone"
    )
    seed: int = Field(555, ge=0, le=2**31 - 1, description="of methods for patches: seed of every random draw")

    @property
    def needs_maps(self) -> bool:
        """Whether the detector needs feature maps."""
        return True

    @property
    def side(self) -> int:
        """Side of the images that the network is given, pixels: of the tiles, where there are any."""
        return self.size or facts(self.backbone, self.sha256).size

    @model_validator(mode="after")
    def _fits_the_backbone(self) -> Self:
        try:
            known = facts(self.backbone, self.sha256)
        except UserError as error:
            raise ValueError(str(error)) from None
        if known.fixed and self.size not in (0, known.size):
            raise ValueError(f"size: {self.backbone} takes images of {known.size} pixels only, and is {self.size}")
        if self.needs_maps and not known.maps:
            raise ValueError(
                f"backbone: {self.backbone} has one embedding for each image, and patches need a map (N, h, w, D); "
                "use `features` with the method knn or mahalanobis"
            )
        return self

    @classmethod
    def describe(cls, title: str, given: Mapping[str, Any]) -> str:
        """`features, combined, 96 px, share 0.2`."""
        words = {
            "size": lambda value: f"{value} px",
            "backbone": lambda value: Path(value).stem,
            "tiles": lambda value: f"{value} × {value} tiles",
            "patches": str,
        }
        named = ["size", *(key for key in given if key not in ("size", "sha256"))]
        texts = [words.get(key, lambda value, key=key: f"{key} {value:g}")(given[key]) for key in named if key in given]
        return ", ".join([title, *texts])


def facts(backbone: str, sha256: str = "") -> Facts:
    """What is known of a backbone; asked of Keras once and kept.

    Raises:
        UserError: there is no backbone of that name, or it is a file that is not there or not the one that was meant.
    """
    if backbone == DEFAULT:
        return Facts(DEFAULT_SIZE)

    def ask(folder: Path) -> None:
        from lib.detectors.features.networks import backbones

        size, fixed, maps = backbones.facts(backbone, sha256)
        cache.write_json(folder / "facts.json", asdict(Facts(size, fixed, maps)))

    key = cache.content_key(identity(backbone, sha256), cache.code_of(BACKBONES), versions()["keras"])
    return Facts(**cache.read_json(cache.cached("backbones", key, ask) / "facts.json"))


def identity(backbone: str, sha256: str = "") -> str:
    """What keys know a backbone by: its name, or the SHA-256 of its file, wherever that is.

    Raises:
        UserError: as `files.check`.
    """
    return files.check(backbone, sha256) if files.is_file(backbone) else backbone
