"""Where images come from, and the one prepared array they become.

A data set is decoded and resized once and kept as one memory-mapped uint8 array (N, H, W, C) with a table of
what each image was. TensorFlow is imported only when something has to be prepared.
"""

import collections
import concurrent.futures
import contextlib
import functools
import hashlib
import inspect
import json
import math
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.core import cache, paths
from lib.core.errors import UserError, did_you_mean
from lib.params import Parameters

RECIPE = 1  # raise when preparation changes, so that arrays prepared before are not taken for the new ones
REACH_SECONDS = 8.0
AT_ONCE = 64  # images under way while a data set is prepared


@dataclass(frozen=True)
class ImageSet:
    """A prepared data set.

    Attributes:
        name: name of the data set.
        version: its version.
        images: uint8 (N, H, W, C), 0 to 255, memory-mapped and read-only; C is 1 or 3.
        table: one row an image in the same order: `id` (`class/file name`), `class_name`, and of the original
            file `height` and `width` (pixels), `file_bytes` and `sha256`.
        class_names: every class of the data set, in the data set's order.
        fingerprint: key of the ids and the original bytes of all images, and of their preparation.
    """

    name: str
    version: str
    images: np.ndarray
    table: pd.DataFrame
    class_names: list[str]
    fingerprint: str

    def labels(self, normal_class: str) -> np.ndarray:
        """int8 (N,): 0 for images of the normal class, 1 for every other.

        Raises:
            UserError: the data set has no such class.
        """
        if normal_class not in self.class_names:
            raise UserError(
                f"normal_class: '{normal_class}' is not a class of {self.name}"
                f"{did_you_mean(normal_class, self.class_names)}; its {len(self.class_names)} classes start with "
                f"{', '.join(self.class_names[:5])}"
            )
        return (self.table["class_name"] != normal_class).to_numpy(np.int8)


class Unavailable(UserError):
    """The data set is neither on disk nor to be downloaded now."""


def load(params: Parameters) -> ImageSet:
    """The prepared images of a parameter set, prepared (and downloaded) first where need be.

    Raises:
        Unavailable: the data set is not on disk and cannot be downloaded.
        UserError: the data set cannot be used: not known to tensorflow-datasets, or no images with labels.
    """
    source = _source(params)
    folder = _prepared(source, params)
    if not folder.is_dir():
        source.ready()
        cache.cached("images", folder.name, lambda made: _prepare(source, params.image_size, made))
    info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    return ImageSet(
        name=source.name,
        version=source.version,
        images=np.load(folder / "images.npy", mmap_mode="r"),
        table=pd.read_parquet(folder / "table.parquet"),
        class_names=info["class_names"],
        fingerprint=info["fingerprint"],
    )


def missing(params: Parameters) -> str:
    """Why a data set cannot be had now, within 10 s; an empty string if it can.

    tensorflow-datasets itself retries a dead network silently for many minutes, so this asks first.
    """
    try:
        source = _source(params)
        if not _prepared(source, params).is_dir():
            source.ready(download=False)
    except Unavailable as error:
        return str(error)
    return ""


def data_folder() -> Path:
    """Where tensorflow-datasets keeps its data sets."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


@dataclass(frozen=True)
class _Original:
    """One image before preparation: an encoded file, or pixels (H, W, C) uint8."""

    id: str
    class_name: str
    encoded: bytes | None = None
    pixels: np.ndarray | None = None


class _Digits:
    """scikit-learn's handwritten digits: 1,797 grey images of 8x8 with 17 levels, embedded in the package."""

    name = "digits"
    version = "scikit-learn"
    channels = 1
    class_names = tuple(str(digit) for digit in range(10))

    def ready(self, download: bool = True) -> None:
        """Nothing to fetch."""

    count = None  # known once they are read, at once

    def originals(self) -> Iterator[_Original]:
        from sklearn.datasets import load_digits

        bundle = load_digits()
        for number, (image, target) in enumerate(zip(bundle.images, bundle.target, strict=True)):
            pixels = np.rint(image / 16 * 255).astype(np.uint8)[..., None]
            yield _Original(f"{target}/{number:04d}", str(target), pixels=pixels)


