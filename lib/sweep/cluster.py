"""Tasks on Dask: a cluster on this machine, or any other by the address of its scheduler.

A task leaves its result in the cache, and the cache is all that is needed to go on: whoever is killed, nothing that was
finished is computed again. Dask carries out what is missing, watches its workers, and gives the tasks of one that died
to others.
"""

import logging
import os
import sys
import time
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from tqdm import tqdm

from lib.core.errors import UserError
from lib.core.formatting import clock, count

GIGABYTES = 1.5  # of memory that a worker needs, with TensorFlow and the scores of ten thousand images
WAIT = 30  # seconds in which a scheduler has to answer
LOG_SECONDS = 30.0
TRIES = 3  # times that a task may lose its worker; then the task is what kills it
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def carry_out(
    function: Callable[..., str], wanted: Sequence[tuple[str, tuple[Any, ...]]], scheduler: str = ""
) -> dict[str, str]:
    """Carries out tasks whose results are missing.

    Args:
        function: makes the result of a task exist where others find it; returns why it could not, else empty text.
        wanted: the key of each task, and what the function is called with.
        scheduler: address of a Dask scheduler, such as `tcp://host:8786`, whose workers have this code and this cache;
            without one, a cluster is started on this machine, and ends with this.

    Returns:
        Why a task failed, by its key.

    Raises:
        UserError: there is no such scheduler, it was lost, or Dask is not installed.
    """
    if find_spec("distributed") is None:
        raise UserError("sweep: Dask is not installed; run make sweep, which installs it")
    import distributed

    for name in logging.root.manager.loggerDict:  # what it would say, `_problem` and the line below say
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        return _carry_out(function, wanted, scheduler)
    except (OSError, TimeoutError, CancelledError, distributed.comm.CommClosedError, _Lost):
        raise UserError(
            f"sweep: the scheduler{f' {scheduler}' * bool(scheduler)} was lost; what is finished stays in the cache; "
            "run the same command again"
        ) from None


class _Lost(Exception):
    """The scheduler is gone."""


def _carry_out(
    function: Callable[..., str], wanted: Sequence[tuple[str, tuple[Any, ...]]], scheduler: str
) -> dict[str, str]:
    import distributed

    with _client(scheduler, len(wanted)) as client:
        if find_spec("bokeh"):
            print(f"dashboard: {client.dashboard_link}", file=sys.stderr)
        futures = client.map(
            function,
            *zip(*(arguments for _, arguments in wanted), strict=True),
            key=[f"anomaly-{key}" for key, _ in wanted],
            pure=False,
            retries=0,
        )
        keys = {future.key: key for future, (key, _) in zip(futures, wanted, strict=True)}
        failed: dict[str, str] = {}
        for future in followed(distributed.as_completed(futures), len(futures)):
            if future.status == "cancelled" or client.status != "running":
                raise _Lost
            problem = _problem(future)
            if problem:
                failed[keys[future.key]] = problem
            future.release()
    return failed


def workers(tasks: int) -> int:
    """How many workers this machine has room for: one for each core, task and `GIGABYTES` of memory, at least one."""
    from distributed.system import MEMORY_LIMIT

    return max(1, min(os.cpu_count() or 1, tasks, int(MEMORY_LIMIT / 2**30 / GIGABYTES)))


def followed(futures: Iterator[Any], total: int) -> Iterator[Any]:
    """Futures as they end; a terminal shows a bar with the time left, a log file a line at most every `LOG_SECONDS`."""
    started = logged = time.monotonic()
    bar = tqdm(futures, total=total, unit="task", disable=None, file=sys.stderr)
    for number, future in enumerate(bar, start=1):
        yield future
        now = time.monotonic()
        if bar.disable and now - logged >= LOG_SECONDS:
            logged = now
            left = clock((now - started) / number * (total - number))
            print(f"    {number:,} of {count(total, 'task')}, about {left} left", file=sys.stderr, flush=True)


def _problem(future: Any) -> str:
    if future.status == "finished":
        return future.result()
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        return f"its worker died {count(TRIES + 1, 'time')}; a lack of memory does that"
    return " ".join(f"{type(error).__name__}: {error}".split())


@contextmanager
def _client(scheduler: str, tasks: int) -> Iterator[Any]:
    import dask
    import distributed

    # A worker gets its next task when it has finished the last; a future of a worker that died goes to another.
    dask.config.set({"distributed.scheduler.worker-saturation": 1.0, "distributed.scheduler.allowed-failures": TRIES})
    if scheduler:
        try:
            client = distributed.Client(scheduler, timeout=WAIT)
        except (OSError, ValueError, RuntimeError):
            raise UserError(
                f"SCHEDULER={scheduler}: no scheduler answers there within {WAIT} s; start one with `dask scheduler`"
            ) from None
        with client:
            client.register_plugin(_bounded(1))
            found = client.scheduler_info()["workers"]
            print(f"{scheduler}: {count(len(found), 'worker')}", file=sys.stderr, flush=True)
            yield client
        return
    number = workers(tasks)
    options = {"n_workers": number, "threads_per_worker": 1, "dashboard_address": ":0", "host": "127.0.0.1"}
    options["memory_limit"] = 0  # Dask would count the files that a worker has mapped, and end it for them
    with (
        distributed.LocalCluster(silence_logs=logging.CRITICAL, **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.register_plugin(_bounded(max(1, (os.cpu_count() or 1) // number)))
        yield client


def _bounded(threads: int) -> Any:
    """A plugin of Dask: a new worker first bounds its threads, before a task imports TensorFlow or NumPy."""
    import distributed

    class Bounded(distributed.WorkerPlugin):
        name = "anomaly-threads"

        def setup(self, worker: Any) -> None:  # a worker is started anew and not forked
            os.environ.update(dict.fromkeys(THREADS, str(threads)))

    return Bounded()
