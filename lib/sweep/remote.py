"""Results of tasks at a URL, so that machines need no folder in common.

A result is a folder `<url>/<key>/`: its file, named by its SHA-256, and `checksums.json`, which names that file and is
uploaded last. One without it, or whose file has other bytes, is not there. Two workers that upload one result at the
same time do not spoil it, since files of other contents have other names.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from lib.core import cache, checksums
from lib.core.errors import UserError, did_you_mean
from lib.sweep import tasks
from lib.sweep.definition import Task

ABOUT = "about.txt", b"Results of sweeps, a folder for each task. `make sweep` with RESULTS= reads and writes them.\n"


def check(url: str) -> None:
    """Check that a URL can be written to and read; leaves a file there that says what it holds.

    Raises:
        UserError: it is no URL, its protocol is not known or not installed, or it cannot be written to or read.
    """
    if not url:
        return
    name, text = ABOUT
    with _one_line(url):
        files, root = _opened(url)
        if "://" not in url or re.search(r"[*?[]", root):  # fsspec would look for all files of such names
            raise ValueError("must be a URL without *, ? and [, such as s3://bucket/sweeps or file:///shared/sweeps")
        files.makedirs(root, exist_ok=True)
        files.pipe_file(f"{root}/{name}", text)
        if _read(files, {name: f"{root}/{name}"}) != {name: text}:
            raise OSError("what is read there is not what was written")


def exchange(url: str, keys: Sequence[str]) -> None:
    """Fetch results that only the URL has into the cache, and upload those that only the cache has.

    Args:
        url: of the results; empty: nothing is done.
        keys: of the tasks.

    Raises:
        UserError: the URL cannot be written to or read.
    """
    if not url or not keys:
        return
    with _one_line(url):
        files, root = _opened(url)
        there = _whole(files, root, keys)
        for key in dict.fromkeys(keys):  # a detector with two labels has one key
            if key in there and not cache.has(tasks.RESULTS, key):
                cache.cached(
                    tasks.RESULTS, key, lambda folder, key=key: (folder / tasks.RESULT).write_bytes(there[key])
                )
            elif key not in there and cache.has(tasks.RESULTS, key):
                _upload(files, f"{root}/{key}", tasks.file_of(key).read_bytes())


def run(task: Task, key: str, url: str, software: str) -> str:
    """Make the result of a task exist in the cache, and at the URL where there is one.

    Args:
        task: the task.
        key: its key.
        url: of the results; empty: the cache is shared.
        software: `tasks.software()` of who asks, of which the key is made.

    Returns:
        Why it could not be made or uploaded, in one line; empty where it is there.
    """
    if software != tasks.software():
        return "its worker has other code or other versions of the packages than the machine that started the sweep"
    try:
        exchange(url, [key])
        problem = tasks.run(task, key)
        exchange(url, [key])
    except UserError as error:
        return str(error)
    return problem


def _opened(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs

    files, root = url_to_fs(url)
    return files, root.rstrip("/")


def _whole(files: Any, root: str, keys: Sequence[str]) -> dict[str, bytes]:
    """The bytes of each result that is there whole."""
    marks = _read(files, {key: f"{root}/{key}/{checksums.NAME}" for key in keys})
    sums = {key: named for key, mark in marks.items() if (named := _named(mark))}
    found = _read(files, {key: f"{root}/{key}/{named}" for key, named in sums.items()})
    return {key: text for key, text in found.items() if hashlib.sha256(text).hexdigest() == sums[key]}


def _read(files: Any, wanted: dict[str, str]) -> dict[str, bytes]:
    """The bytes of the files that are there, all asked for at once where the file system can do that."""
    found = files.cat(list(wanted.values()), on_error="return") if wanted else {}
    for problem in found.values():
        if isinstance(problem, Exception) and not isinstance(problem, FileNotFoundError):
            raise problem
    return {key: found[path] for key, path in wanted.items() if isinstance(found.get(path), bytes)}


def _named(mark: bytes) -> str:
    """The checksum that a mark names; empty where it is damaged."""
    try:
        named = str(json.loads(mark)[tasks.RESULT])
    except (ValueError, KeyError, TypeError):
        return ""
    return named if re.fullmatch("[0-9a-f]{64}", named) else ""


def _upload(files: Any, folder: str, text: bytes) -> None:
    """Upload a result, and last what marks it as whole."""
    named = hashlib.sha256(text).hexdigest()
    files.makedirs(folder, exist_ok=True)
    files.pipe_file(f"{folder}/{named}", text)
    files.pipe_file(f"{folder}/{checksums.NAME}", json.dumps({tasks.RESULT: named}).encode())


@contextmanager
def _one_line(url: str) -> Iterator[None]:
    """Makes one line, without passwords, of whatever the package of a protocol raises."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        from fsspec import available_protocols

        protocol, plain = url.partition("://")[0], isinstance(error, ValueError | ImportError)
        hint = did_you_mean(protocol, available_protocols()) if "not known" in str(error) else ""
        what = "" if plain else f"cannot be written to or read: {type(error).__name__}: "
        text = f"RESULTS={url}: {what}{error}{hint}"
        for secret in re.findall(r"(?<=://)[^/]*@|\?.*", url):  # a user with a password, a signature
            text = text.replace(secret, "")
        raise UserError(text) from None
