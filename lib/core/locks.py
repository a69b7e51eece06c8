"""Locks between processes: two of them do not make the same thing at once, and a dead one holds nothing."""

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.core import paths
from lib.core.errors import UserError

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_held: set[Path] = set()  # by this process, of the locks that are not waited for


@contextlib.contextmanager
def lock(name: str, *, wait: bool = True, folder: Path | None = None) -> Iterator[None]:
    """Holds a lock file for the block, so that two processes do not make the same thing at once.

    The lock ends with its process, however that ends. A process that holds a lock and does not wait for it may take it
    again.

    Args:
        name: of the lock.
        wait: wait for another process that holds it, and do not raise.
        folder: where the file is, the cache's if not given. A lock that is not waited for leaves no file there.

    Raises:
        UserError: `wait` is false and another process holds the lock, or the file system has no locks.
    """
    folder = folder or paths.cache_folder() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.lock"
    if not wait and path in _held:
        yield
        return
    handle = _acquire(path, wait)
    try:
        if not wait:
            _held.add(path)
            with contextlib.suppress(OSError):  # the next in line is told less
                os.truncate(handle, 0)
                os.pwrite(handle, json.dumps(_holder()).encode(), 0)
        yield
    finally:
        _held.discard(path)
        if not wait:
            path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, wait: bool) -> int:
    """Open and lock a file; again if its holder has removed it in the meantime."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # no process that this one starts inherits it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    return handle
            os.close(handle)
        except BaseException as error:
            line = _why_not_locked(error, handle, path)
            os.close(handle)
            if line:
                raise UserError(line) from None
            raise


def _why_not_locked(error: BaseException, handle: int, path: Path) -> str:
    if isinstance(error, BlockingIOError):
        return f"{path.stem.strip('.')}: another process{_read_holder(handle)} is at it; wait for it to end, or stop it"
    if isinstance(error, OSError) and error.errno in _NO_LOCKS:
        return (
            f"{paths.shown(path)}: this file system has no locks (flock); set ANOMALY_CACHE_DIR and "
            "ANOMALY_REPORTS_DIR to folders on another"
        )
    return ""


def _holder() -> dict[str, Any]:
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(" ", timespec="seconds"),
    }


def _read_holder(handle: int) -> str:
    try:
        held = json.loads(os.pread(handle, 1000, 0))
        where = "" if held["host"] == socket.gethostname() else f" on {held['host']}"
        return f" ({held['process']}{where}, since {held['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
