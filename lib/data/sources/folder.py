"""A user's own images: a folder, or a manifest; see `lib.data.layouts` for how it may be arranged."""

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tqdm import tqdm

from lib.core import paths
from lib.core.errors import UserError
from lib.data import decoding, intensity, layouts, manifests, resizing
from lib.data.sources.base import Original, check_class, register

if TYPE_CHECKING:
    from lib.params import Parameters


@register
class Folder:
    """A folder or manifest; see `Source` for the members."""

    names = ("folder",)
    fallback = False

    def __init__(self, path: Path, normal_class: str, rule: str, unreadable_share: float):
        self.layout = layouts.look(path, normal_class)
        self.name = path.stem if path.is_file() and path.name not in manifests.NAMES else self.layout.root.name
        self.version = self.layout.version
        self.count = len(self.layout.table)
        self.class_names = self.layout.class_names
        self.unreadable_share = unreadable_share
        self.settings = (rule, normal_class)
        check_class(normal_class, list(self.class_names), self.name)

    @classmethod
    def of(cls, params: "Parameters") -> Self | None:
        """The source where `dataset` is `folder`; `images` is relative to the folder of the parameter sets."""
        if params.dataset not in cls.names:
            return None
        path = Path(os.path.normpath(paths.params_folder() / paths.expanded(params.images)))
        return cls(path, params.normal_class, params.intensity, params.unreadable_share)

    def ready(self, download: bool = True) -> None:
        """Nothing to download."""

    @property
    def channels(self) -> int:
        """1 if every image is grey, else 3."""
        return self._looked_at[0]

    def preparation(self) -> dict[str, Any]:
        """How the images are prepared.

        Raises:
            UserError: there are float images, and `intensity` is not given.
        """
        rule, channels, measured = self.settings[0], *self._looked_at
        limits = intensity.limits(rule, self._measurements(measured)) if measured or rule.startswith("window") else None
        return {"resize": resizing.ANTIALIASED, "channels": channels, "intensity": list(limits or [])}

    def originals(self) -> Iterator[Original]:
        """Every image once, as the path of its file, sorted by id."""
        table = self.layout.table
        columns = (table[name] for name in ("id", "class_name", "given", "group", "mask"))
        for name, class_name, given, group, mask in zip(*columns, strict=True):
            path = self.layout.root / name
            yield Original(name, class_name, path=path, given=given, group=group, mask=mask)

    @functools.cached_property
    def _looked_at(self) -> tuple[int, list[str]]:
        """Channels, and ids of the images of more than 8 bits, from the headers of all files."""
        grey, measured = True, []
        for name in tqdm(self.layout.table["id"], "Looking at images", unit="image", disable=None, leave=False):
            try:
                with open(self.layout.root / name, "rb") as file:
                    is_grey, bits = decoding.looked_at(file)
            except (decoding.Unreadable, OSError):
                continue  # listed when the images are prepared
            if bits > 16 and not self.settings[0]:
                raise UserError(
                    f"intensity: {name} has float or 32-bit values; say which of them are black and white, such as "
                    "`intensity: window:0,1` or `intensity: percentile:0.5,99.5`"
                )
            grey &= is_grey
            if bits > 8:
                measured.append(name)
        return 1 if grey else 3, measured

    def _measurements(self, names: list[str]) -> Iterator[Any]:
        for name in names:
            try:
                yield decoding.decode((self.layout.root / name).read_bytes()).pixels
            except (decoding.Unreadable, OSError):
                continue
