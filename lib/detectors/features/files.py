"""Backbones that are files of the user: where they are, and whether they are the files that were meant."""

import functools
from pathlib import Path

from lib.core import checksums, paths
from lib.core.errors import UserError

SUFFIX = ".keras"


def is_file(backbone: str) -> bool:
    """Whether a backbone is given as the path of a Keras file and not by its name."""
    return backbone.endswith(SUFFIX)


def path_of(backbone: str) -> Path:
    """The path of a backbone that is a file; relative ones are relative to `params/`."""
    return paths.params_folder() / paths.expanded(backbone)


def check(backbone: str, sha256: str) -> str:
    """The SHA-256 of a backbone that is a file, 64 hex digits, after a check that it is the one that was given.

    Raises:
        UserError: the file is not there or cannot be read, or its SHA-256 is not given or is another one.
    """
    path = path_of(backbone)
    shown = paths.shown(path)
    try:
        status = path.stat()
        found = _sha256(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise UserError(
            f"backbone: {shown}: cannot be read ({error.strerror}); give the path of a .keras file"
        ) from None
    if not sha256:
        raise UserError(f"sha256: missing for the backbone {shown}; if you trust the file, write `sha256: {found}`")
    if sha256.lower() != found:
        raise UserError(f"sha256: is not that of {shown}, which is {found}; correct it if you trust the file")
    return found


@functools.lru_cache
def _sha256(path: Path, modified: int, size: int) -> str:
    return checksums.of_file(path)
