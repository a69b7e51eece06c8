"""Decoding and resizing of originals into one array of pixels and a table of what each original was."""

import collections
import concurrent.futures
import contextlib
import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.core import cache
from lib.core.errors import UserError
from lib.data.sources.base import Original, Source

AT_ONCE = 64  # images in work at one time, which bounds memory


def prepare(source: Source, size: int, folder: Path) -> None:
    """Write `images.npy`, `table.parquet` and `info.json`, with the images sorted by id.

    The order of a data set's files depends on how and where it was written; ids do not. Images are decoded in the
    source's order, on every core, and sorted at the end, so each file is read once and memory does not grow with
    their number.

    The fingerprint in `info.json` is a key of the ids, the originals and the prepared bytes, so that what was computed
    from the images stays valid where they are prepared again with equal result.

    Raises:
        UserError: two images have the same id.
    """
    resize = _resizer(size, source.channels)  # first: it imports TensorFlow quietly, tensorflow-datasets does not
    shape = (size, size, source.channels)
    rows: list[dict[str, object]] = []
    bar = tqdm(total=source.count, desc=f"Preparing {source.name} at {size} px", unit="image", disable=None)
    unsorted = folder / "unsorted"
    with contextlib.closing(bar), open(unsorted, "wb") as file:
        for pixels, row in _in_order(resize, source.originals()):
            file.write(pixels.tobytes())
            rows.append(row)
            bar.update()
    order = sorted(range(len(rows)), key=lambda number: rows[number]["id"])
    if len({row["id"] for row in rows}) != len(rows):
        raise UserError(f"dataset: {source.name} has two images with the same class and file name")
    prepared = hashlib.sha256()
    with open(unsorted, "rb") as file, open(folder / "images.npy", "wb") as images:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *shape)}
        np.lib.format.write_array_header_1_0(images, header)
        for number in order:  # files, not memory maps, whose pages would be counted as this process's memory
            file.seek(number * math.prod(shape))
            pixels = file.read(math.prod(shape))
            images.write(pixels)
            prepared.update(pixels)
    unsorted.unlink()
    table = pd.DataFrame([rows[number] for number in order])
    table.to_parquet(folder / "table.parquet", index=False)
    originals = list(zip(table["id"], table["sha256"], strict=True))
    fingerprint = cache.content_key(source.name, (len(rows), *shape), originals, prepared.hexdigest())
    cache.write_json(folder / "info.json", {"class_names": list(source.class_names), "fingerprint": fingerprint})


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """Images in memory, resized as prepared ones are: uint8 (N, H, W, C) to (N, size, size, C)."""
    resize = _resizer(size, images.shape[-1])
    pixels = np.empty((len(images), size, size, images.shape[-1]), np.uint8)
    for number, image in enumerate(images):
        pixels[number] = resize(Original("", "", pixels=image))[0]
    return pixels


def _in_order(work: Callable[[Original], Any], originals: Iterable[Original]) -> Iterator[Any]:
    """Results of `work` for each original, in their order, computed on every core, `AT_ONCE` at one time."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        pending: collections.deque[concurrent.futures.Future] = collections.deque()
        for original in originals:
            pending.append(pool.submit(work, original))
            if len(pending) >= AT_ONCE:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _resizer(size: int, channels: int) -> Callable[[Original], tuple[np.ndarray, dict[str, object]]]:
    """A function from an original to its pixels, uint8 (size, size, channels), and its row of the table.

    As in the published study: float in [0, 1], `tf.image.resize` bilinear; then rounded to uint8 for storage.
    """
    from lib.core.backend import tf

    def shrink(pixels):
        floats = tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [size, size])
        return tf.cast(tf.round(tf.clip_by_value(floats, 0.0, 1.0) * 255.0), tf.uint8)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def from_file(encoded):
        pixels = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
        return shrink(pixels), tf.shape(pixels)[0], tf.shape(pixels)[1]

    @tf.function(input_signature=[tf.TensorSpec([None, None, channels], tf.uint8)])
    def from_pixels(pixels):
        return shrink(pixels), tf.shape(pixels)[0], tf.shape(pixels)[1]

    def resize(original: Original) -> tuple[np.ndarray, dict[str, object]]:
        prepared = from_pixels(original.pixels) if original.encoded is None else from_file(original.encoded)
        content = original.encoded if original.encoded is not None else original.pixels.tobytes()
        row = {
            "id": original.id,
            "class_name": original.class_name,
            "height": int(prepared[1]),
            "width": int(prepared[2]),
            "file_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        return prepared[0].numpy(), row

    return resize
