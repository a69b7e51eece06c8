"""Weights from a PyTorch file, read without PyTorch and without trusting the file.

Before 1.6, `torch.save` wrote five pickles (a magic number, a protocol version, facts about the machine, the shapes of
the tensors, the keys of their storages) and then, in the order of those keys, each storage: its length and its raw
little-endian numbers. A pickle can run any code, so the SHA-256 of the file is compared first, and the unpickler
accepts four names only.
"""

import collections
import hashlib
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lib.core.errors import UserError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


@dataclass(frozen=True)
class _Tensor:
    """Place of a tensor: the key of its storage, and offset, shape and strides, counted in numbers of its type."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(storage: str, offset: int, shape: tuple, strides: tuple, *_: Any) -> _Tensor:
    """Replacement of `torch._utils._rebuild_tensor_v2`; arguments about gradients are ignored."""
    return _Tensor(storage, offset, shape, strides)


_ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries, lists, numbers and `_Tensor`; records the type and length of each storage."""

    def __init__(self, file: BinaryIO):
        super().__init__(file)
        self.storages: dict[str, tuple[np.dtype, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _ALLOWED[module, name]

    def persistent_load(self, reference: Any) -> str:
        _, dtype, key, _, length, _ = reference  # "storage", type, key, device, length, view
        self.storages[key] = (dtype, length)
        return key


def read(path: Path, sha256: str) -> dict[str, np.ndarray]:
    """The arrays of a checkpoint by name, float32 or int64.

    Args:
        path: a file that `torch.save` wrote before PyTorch 1.6.
        sha256: of the published file, 64 hex digits; no other file is unpickled.

    Raises:
        UserError: the file cannot be read, or is not the published one.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); install its package again") from None
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise UserError(
            f"{path}: not the weights that were published (SHA-256 {found[:12]}… instead of {sha256[:12]}…); "
            "install its package again"
        )
    try:
        return parse(content)
    except ValueError as error:
        raise UserError(f"{path}: not weights of this format ({error}); install its package again") from None


def parse(content: bytes) -> dict[str, np.ndarray]:
    """The arrays in the bytes of a checkpoint.

    Raises:
        ValueError: the bytes are cut short, of another format, or name anything but arrays.
    """
    file = io.BytesIO(content)
    try:
        if (_Unpickler(file).load(), _Unpickler(file).load()) != (MAGIC, PROTOCOL):
            raise ValueError("it does not start as a checkpoint does")
        _Unpickler(file).load()  # facts about the machine that wrote it: always little-endian
        shapes = _Unpickler(file)
        tensors = shapes.load()
        storages = {key: _storage(file, *shapes.storages[key]) for key in _Unpickler(file).load()}
        if file.read(1):
            raise ValueError("it goes on after the last array")
        return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}
    except ValueError:
        raise
    except Exception as error:  # an unpickler raises nearly every type on damaged bytes
        raise ValueError(" ".join(str(error).split())[:160] or type(error).__name__) from None


def _storage(file: BinaryIO, dtype: np.dtype, length: int) -> np.ndarray:
    written = int.from_bytes(file.read(8), "little")
    numbers = file.read(length * dtype.itemsize)
    if written != length or len(numbers) != length * dtype.itemsize:
        raise ValueError("it is cut short")
    return np.frombuffer(numbers, dtype)


def _array(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """A copy of a tensor, after a check that it lies within its storage."""
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if min((tensor.offset, *tensor.shape, *tensor.strides), default=0) < 0 or last >= len(storage):
        raise ValueError("an array reaches past its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
