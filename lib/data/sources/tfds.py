"""Labelled image data sets of tensorflow-datasets."""

import concurrent.futures
import functools
import inspect
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lib.core import paths
from lib.core.errors import UserError, did_you_mean
from lib.data.sources.base import KINDS, Original, Unavailable, register

if TYPE_CHECKING:
    from lib.params import Parameters

REACH_SECONDS = 8.0


def data_folder() -> Path:
    """Folder in which tensorflow-datasets stores its data sets."""
    return paths.expanded(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


@register
class Tfds:
    """A data set of tensorflow-datasets; see `Source` for the members."""

    names = ()
    fallback = True

    def __init__(self, params: "Parameters"):
        self.name, self.splits, self.version = params.dataset, params.splits, params.dataset_version
        self.folder = data_folder()
        self.version = self.version or self._newest()

    @classmethod
    def of(cls, params: "Parameters") -> Self:
        """The source of any `dataset`; whether tensorflow-datasets has it is known once its builder is needed."""
        return cls(params)

    def ready(self, download: bool = True) -> None:
        """Make sure that the data set is on disk; download it where `download` allows.

        tensorflow-datasets retries a dead network for many minutes without a message, so the hosts are asked first.

        Raises:
            Unavailable: it is not on disk, and its hosts do not answer or the download failed.
        """
        if (self.folder / self.name / self.version / "dataset_info.json").is_file():
            return
        where = f"{self.name} {self.version}: not in {self.folder} (TFDS_DATA_DIR names another folder)"
        addresses = self._addresses()
        if reason := _unreachable(addresses):
            raise Unavailable(f"{where}, and it cannot be downloaded: {reason}")
        if not download:
            return
        registered = self._class().url_infos or {}
        size = sum(registered[address].size or 0 for address in addresses) / 1e6
        print(f"{self.name} {self.version}: downloading {size:.0f} MB to {self.folder}", file=sys.stderr)
        try:
            self._builder().download_and_prepare()
        except Exception as error:  # tensorflow-datasets raises many kinds; the user can do the same about each
            reason = " ".join(str(error).split())[:200]
            raise Unavailable(f"{where}, and its download failed: {type(error).__name__}: {reason}") from error

    @property
    def class_names(self) -> tuple[str, ...]:
        """Every class, in the data set's order."""
        return tuple(self._builder().info.features[self._keys()[1]].names)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self._builder().info.features[self._keys()[0]].shape[-1] or 3

    @property
    def count(self) -> int | None:
        """Number of images; None for parts of splits such as `train[:10%]`, whose sizes the data set does not list."""
        known = self._builder().info.splits
        splits = self._splits()
        return sum(known[split].num_examples for split in splits) if all(split in known for split in splits) else None

    def originals(self) -> Iterator[Original]:
        """Every image once, as the encoded file."""
        import tensorflow_datasets as tfds

        image, label = self._keys()
        names = self.class_names
        for split in self._splits():
            decoders = {image: tfds.decode.SkipDecoding()}
            try:
                once = tfds.ReadConfig(try_autocache=False)  # else every file of a split is kept in memory
                records = self._builder().as_dataset(
                    split=split, decoders=decoders, shuffle_files=False, read_config=once
                )
            except (ValueError, AssertionError) as error:  # such as 200% of a split
                reason = " ".join(str(error).split())[:160] or "no such part"
                raise UserError(f"splits: '{split}' of {self.name}: {reason}") from None
            for number, record in enumerate(records.as_numpy_iterator()):
                class_name = names[record[label]]
                file = record.get(f"{image}/file_name", b"").decode() or f"{split}-{number:06d}"
                name = f"{class_name}/{Path(file).name}"
                whole = re.sub(r"\[.*", "", split)  # two parts of one split may share images, which are refused
                yield Original(name, class_name, encoded=record[image], longer_id=f"{whole}/{name}")

    def _splits(self) -> list[str]:
        known = self._builder().info.splits
        splits = list(known) if self.splits == "all" else self.splits.split("+")
        if unknown := [split for split in splits if re.sub(r"\[.*", "", split) not in known]:
            raise UserError(f"splits: {self.name} has no '{unknown[0]}'; it has {', '.join(known)}")
        return splits

    def _keys(self) -> tuple[str, str]:
        keys = self._builder().info.supervised_keys
        if not keys or not hasattr(self._builder().info.features[keys[1]], "names"):
            raise UserError(f"dataset: {self.name} has no images with class labels, so no class of it can be normal")
        return keys

    @functools.cache  # noqa: B019 - there are few sources, and each is small
    def _builder(self):
        import tensorflow_datasets as tfds

        import lib.core.backend  # noqa: F401 - imports TensorFlow without its messages; tensorflow-datasets does not

        try:
            return tfds.builder(f"{self.name}:{self.version}", data_dir=self.folder)
        except Exception as error:
            raise self._unknown(error) from None

    def _class(self):
        import tensorflow_datasets as tfds

        try:
            return tfds.builder_cls(self.name.partition("/")[0])  # of any config
        except Exception as error:
            raise self._unknown(error) from None

    def _unknown(self, error: Exception) -> UserError:
        import tensorflow_datasets as tfds

        others = [name for kind in KINDS for name in kind.names]
        name = self.name.partition("/")[0]
        known = tfds.list_builders(with_community_datasets=False)
        hint = did_you_mean(name, [*others, *known]) if name not in known else ""
        reason = "" if hint else f": {' '.join(str(error).split())[:160]}"
        wanted = f"{self.name} {self.version}".strip()
        return UserError(f"dataset: {wanted} is not one that tensorflow-datasets has{hint}{reason}")

    def _newest(self) -> str:
        on_disk = [path.parent.name for path in (self.folder / self.name).glob("*/dataset_info.json")]
        numbered = [version for version in on_disk if re.fullmatch(r"\d+\.\d+\.\d+", version)]
        if numbered:
            return max(numbered, key=lambda version: [int(part) for part in version.split(".")])
        builder, config = self._class(), self.name.partition("/")[2]
        if not config:
            return str(builder.VERSION)
        if config not in builder.builder_configs:
            known = list(builder.builder_configs)
            raise UserError(
                f"dataset: {builder.name} has no config '{config}'{did_you_mean(config, known)}; "
                f"its {len(known)} configs start with {', '.join(known[:5]) or 'none'}"
            )
        return str(builder.builder_configs[config].version or builder.VERSION)

    def _addresses(self) -> list[str]:
        """Addresses that this version downloads from: those registered that the builder's code still names."""
        builder = self._class()
        registered = list(builder.url_infos or {})
        code = inspect.getsource(sys.modules[builder.__module__])
        return [address for address in registered if address in code] or registered


def _unreachable(addresses: list[str]) -> str:
    """Why the first host that cannot be reached cannot; an empty string if all can."""
    hosts = {urllib.parse.urlsplit(address).netloc: address for address in addresses}
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(len(hosts), 1))
    answers = {host: pool.submit(_ask, address) for host, address in hosts.items()}
    concurrent.futures.wait(answers.values(), timeout=REACH_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    for host, answer in answers.items():
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