class _Tfds:
    """A labelled image data set of tensorflow-datasets."""

    def __init__(self, params: Parameters):
        self.name, self.splits = params.dataset, params.splits
        self.folder = data_folder()
        self.version = params.dataset_version or self._newest()

    def ready(self, download: bool = True) -> None:
        """Makes sure that the data set is on disk, and downloads it where `download` allows.

        Raises:
            Unavailable: not on disk, and (within 10 s) found not to be downloadable, or the download failed.
        """
        if (self.folder / self.name / self.version / "dataset_info.json").is_file():
            return
        where = f"{self.name} {self.version}: not in {self.folder} (TFDS_DATA_DIR names another folder)"
        if reason := _unreachable(self._addresses()):
            raise Unavailable(f"{where}, and it cannot be downloaded: {reason}")
        if not download:
            return
        print(f"{self.name} {self.version}: downloading to {self.folder}", file=sys.stderr)
        try:
            import lib.core.backend  # noqa: F401 - quietly, before tensorflow-datasets does it

            self._builder().download_and_prepare()
        except Exception as error:  # tensorflow-datasets raises many kinds; each means the same to the reader
            line = " ".join(str(error).split())[:200]
            raise Unavailable(f"{where}, and its download failed: {type(error).__name__}: {line}") from error

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self._builder().info.features[self._keys()[1]].names)

    @property
    def channels(self) -> int:
        return self._builder().info.features[self._keys()[0]].shape[-1] or 3

    @property
    def count(self) -> int | None:
        """How many images there are, where the data set says so: it does not of parts such as `train[:10%]`."""
        info = self._builder().info.splits
        parts = self._parts()
        return sum(info[part].num_examples for part in parts) if all(part in info for part in parts) else None

    def originals(self) -> Iterator[_Original]:
        for name, class_name, encoded in self._records():
            yield _Original(name, class_name, encoded=encoded)

    def _records(self) -> Iterator[tuple[str, str, bytes]]:
        import tensorflow_datasets as tfds

        image, label = self._keys()
        names = self.class_names
        builder = self._builder()
        for part in self._parts():
            raw = builder.as_dataset(split=part, decoders={image: tfds.decode.SkipDecoding()}, shuffle_files=False)
            for number, record in enumerate(raw.as_numpy_iterator()):
                class_name = names[record[label]]
                file = record.get(f"{image}/file_name", b"").decode() or f"{part}-{number:06d}"
                yield f"{class_name}/{Path(file).name}", class_name, record[image]

    def _parts(self) -> list[str]:
        known = self._builder().info.splits
        parts = list(known) if self.splits == "all" else self.splits.split("+")
        if unknown := [part for part in parts if re.sub(r"\[.*", "", part) not in known]:
            raise UserError(f"splits: {self.name} has no '{unknown[0]}'; it has {', '.join(known)}")
        return parts

    def _keys(self) -> tuple[str, str]:
        keys = self._builder().info.supervised_keys
        if not keys or not hasattr(self._builder().info.features[keys[1]], "names"):
            raise UserError(f"dataset: {self.name} has no images with class labels, so no class of it can be normal")
        return keys

    @functools.cache  # noqa: B019 - a source lives as long as one load
    def _builder(self):
        import tensorflow_datasets as tfds

        try:
            return tfds.builder(f"{self.name}:{self.version}", data_dir=self.folder)
        except Exception as error:
            raise self._unknown(error) from None

    def _class(self):
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_cls(self.name)
        except Exception as error:
            raise self._unknown(error) from None

    def _unknown(self, error: Exception) -> UserError:
        import tensorflow_datasets as tfds

        hint = did_you_mean(self.name, ["digits", *tfds.list_builders(with_community_datasets=False)])
        reason = "" if hint else f": {' '.join(str(error).split())[:160]}"
        return UserError(f"dataset: {self.name} {self.version} is not one that tensorflow-datasets has{hint}{reason}")

    def _newest(self) -> str:
        on_disk = [path.parent.name for path in (self.folder / self.name).glob("*/dataset_info.json")]
        numbered = [version for version in on_disk if re.fullmatch(r"\d+\.\d+\.\d+", version)]
        if numbered:
            return max(numbered, key=lambda version: [int(part) for part in version.split(".")])
        return str(self._class().VERSION)

    def _addresses(self) -> list[str]:
        """Addresses that this version downloads from: those registered that the builder's code still names."""
        builder = self._class()
        registered = list(builder.url_infos or {})
        code = inspect.getsource(sys.modules[builder.__module__])
        return [address for address in registered if address in code] or registered


def _source(params: Parameters) -> _Digits | _Tfds:
    return _Digits() if params.dataset == "digits" else _Tfds(params)


