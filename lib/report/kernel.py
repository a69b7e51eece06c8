"""The Jupyter kernel that executes the notebooks of a report, one after the other."""

import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync

from lib.core import paths

LOG = "kernel.log"  # beside the notebooks: what the kernel's process writes, cells' own output left out
START_SECONDS = 120  # in which a kernel has to answer
CLEAR = "get_ipython().reset(new_session=True)"  # removes variables and counts cells from 1 again


class Kernel:
    """A kernel that starts when it is first needed, and ends with the block.

    Libraries are imported once for all notebooks; the variables of a notebook are removed before the next one.

    Attributes:
        log: see `LOG`.
        manager: of the kernel.
        client: that talks to it; None before it has answered.
        process: of the kernel; None before it has started.
    """

    def __init__(self, log: Path, environment: Mapping[str, str] | None = None):
        """Does not start it; its environment variables are those of this process if none are given."""
        self.log = log
        self._environment = environment
        self.manager = AsyncKernelManager(kernel_name="python3")
        self.client: Any = None
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end()
        if kind is None:  # else it may say why
            self.log.unlink(missing_ok=True)

    def start(self, *first: str) -> None:
        """Starts its process, unless it runs, and does not wait for it.

        Args:
            *first: code that it executes before it answers, such as what `imports` returns.

        Raises:
            NoSuchKernel: it is not installed.
            OSError: it cannot be started.
        """
        if self.process is not None:
            return
        early = [f"--IPKernelApp.exec_lines={line}" for line in first]
        with open(self.log, "ab") as log:  # appended to, so that `clear` may shorten it
            where = {"cwd": str(paths.notebooks_folder()), "env": dict(self._environment or os.environ)}
            where["preexec_fn"] = end_with_parent()
            run_sync(self.manager.start_kernel)(extra_arguments=early, stdout=log, stderr=log, **where)
        self.process = self.manager.provisioner.process

    def answers(self) -> bool:
        """Whether it answers; waits for that up to `START_SECONDS`. It has been started."""
        client = self.manager.client()
        client.start_channels()
        try:
            run_sync(client.wait_for_ready)(timeout=START_SECONDS)
        except RuntimeError:  # it is dead, or too slow
            client.stop_channels()
            return False
        client.allow_stdin = False
        self.client = client
        return True

    def clear(self) -> None:
        """Makes it ready for the next notebook: no variables, no log."""
        with suppress(FileNotFoundError):
            os.truncate(self.log, 0)
        if self.client:
            run_sync(self.client.execute_interactive)(CLEAR, silent=True, timeout=60)

    def kill(self) -> None:
        """Ends its process, and those that it left behind, which are in the group that is named for it."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ends it, and gives back what belongs to it."""
        if self.client:
            self.client.stop_channels()
        self.kill()
        if self.process is not None:
            run_sync(self.manager.shutdown_kernel)(now=True)


def imports(*modules: str) -> str:
    """Code that imports modules, and leaves no names."""
    return f"from lib.core.imports import import_all; import_all(*{modules}); del import_all"


def end_with_parent() -> Any:
    """What a process does first on Linux: ask to be killed when the one that started it ends, however it ends.

    Elsewhere a kernel itself looks every second whether its parent is there, unless a cell keeps it busy.
    """
    if sys.platform != "linux":
        return None
    set_signal = 1  # PR_SET_PDEATHSIG
    return functools.partial(ctypes.CDLL(None).prctl, set_signal, int(signal.SIGKILL))
