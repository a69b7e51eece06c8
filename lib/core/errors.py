"""The error that the user can fix."""

import errno
import re
from difflib import get_close_matches
from typing import Any

from lib.core.characters import printable

LONGEST = 1_000  # characters of a message

_OF_THE_DISK = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "read-only",
}


class UserError(Exception):
    """Error that the user can fix; the message is one line that says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with 2. Whatever a message quotes, it stays one
    line of characters that can be seen, and of at most `LONGEST`.
    """

    def __init__(self, message: str):
        line = printable(re.sub(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+", " ", message).strip(), lambda _: True)
        half = LONGEST // 2 - 2
        super().__init__(line if len(line) <= LONGEST else f"{line[:half]} … {line[-half:]}")


class DeviceFault(UserError):
    """The device computes wrong values; nothing is printed from them.

    Attributes:
        result: of the self-test; see `lib.detectors.selftest.Result`.
    """

    def __init__(self, result: Any):
        super().__init__(
            f"{result.line} (off by {result.difference:.2g}, tolerance {result.tolerance:g}); set DEVICE=cpu, or "
            "DEVICE=auto to use the CPU where a self-test fails"
        )
        self.result = result


def did_you_mean(word: str, known: list[str]) -> str:
    """`" (did you mean 'threshold'?)"` where one of `known` is close to `word`, else an empty string."""
    near = get_close_matches(str(word)[:100], known, n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def of_the_disk(error: OSError, cache: object = "") -> UserError | None:
    """The line for a disk that is full or may not be written to; None for another error.

    Args:
        error: what was raised.
        cache: the folder of the cache, named where the error names no file.
    """
    if error.errno not in _OF_THE_DISK:
        return None
    where = error.filename or cache
    cure = "free some" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "change its permissions"
    return UserError(
        f"{_OF_THE_DISK[error.errno]}{f' for {where}' if where else ''}: {cure}, or set ANOMALY_CACHE_DIR (or "
        "ANOMALY_REPORTS_DIR, TMPDIR) to a folder elsewhere"
    )