def _prepared(source: _Digits | _Tfds, params: Parameters) -> Path:
    """Where the prepared images of a source are, or will be, kept."""
    splits = re.sub(r"[^A-Za-z0-9]+", "-", params.splits).strip("-")
    name = f"{source.name}-{source.version}-{splits}-{params.image_size}px-{RECIPE}"
    return paths.cache_folder() / "images" / name


def _unreachable(addresses: list[str]) -> str:
    """Why the first host that does not answer does not; an empty string if all do."""
    hosts = {urllib.parse.urlsplit(address).netloc: address for address in addresses}
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(len(hosts), 1))
    asked = {host: pool.submit(_ask, address) for host, address in hosts.items()}
    concurrent.futures.wait(asked.values(), timeout=REACH_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    for host, answer in asked.items():
        if not answer.done():
            return f"{host} did not answer within {REACH_SECONDS:.0f} s"
        if answer.result():
            return f"{host}: {answer.result()}"
    return ""


def _ask(address: str) -> str:
    request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "anomaly-reports"})
    try:
        with urllib.request.urlopen(request, timeout=REACH_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in {403, 405} else f"answered {error.code}"  # some hosts allow GET only
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def _prepare(source: _Digits | _Tfds, size: int, folder: Path) -> None:
    """Writes `images.npy`, `table.parquet` and `info.json`, images sorted by id.

    The order of a data set's files depends on how and where it was written; ids do not. Images are decoded as they
    come, on every core, and put into order at the end, so each file is read once and memory stays flat.
    """
    resize = _resizer(size, source.channels)  # first: it imports TensorFlow quietly, tensorflow-datasets does not
    shape = (size, size, source.channels)
    rows: list[dict[str, object]] = []
    bar = tqdm(total=source.count, desc=f"Preparing {source.name} at {size} px", unit="image", disable=None)
    arrived = folder / "arrived"
    with contextlib.closing(bar), open(arrived, "wb") as file:
        for pixels, row in _in_order(resize, source.originals()):
            file.write(pixels.tobytes())
            rows.append(row)
            bar.update()
    order = sorted(range(len(rows)), key=lambda number: rows[number]["id"])
    if len({row["id"] for row in rows}) != len(rows):
        raise UserError(f"dataset: {source.name} has two images with the same class and file name")
    with open(arrived, "rb") as unsorted, open(folder / "images.npy", "wb") as images:
        form = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *shape)}
        np.lib.format.write_array_header_1_0(images, form)
        for number in order:  # files and no memory maps, whose pages would be counted as this process's memory
            unsorted.seek(number * math.prod(shape))
            images.write(unsorted.read(math.prod(shape)))
    arrived.unlink()
    table = pd.DataFrame([rows[number] for number in order])
    table.to_parquet(folder / "table.parquet", index=False)
    content = list(zip(table["id"], table["sha256"], strict=True))
    fingerprint = cache.content_key(source.name, (len(rows), *shape), RECIPE, content)
    cache.write_json(folder / "info.json", {"class_names": list(source.class_names), "fingerprint": fingerprint})


def _in_order(work: Callable[[_Original], Any], originals: Iterable[_Original]) -> Iterator[Any]:
    """What `work` makes of each original, in their order, on every core, with a bounded number under way."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        under_way: collections.deque[concurrent.futures.Future] = collections.deque()
        for original in originals:
            under_way.append(pool.submit(work, original))
            if len(under_way) >= AT_ONCE:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _resizer(size: int, channels: int) -> Callable[[_Original], tuple[np.ndarray, dict[str, object]]]:
    """The study's resize: float in [0, 1], `tf.image.resize` bilinear; rounded to uint8 to be kept.

    What it returns makes of an original its pixels, uint8 (size, size, channels), and its row of the table.
    """
    from lib.core.backend import tf

    def shrink(pixels):
        resized = tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [size, size])
        return tf.cast(tf.round(tf.clip_by_value(resized, 0.0, 1.0) * 255.0), tf.uint8)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
    def from_file(encoded):
        pixels = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
        return shrink(pixels), tf.shape(pixels)[0], tf.shape(pixels)[1]

    @tf.function(input_signature=[tf.TensorSpec([None, None, channels], tf.uint8)])
    def from_pixels(pixels):
        return shrink(pixels), tf.shape(pixels)[0], tf.shape(pixels)[1]

    def resize(original: _Original) -> tuple[np.ndarray, dict[str, object]]:
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
