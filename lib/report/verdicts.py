"""What became of a notebook, from evidence of our own: the exception, how the kernel's process ended, and its log.

papermill's metadata say "completed" of every cell of a notebook whose kernel died, so they are not asked.
"""

import re
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lib.core import paths
from lib.core.errors import UserError, of_the_disk

OK, NEVER_RAN, STOPPED = "ok", "never_ran", "stopped"
CELL_ERROR, TIMED_OUT, KERNEL_DIED, OUT_OF_MEMORY = "cell_error", "timed_out", "kernel_died", "out_of_memory"
UNFINISHED = "unfinished.json"  # beside the pages of finished chapters: what `index.html` says of their report
NOT_RENDERED = "not_rendered"  # of a whole report whose notebooks are all ok

_NO_MEMORY = re.compile(
    r"MemoryError|ResourceExhausted|bad_alloc|[Cc]annot allocate memory|[Oo]ut of memory|OOM when allocating"
)
_TAIL = 4000  # bytes at the end of the kernel's log


@dataclass(frozen=True)
class Verdict:
    """The verdict on one notebook.

    Attributes:
        verdict: `ok`; `cell_error`; `timed_out` (a cell, the notebook or the start of the kernel took longer than
            allowed); `kernel_died`; `out_of_memory`; `stopped`, where something else than the notebook failed while it
            was executed, such as the disk; `never_ran`.
        cell: number of the cell in the notebook's text, from 1, that was being executed; None where none was.
        error: what happened, one line; empty where the notebook is ok or never ran.
    """

    verdict: str
    cell: int | None = None
    error: str = ""

    def record(self) -> dict[str, str | int]:
        """As `run/status.json` has it."""
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def of_error(name: str, text: str, cell: int | None) -> Verdict:
    """The verdict after an exception in a cell: its class's name and its text."""
    short = name.rsplit(".", 1)[-1]
    memory = short.endswith("MemoryError") or short == "ResourceExhaustedError"
    return Verdict(OUT_OF_MEMORY if memory else CELL_ERROR, cell, line(f"{name}: {text}"))


def of_dead_kernel(code: int | None, log: Path, killings: int, cell: int | None) -> Verdict:
    """The verdict after the kernel's process ended by itself.

    Args:
        code: its exit status, negative for a signal; None if it is not known.
        log: what the process wrote.
        killings: how many more processes than before the kernel's start have been killed because memory ran out.
        cell: that was being executed.
    """
    how = "cause unknown" if code is None else f"exit status {code}" if code >= 0 else f"signal {-code}"
    if code is not None and code < 0 and -code in set(signal.Signals) and -code != signal.SIGKILL:
        how += f", {signal.Signals(-code).name}"
    died = "its kernel died" if cell else "its kernel did not start"
    if found := _NO_MEMORY.search(_tail(log)):
        return Verdict(OUT_OF_MEMORY, cell, f"{died}: out of memory ({how}; its log: {found[0]})")
    if code == -signal.SIGKILL:
        if killings > 0:
            return Verdict(OUT_OF_MEMORY, cell, f"the system ran out of memory and ended its kernel ({how})")
        return Verdict(KERNEL_DIED, cell, f"{died} ({how}), possibly out of memory")
    return Verdict(KERNEL_DIED, cell, f"{died} ({how})")


def killings() -> int:
    """How many processes the system has killed because memory ran out: in the control group, else on the machine.

    Returns:
        0 where the system does not say.
    """
    for path, key in _counters():
        try:
            words = path.read_text(encoding="ascii").split()
            return int(words[words.index(key) + 1])
        except (OSError, ValueError, IndexError):
            continue
    return 0


def _counters() -> Iterator[tuple[Path, str]]:
    """Files that count killings, with the name of the count, the most specific first."""
    try:
        groups = [each.split(":", 2) for each in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        groups = []
    root = Path("/sys/fs/cgroup")
    for _, controllers, path in groups:
        inside = [path.strip("/"), ""]  # in a container, the path is that of the machine
        if controllers == "":
            yield from ((root / place / "memory.events", "oom_kill") for place in inside)
        elif "memory" in controllers.split(","):
            yield from ((root / "memory" / place / "memory.oom_control", "oom_kill") for place in inside)
    yield Path("/proc/vmstat"), "oom_kill"


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-_TAIL:].decode("utf-8", "replace")
    except OSError:
        return ""


def in_a_line(error: Exception) -> str:
    """What an exception says, for `run/status.json`."""
    if isinstance(error, OSError):
        error = of_the_disk(error, paths.reports_folder()) or error
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def line(text: str) -> str:
    """A text as one line of at most 300 characters."""
    return " ".join(text.split())[:300]
