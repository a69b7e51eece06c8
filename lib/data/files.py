"""The image files of a folder or of a list, with what tells whether they have changed."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lib.data import decoding

SYSTEM = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})  # left by operating systems


@dataclass(frozen=True)
class Listing:
    """Image files below a folder.

    Attributes:
        paths: below the folder, `/` between names, sorted.
        ignored: number of files left out: of other extensions; hidden ones are not counted.
        links: number of links to folders, which are not followed.
        unreadable: files and folders that cannot be read, with reasons.
    """

    paths: list[str]
    ignored: int
    links: int
    unreadable: list[list[str]]


def below(root: Path, skip: frozenset[str] = frozenset()) -> Listing:
    """Every image file below a folder, at any depth.

    Hidden files and folders are left out, and links to folders are not followed, so that there are no circles and
    nothing outside is read by accident. Links to files are files.

    Args:
        root: the folder.
        skip: names of folders to leave out.
    """
    paths: list[str] = []
    unreadable: list[list[str]] = []
    ignored, links, waiting = 0, 0, [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(root / folder))
        except OSError as error:
            unreadable.append([_printable(folder), f"the folder cannot be read ({error.strerror})"])
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name.startswith(".") or entry.name in SYSTEM:
                continue
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # a link that leads to itself
                unreadable.append([_printable(name), f"it cannot be read ({error.strerror})"])
                continue
            if is_folder:
                if entry.is_symlink():
                    links += 1
                elif entry.name not in skip:
                    waiting.append(name)
            elif not decoding.is_image(entry.name):
                ignored += 1
            elif _printable(name) != name:
                unreadable.append([_printable(name), "its name is not valid Unicode (UTF-8); rename it"])
            else:
                paths.append(name)
    return Listing(sorted(paths), ignored, links, sorted(unreadable))


def state(root: Path, names: Iterable[str]) -> str:
    """A key of files' names, sizes and times of change, 16 hex digits; a file that is not there counts as such.

    The time at which the file system changed a file's record counts too: programs set the other one back.
    """
    key = hashlib.sha256()
    for name in names:
        try:
            facts = os.stat(root / name)
            key.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\0{facts.st_ctime_ns}\n".encode())
        except OSError:
            key.update(f"{name}\0gone\n".encode())
    return key.hexdigest()[:16]


def _printable(name: str) -> str:
    """A name without what UTF-8 cannot hold."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
