"""Checksums of a folder's files: they tell whether it is whole, and whether a bit has changed since it was made."""

import functools
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

NAME = "checksums.json"


def write(folder: Path) -> None:
    """Write `checksums.json`, the SHA-256 of every file in a folder; it comes last and so marks the folder as whole."""
    sums = {name: checksum for name, checksum in of(folder).items() if Path(name).name != NAME}
    (folder / NAME).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def of(folder: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """SHA-256 of files in a folder, by relative path; those that are not there are left out.

    Args:
        folder: the folder.
        names: of the files; every file if not given.
    """
    files = sorted(folder.rglob("*")) if names is None else [folder / name for name in names]
    return {path.relative_to(folder).as_posix(): of_file(path) for path in files if path.is_file()}


def problem(folder: Path) -> str:
    """Why the files of a folder are not those that its checksums were made of, in a few words; empty if they are.

    Files that were added are not looked at. A folder that is found whole is read once a process.
    """
    if not folder.is_dir():
        return "is not there"
    if (marker := _marker(folder)) is None:
        return f"has no {NAME}"
    try:
        _check_once(folder, marker)
    except _Damaged as found:
        return str(found)
    return ""


class _Damaged(Exception):
    """What is wrong with a folder; as an exception, since only what is found whole is remembered."""


def _marker(folder: Path) -> tuple[int, int] | None:
    try:
        facts = (folder / NAME).stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns  # another one where the folder was made again


@functools.cache
def _check_once(folder: Path, marker: tuple[int, int]) -> None:
    try:
        sums = json.loads((folder / NAME).read_text(encoding="utf-8"))
        for name, expected in sums.items():
            if not (folder / name).is_file():
                raise _Damaged(f"{name} is missing")
            if of_file(folder / name) != expected:
                raise _Damaged(f"{name} is damaged")
    except (OSError, ValueError, AttributeError):
        raise _Damaged(f"{NAME} is damaged") from None


def of_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
