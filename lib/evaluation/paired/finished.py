"""A finished study as it is compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lib.core import traced
from lib.data import ImageSet
from lib.params import Parameters
from lib.study import Run


@dataclass(frozen=True)
class Finished:
    """A study whose report is complete.

    Attributes:
        params: the parameters that it was made with.
        run: its run folder.
        images: its prepared images, those that the report was made of.
    """

    params: Parameters
    run: Run
    images: ImageSet

    @property
    def name(self) -> str:
        """The name of the study."""
        return self.params.study

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """`metrics.json`."""
        return traced.plain(self.run.read("metrics"))

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """`manifest.json`."""
        return self.run.read("manifest")

    @cached_property
    def files(self) -> Mapping[str, str]:
        """SHA-256 of the file of every image, by id."""
        return dict(zip(self.images.table["id"], self.images.table["sha256"], strict=True))
