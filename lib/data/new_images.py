"""New images, to be scored: prepared as a detector's own were, a few at a time, so that memory does not grow."""

import functools
import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.core import cache, paths
from lib.core.errors import UserError
from lib.data import files, manifests, preparation
from lib.data.images import ImageSet
from lib.data.sources.base import Original

SKIPPED = frozenset({"ground_truth"})  # of MVTec AD: masks are no images to score


@dataclass(frozen=True, eq=False)
class NewImages:
    """Image files, read when they are asked for.

    Attributes:
        root: the folder that ids are relative to.
        table: one row a file, sorted by `id`: `class_name` (the label of a manifest), `group`.
        preparation: how they are prepared; see `ImageSet.preparation`.
        unreadable: `[id, reason]` of the files that could not be read; filled by `chunks`.
    """

    root: Path
    table: pd.DataFrame
    preparation: dict[str, Any]
    unreadable: list[list[str]] = field(default_factory=list)

    @classmethod
    def of(cls, where: str | os.PathLike | Sequence[str | os.PathLike], rules: dict[str, Any]) -> "NewImages":
        """The images of a folder, a file or a list.

        Args:
            where: a folder, read at any depth (a manifest in it says which images it has); an image file; a manifest
                (`.csv`, `.parquet`; labels are not needed); a `.txt` file with a path in each line, relative to it;
                or the paths of image files.
            rules: `preparation` of the images that the detector was fitted on.

        Raises:
            UserError: something is not there, there are no images, or this code prepares images in another way.
        """
        if rules.get("code") != preparation.code():
            raise UserError(
                "images: the detector was fitted on images that another version of this code prepared, so new ones "
                "cannot be prepared alike; make the report again"
            )
        if not isinstance(where, str | os.PathLike):
            return cls(Path(), _listed(Path(), [os.fspath(name) for name in where], "the list"), rules)
        path = paths.expanded(where)
        if not path.exists():
            raise UserError(f"images: {path} is not there")
        manifest = manifests.inside(path) if path.is_dir() else path
        if manifest and manifest.suffix.lower() in manifests.SUFFIXES:
            return cls(manifest.parent, manifests.read(manifest, labelled=False)[["id", "class_name", "group"]], rules)
        if path.is_file() and path.suffix.lower() == ".txt":
            return cls(path.parent, _listed(path.parent, _lines(path), str(path)), rules)
        if path.is_file():
            return cls(path.parent, _table([path.name]), rules)
        listing = files.below(path, skip=SKIPPED)
        if not listing.paths:
            raise UserError(f"images: {path} holds no JPEG, PNG, WebP, BMP or TIFF images")
        return cls(path, _table(listing.paths), rules, list(listing.unreadable))

    @property
    def files(self) -> list[str]:
        """The ids, sorted: paths below the folder, or as they were given."""
        return self.table["id"].tolist()

    @property
    def group(self) -> np.ndarray:
        """The group of each image, text (N,); empty where nothing is said."""
        return self.table["group"].to_numpy()

    def __len__(self) -> int:
        return len(self.table)

    def without(self, done: set[str]) -> "NewImages":
        """The images whose ids are not among those `done`, to go on after an interruption."""
        rest = self.table[~self.table["id"].isin(done)].reset_index(drop=True)
        return replace(self, table=rest, unreadable=list(self.unreadable))

    def chunks(self, size: int, count: int = 256) -> Iterator[ImageSet]:
        """The images in order, at most `count` at a time, each chunk a set in memory.

        `at` of a chunk prepares its images at another size from their files. Files that cannot be read are left out
        and added to `unreadable`.

        Args:
            size: side in pixels.
            count: images in memory at one time.
        """
        make, prepared = preparation.maker(size, self.preparation), []
        for done in preparation.in_order(make, self._originals(self.table)):
            if isinstance(done, list):
                self.unreadable.append(done)
                continue
            prepared.append(done)
            if len(prepared) == count:
                yield self._set(prepared, size)
                prepared = []
        if prepared:
            yield self._set(prepared, size)

    def _originals(self, table: pd.DataFrame) -> Iterator[Original]:
        for name, class_name, group in zip(table["id"], table["class_name"], table["group"], strict=True):
            yield Original(name, class_name, path=self.root / name, group=group)

    def _set(self, prepared: list[preparation.Prepared], size: int) -> ImageSet:
        table = pd.DataFrame([row for _, row in prepared]).drop(columns="longer_id")
        if "group" not in table:
            table = table.merge(self.table[["id", "group"]], on="id", how="left")

        @functools.cache  # a detector may ask for a size of each of several batches
        def at(other: int) -> ImageSet:
            make = preparation.maker(other, self.preparation)
            again = list(preparation.in_order(make, self._originals(table)))
            if lost := [done for done in again if isinstance(done, list)]:
                raise UserError(f"images: {lost[0][0]} could be read before and cannot now: {lost[0][1]}")
            return self._set(again, other)

        pixels = np.stack([pixels for pixels, _ in prepared])
        pixels.flags.writeable = False
        facts = table[["id", "sha256"]].to_numpy().tolist()
        return ImageSet(
            name="new images",
            version="",
            images=pixels,
            table=table,
            class_names=sorted(table["class_name"].unique()),
            fingerprint=cache.content_key("new images", size, self.preparation, facts),
            preparation=self.preparation,
            _at=at,
        )


def _table(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"id": ids}).assign(class_name="", group="")


def _listed(root: Path, names: list[str], where: str) -> pd.DataFrame:
    ids = sorted({posixpath.normpath(name.replace("\\", "/")) for name in names})
    if not ids:
        raise UserError(f"images: {where} names no files")
    if absent := [name for name in ids if not (root / paths.expanded(name)).is_file()]:
        raise UserError(f"images: {absent[0]} of {where} is not there ({len(absent)} such files)")
    return _table(ids)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"images: {path} cannot be read: {' '.join(str(error).split())}") from None
