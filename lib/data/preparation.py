"""Decoding and resizing of originals into one array of pixels and a table of what each original was."""

import collections
import concurrent.futures
import contextlib
import functools
import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from lib.core import cache, characters
from lib.core.errors import UserError
from lib.core.formatting import count, percent
from lib.data import decoding, masks, resizing
from lib.data.sources.base import Original, Source

AT_ONCE = 64  # images in work at one time, which bounds memory
ROWS = 10_000  # of the table in memory at one time while images are prepared
LISTED = 10  # unreadable files named in the terminal

Prepared = tuple[np.ndarray, dict[str, object]]


@functools.cache
def code() -> str:
    """A key of the code that makes pixels of files."""
    return cache.files_key([Path(module.__file__) for module in (decoding, resizing)])


def rules(source: Source) -> dict[str, Any]:
    """How the images of a source are prepared; see `ImageSet.preparation`."""
    published = {"resize": resizing.PLAIN, "channels": source.channels, "intensity": []}
    return {**(source.preparation() if hasattr(source, "preparation") else published), "code": code()}


def prepare(source: Source, size: int, folder: Path, quiet: bool = False) -> None:
    """Write `images.npy`, `table.parquet` and `info.json`, with the images sorted by id.

    The order of a data set's files depends on how and where it was written; ids do not. Images are decoded in the
    source's order, on every core, and sorted at the end, so each file is read once and memory does not grow with
    their number.

    The fingerprint in `info.json` is a key of the ids, the originals and the prepared bytes, so that what was computed
    from the images stays valid where they are prepared again with equal result.

    Args:
        source: of the images.
        size: side in pixels.
        folder: to write into.
        quiet: whether unreadable files are not listed in the terminal.

    Raises:
        UserError: two images have the same id, or too many files cannot be read.
    """
    preparation = rules(source)
    make = maker(size, preparation)
    layout = getattr(source, "layout", None)
    unreadable = list(layout.unreadable) if layout else []
    masks_missing: list[str] = []
    bar = tqdm(total=source.count, desc=f"Preparing {source.name} at {size} px", unit="image", disable=None)
    unsorted, number = folder / "unsorted", 0
    with contextlib.closing(bar), open(unsorted, "wb") as file, _Rows(folder / "rows") as rows:
        work = functools.partial(_or_reason, make=make, root=layout and layout.root)
        for done in _in_order(work, source.originals()):
            bar.update()
            if isinstance(done, list):
                unreadable.append(done)
                continue
            pixels, row = done
            if problem := row.pop("mask_problem", ""):
                masks_missing.append(problem)
            file.write(pixels.tobytes())
            rows.add(row | {"number": number})
            number += 1
    if layout:
        _check_unreadable(source, unreadable, number, quiet)
        masks_missing += layout.masks_missing(source.settings[1])
    if not number:
        raise UserError(f"dataset: {source.name} has no images")
    table = _sorted(pd.read_parquet(folder / "rows"), source.name)
    shape = (size, size, preparation["channels"])
    prepared = hashlib.sha256()
    with open(unsorted, "rb") as file, open(folder / "images.npy", "wb") as images:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(table), *shape)}
        np.lib.format.write_array_header_1_0(images, header)
        for place in table.pop("number"):  # files, not memory maps, whose pages would count as this process's memory
            file.seek(place * math.prod(shape))
            pixels = file.read(math.prod(shape))
            images.write(pixels)
            prepared.update(pixels)
    unsorted.unlink()
    (folder / "rows").unlink()
    table.to_parquet(folder / "table.parquet", index=False)
    info = {
        "class_names": sorted(table["class_name"].unique()) if layout else list(source.class_names),
        "fingerprint": _fingerprint(source.name, (len(table), *shape), table, prepared.hexdigest()),
        "preparation": preparation,
        "unreadable": unreadable,
        "masks_missing": sorted(masks_missing),
    }
    cache.write_json(folder / "info.json", info)


def maker(size: int, preparation: dict[str, Any]) -> Callable[[Original], Prepared]:
    """A function from an original to its pixels, uint8 (size, size, channels), and its row of the table.

    It raises `Unreadable` for a file that cannot be read. Images without a file to read, and all images of a set
    prepared without antialiasing, are prepared as in the published study.
    """
    channels = preparation["channels"]
    if preparation["resize"] == resizing.PLAIN:
        return functools.partial(_plain, functools.cache(lambda: resizing.of_files(size, channels)), size, channels)
    limits = tuple(preparation["intensity"]) or None
    return functools.partial(_antialiased, size, channels, limits)


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Images in memory, resized as prepared ones are: uint8 (N, H, W, C) to (N, size, size, C)."""
    pixels = np.empty((len(images), size, size, images.shape[-1]), np.uint8)
    for number, image in enumerate(images):
        pixels[number] = resizing.bilinear(image, size)
    return pixels


def in_order(make: Callable[[Original], Prepared], originals: Iterable[Original]) -> Iterator[Prepared | list[str]]:
    """The prepared originals in their order, on every core; `[id, reason]` for one that cannot be read."""
    return _in_order(functools.partial(_or_reason, make=make, root=None), originals)


def _in_order(work: Callable[[Original], Any], originals: Iterable[Original]) -> Iterator[Any]:
    """Results of `work` for each original, in their order, computed on every core, `AT_ONCE` at one time."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        pending: collections.deque[concurrent.futures.Future] = collections.deque()
        try:
            for original in originals:
                pending.append(pool.submit(work, original))
                if len(pending) >= AT_ONCE:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:  # after an error the rest is not waited for
                future.cancel()


