"""Prepared images: one memory-mapped array for each size, with a table of what each image was.

TensorFlow is imported only when images have to be prepared.
"""

import functools
import hashlib
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.core import cache, paths
from lib.core.errors import UserError
from lib.data import masks, preparation, resizing, sources
from lib.data.decoding import Unreadable
from lib.data.sources.base import Source, Unavailable, check_class
from lib.params import Parameters


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as a detector is given them.

    Attributes:
        name: name of the data set.
        version: its version.
        images: uint8 (N, H, W, C), 0 to 255, read-only; memory-mapped where a file holds them; C is 1 or 3.
        table: one row an image in the same order: `id` (`class/file name`, of a user's folder the path below it),
            `class_name`, and of the original file `height` and `width` (pixels), `file_bytes` and `sha256`. Of a
            user's folder also `group`, `given` (`train`, `validation` or `test`), `mask` (path below the folder),
            `format` (such as `JPEG`), `bits` (8, 16 or 32) and `quality` (of a JPEG, 1 to 100; 0 for others); texts
            are empty where there is nothing. See `column`.
        class_names: every class of the data set, in the data set's order.
        fingerprint: key of the table's facts and of the pixels of all images.
        preparation: how the images were prepared, so that new ones can be prepared alike: `resize` (which way),
            `channels`, `intensity` (values that are black and white in images of more than 8 bits, or empty) and
            `code` (a key of the code that does it).
        finding: how a user's folder is arranged, one sentence; empty for other sources.
        unreadable: files that could not be read, each with the reason.
        masks_missing: ids of anomalies without a mask, where other images have one.
    """

    name: str
    version: str
    images: np.ndarray
    table: pd.DataFrame
    class_names: list[str]
    fingerprint: str
    preparation: dict[str, Any] = field(default_factory=dict)
    finding: str = ""
    unreadable: list[list[str]] = field(default_factory=list)
    masks_missing: list[str] = field(default_factory=list)
    _at: Callable[[int], "ImageSet"] | None = field(default=None, repr=False)
    _folder: Path | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        images: np.ndarray,
        table: pd.DataFrame | None = None,
        name: str = "images",
        class_names: Sequence[str] | None = None,
    ) -> "ImageSet":
        """A set of images in memory, for scripts and tests; they count as their own originals.

        Args:
            images: uint8 (N, H, W, C), C 1 or 3.
            table: columns of `ImageSet.table`, one row an image. Those left out are made: ids `image/000000` and so on,
                the class `image`, and the size, number of bytes and SHA-256 of the pixels.
            name: name of the set.
            class_names: every class; by default those of the table, sorted.

        Raises:
            ValueError: the array is of another type or shape, or the table has another number of rows.
        """
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise ValueError(f"images: {images.dtype} of shape {images.shape}; expected uint8 (N, H, W, 1 or 3)")
        if table is not None and len(table) != len(images):
            raise ValueError(f"images: {len(images)} images, and a table of {len(table)} rows")
        pixels = images.view()
        pixels.flags.writeable = False
        hashes = [hashlib.sha256(np.ascontiguousarray(image)).hexdigest() for image in images]
        facts = {
            "id": [f"image/{number:06d}" for number in range(len(images))],
            "class_name": ["image"] * len(images),
            "height": images.shape[1],
            "width": images.shape[2],
            "file_bytes": images[:1].nbytes,
            "sha256": hashes,
        }
        given = {} if table is None else {column: table[column].to_numpy() for column in table}
        facts = pd.DataFrame(facts | given)
        classes = sorted(facts["class_name"].unique()) if class_names is None else list(class_names)
        fingerprint = cache.content_key(name, images.shape, facts.to_csv(index=False), hashes)

        @functools.cache
        def at(size: int) -> ImageSet:
            if images.shape[1:3] == (size, size):
                return original
            other = preparation.resized(images, size)
            other.flags.writeable = False
            key = cache.content_key(fingerprint, size, hashlib.sha256(other).hexdigest())
            return replace(original, images=other, fingerprint=key)

        rules = {"resize": resizing.PLAIN, "channels": images.shape[-1], "intensity": [], "code": preparation.code()}
        original = cls(name, "in memory", pixels, facts, classes, fingerprint, rules, _at=at)
        return original

    @property
    def size(self) -> int:
        """Side of `images`, pixels."""
        return self.images.shape[1]

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self.images.shape[3]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, size: int) -> "ImageSet":
        """The same images prepared from their originals at another size; the set itself if it has that size.

        Raises:
            ValueError: the set was made without its originals.
        """
        if self.images.shape[1:3] == (size, size):
            return self
        if self._at is None:
            raise ValueError(f"{self.name}: images of {self.size} px without originals cannot be prepared at {size} px")
        return self._at(size)

    def pixels(self, size: int | None = None) -> np.ndarray:
        """The images at a size, uint8 (N, size, size, C); at the set's own if none is given."""
        return self.images if size is None else self.at(size).images

    def take(self, indices: np.ndarray) -> "ImageSet":
        """The images at `indices`, in the order given, in memory."""
        rows = np.arange(len(self))[indices]
        mapped = np.asarray(self.images)
        pixels = np.empty((len(rows), *mapped.shape[1:]), np.uint8)
        for place in np.argsort(rows, kind="stable"):  # a memory map is read in its own order
            pixels[place] = mapped[rows[place]]
        pixels.flags.writeable = False
        return replace(
            self,
            images=pixels,
            table=self.table.iloc[rows].reset_index(drop=True),
            fingerprint=cache.content_key(self.fingerprint, rows.tolist()),
            _at=lambda size: self.at(size).take(rows),
        )

    def column(self, name: str, default: Any = "") -> np.ndarray:
        """A column of the table, (N,); where the table has none of that name, `default` repeated."""
        if name in self.table:
            return self.table[name].to_numpy()
        return np.full(len(self), default, object if isinstance(default, str) else None)

    def masks(self, size: int) -> np.ndarray:
        """The masks of defects, bool (N, size, size), True where the defect is; all False for an image without a mask.

        They are read from their files, so `take` a few images first.

        Raises:
            UserError: a mask can no longer be read.
        """
        names = self.column("mask")
        if self._folder is None:
            return np.zeros((len(self), size, size), bool)
        try:
            return masks.stack(self._folder, names, size)
        except Unreadable as reason:
            raise UserError(f"images: a mask of {self._folder} cannot be read: {reason}") from None

    def labels(self, normal_class: str) -> np.ndarray:
        """int8 (N,): 0 for images of the normal class, 1 for every other.

        Raises:
            UserError: the data set has no such class.
        """
        check_class(normal_class, self.class_names, self.name)
        return (self.table["class_name"] != normal_class).to_numpy(np.int8)


def load(params: Parameters) -> ImageSet:
    """The prepared images of a parameter set; prepared, and downloaded, first where need be.

    Raises:
        Unavailable: the data set is not on disk and cannot be downloaded.
        UserError: the data set cannot be used: no source has it, or it has no images with labels.
    """
    source = sources.source(params)

    def prepare(folder: Path, size: int) -> None:
        source.ready()
        preparation.prepare(source, size, folder, quiet=size != params.image_size)

    @functools.cache
    def at(size: int) -> ImageSet:
        key = _folder(source, params, size).name
        folder = cache.cached("images", key, functools.partial(prepare, size=size))
        layout, info = getattr(source, "layout", None), cache.read_json(folder / "info.json")
        return ImageSet(
            name=source.name,
            version=info["fingerprint"] if layout else source.version,  # a folder's own has the dates of its files
            images=np.load(folder / "images.npy", mmap_mode="r"),
            table=pd.read_parquet(folder / "table.parquet"),
            finding=layout.finding if layout else "",
            _at=at,
            _folder=layout.root if layout else None,
            **info,
        )

    return at(params.image_size)


def state(params: Parameters) -> str:
    """A key of a user's image files, another one when a file has changed; empty for other sources.

    Raises:
        UserError: the folder cannot be used.
    """
    return sources.source(params).version if params.images else ""


def prepared(params: Parameters) -> bool:
    """Whether the images of a study are in the cache, so that `load` takes no time.

    Raises:
        UserError: no source has the data set.
    """
    return cache.has("images", _folder(sources.source(params), params, params.image_size).name)


def missing(params: Parameters) -> str:
    """Why a data set cannot be had now, within 10 s; an empty string if it can."""
    try:
        source = sources.source(params)
        if not cache.has("images", _folder(source, params, params.image_size).name):
            source.ready(download=False)
    except Unavailable as error:
        return str(error)
    return ""


def _folder(source: Source, params: Parameters, size: int) -> Path:
    """Folder of the prepared images of a source; another one where the code that prepares them has changed."""
    code = cache.files_key(cache.code_files(Path(preparation.__file__), Path(inspect.getfile(type(source)))))
    identity = [source.name, source.version, params.splits, f"{size}px", *getattr(source, "settings", ())]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(identity[:4]))[-80:]
    return paths.cache_folder() / "images" / f"{readable}-{cache.content_key(identity, code)}"
