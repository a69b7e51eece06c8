"""A scheduler of Dask and two workers, each a process of its own, as a user starts them by hand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lib.core import paths

STARTER = "import sys; from dask.__main__ import main; sys.argv[0] = 'dask'; main()"


@contextmanager
def started() -> Iterator[tuple[str, subprocess.Popen, list[subprocess.Popen]]]:
    """The address of the scheduler, its process, and those of the workers; they have the environment of this moment."""
    port = 20_000 + os.getpid() % 20_000
    address, quiet = f"tcp://127.0.0.1:{port}", ["--no-dashboard"]
    words = [["scheduler", "--host", "127.0.0.1", "--port", str(port), *quiet]]
    words += [["worker", address, "--nthreads", "1", "--no-nanny", *quiet]] * 2
    options = {"cwd": paths.ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [subprocess.Popen([sys.executable, "-c", STARTER, *each], **options) for each in words]
    try:
        yield address, processes[0], processes[1:]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
