"""Keras files, read so that nothing in one can run code, unpack to many times its size, or name a file elsewhere."""

import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from lib.core.backend import keras

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
# Layers that run code, or files in formats that can hold code.
REFUSED = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "function"}
OWN = "lib"  # the package under which this project registers its layers
GROWTH = 16  # times its size that a file may unpack to; networks as Keras writes them: 1
SLACK = 2**20  # bytes that may always be unpacked
OBJECTS = 100_000  # in the weights; a group may hold itself
TEXT = 64 * 2**20  # bytes of a configuration; the largest model of `keras.applications` has 2 MB


class Refused(ValueError):
    """A file that is not read; the message is the reason, on one line."""


def load(path: Path) -> keras.Model:
    """The model of a `.keras` file, made of layers of Keras and of this project alone, in Keras's safe mode.

    Raises:
        Refused: the file has a part that could run code, unpacks to far more than its size, has files that a Keras
            file does not have, or is damaged; the message says which, on one line.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_members(archive, path)
            config = json.loads(archive.read(CONFIG))
            with archive.open(WEIGHTS) as file, h5py.File(file, "r") as weights:
                _check_weights(weights, path)
        if odd := next(code(config), ""):
            raise Refused(f"has a part that could run code ({odd}); save it with layers of Keras alone")
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Refused:
        raise
    except Exception as error:  # damaged files and unknown layers raise many types
        raise Refused(f"not a Keras model that can be read ({_line(error)})") from None


def check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse files that Keras does not write, and those that unpack to far more than the archive's size.

    Raises:
        Refused: there is such a file.
    """
    names = archive.namelist()
    if odd := [name for name in names if name not in MEMBERS] or [name for name in names if names.count(name) > 1]:
        raise Refused(f"not a Keras model: it holds {odd[0][:80]!r}, which Keras does not write")
    sizes = {member.filename: member.file_size for member in archive.infolist()}
    if sum(sizes.values()) > GROWTH * path.stat().st_size + SLACK or sizes.get(CONFIG, 0) > TEXT:
        raise Refused(f"unpacks to {sum(sizes.values()):,} bytes, far more than its size; it is no Keras model")


def code(value: Any) -> Iterator[str]:
    """Names in a configuration of what may run code: everything but layers and objects of Keras and of this project."""
    if isinstance(value, dict):
        name, module = value.get("class_name"), value.get("module")
        registered = value.get("registered_name")
        own = f"{OWN}>{name}"
        if name in REFUSED:
            yield str(name)
        elif registered and ">" in str(registered):
            if registered != own or own not in keras.saving.get_custom_objects():
                yield str(registered)
        elif name and isinstance(module, str) and module.partition(".")[0] not in ("keras", "builtins"):
            yield f"{module}.{name}"
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from code(entry)


def _check_weights(weights: h5py.File, path: Path) -> None:
    """Refuse weights that lie in other files, and shapes that are larger than what the file can hold."""
    total, count, waiting = 0, 0, [weights]
    while waiting:
        group = waiting.pop()
        for name in group:
            count += 1
            if count > OBJECTS:
                raise Refused("its weights go round in a circle")
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise Refused(f"its weights have a link, {name[:80]!r}, which Keras does not write")
            found = group[name]
            if isinstance(found, h5py.Group):
                waiting.append(found)
                continue
            if found.external or found.is_virtual:
                raise Refused(f"its weights {name[:80]!r} lie in another file")
            total += math.prod(found.shape) * found.dtype.itemsize
    if total > GROWTH * path.stat().st_size + SLACK:
        raise Refused(f"its weights are said to have {total:,} bytes, far more than its size; it is no Keras model")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