def _or_reason(original: Original, make: Callable[[Original], Prepared], root: Path | None) -> Prepared | list[str]:
    try:
        pixels, row = make(original)
    except decoding.Unreadable as reason:
        return [original.id, str(reason)]
    if root and original.mask:
        try:
            masks.read(root / original.mask)
        except decoding.Unreadable as reason:
            row |= {"mask": "", "mask_problem": f"{original.id} ({original.mask}: {reason})"}
    return pixels, row


def _plain(of_files: Callable, size: int, channels: int, original: Original) -> Prepared:
    if original.pixels is not None:
        return _from_pixels(original, original.pixels, original.pixels.tobytes(), size)
    content = original.encoded
    if content is None:
        content = _content(original.path)
        decoded = decoding.decode(content)  # it names damage; TensorFlow's pixels are taken, which differ a little
    try:
        pixels, height, width = of_files()(content)
    except Exception:
        if original.encoded is not None:
            raise
        # A format that TensorFlow does not read.
        pixels = np.rint(decoding.scaled(decoded, None) * 255) if decoded.measured else decoded.pixels
        return _from_pixels(original, decoding.with_channels(pixels.astype(np.uint8), channels), content, size)
    return pixels, _row(original, content, int(height), int(width))


def _from_pixels(original: Original, pixels: np.ndarray, content: bytes, size: int) -> Prepared:
    return resizing.bilinear(pixels, size), _row(original, content, *pixels.shape[:2])


def _antialiased(size: int, channels: int, limits: tuple[float, float] | None, original: Original) -> Prepared:
    content = _content(original.path)
    with decoding.room(content):
        decoded = decoding.decode(content, intensity=limits is not None)
        shades = decoding.with_channels(decoding.scaled(decoded, limits), channels)
        pixels = resizing.antialiased(shades, size)
    row = _row(original, content, *decoded.pixels.shape[:2])
    row |= {"group": original.group, "given": original.given, "mask": original.mask}
    return pixels, row | {"format": decoded.format, "bits": decoded.bits, "quality": decoded.quality}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise decoding.Unreadable("the file is not there") from None
    except OSError as error:
        raise decoding.Unreadable(f"the file cannot be read ({error.strerror})") from None


def _row(original: Original, content: bytes, height: int, width: int) -> dict[str, object]:
    return {
        "id": original.id,
        "longer_id": original.longer_id,
        "class_name": original.class_name,
        "height": height,
        "width": width,
        "file_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


class _Rows:
    """Rows of a table, written to a file `ROWS` at a time."""

    def __init__(self, path: Path):
        self.path, self.rows, self.writer = path, [], None

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        if self.writer:
            self.writer.close()

    def add(self, row: dict[str, object]) -> None:
        self.rows.append(row)
        if len(self.rows) == ROWS:
            self._write()

    def _write(self) -> None:
        if self.rows:
            table = pa.Table.from_pylist(self.rows, self.writer.schema if self.writer else None)
            self.writer = self.writer or pq.ParquetWriter(self.path, table.schema)
            self.writer.write_table(table)
            self.rows = []


def _sorted(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows by id; where two images have the same, their longer ids are taken."""
    same = table["id"].duplicated(keep=False) & (table["longer_id"] != "")
    table["id"] = table["id"].where(~same, table["longer_id"])
    if table["id"].duplicated().any():
        raise UserError(f"dataset: {name} has two images with the same class and file name")
    return table.drop(columns="longer_id").sort_values("id", ignore_index=True)


def _check_unreadable(source: Source, unreadable: list[list[str]], readable: int, quiet: bool) -> None:
    """List the files that cannot be read.

    Raises:
        UserError: they are more than the share that is allowed, or nothing is left.
    """
    if not unreadable:
        return
    share = len(unreadable) / (len(unreadable) + readable)
    if not quiet:
        for name, reason in unreadable[:LISTED]:
            print(characters.readable(f"cannot read {name}: {reason}"), file=sys.stderr)
        if len(unreadable) > LISTED:
            print(f"… and {len(unreadable) - LISTED} more", file=sys.stderr)
    if share > source.unreadable_share or not readable:
        raise UserError(
            f"images: {count(len(unreadable), 'file')} of {len(unreadable) + readable} ({percent(share)}) cannot be "
            f"read, such as {unreadable[0][0]}: {unreadable[0][1]}; repair or remove them, or raise unreadable_share "
            f"({source.unreadable_share:g})"
        )


def _fingerprint(name: str, shape: tuple[int, ...], table: pd.DataFrame, prepared: str) -> str:
    """`cache.content_key(name, shape, [[id, sha256], …], prepared)`, without that list, which would fill the memory.

    Where a data set says more of its images than their class, this counts too.
    """
    dumps = functools.partial(json.dumps, ensure_ascii=False)
    key = hashlib.sha256(f"[{dumps(name)}, {dumps(shape)}, [".encode())
    columns = [name for name in ("id", "sha256", "class_name", "group", "given", "mask") if name in table]
    columns = columns if "group" in columns else ["id", "sha256"]
    for number, row in enumerate(table[columns].itertuples(index=False, name=None)):
        key.update(f"{', ' if number else ''}{dumps(row)}".encode())
    key.update(f"], {dumps(prepared)}]".encode())
    return key.hexdigest()[:16]
