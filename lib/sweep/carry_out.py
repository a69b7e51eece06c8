"""A sweep from its file to its leaderboard; what is finished is not computed again."""

import sys

from lib.core import cache, paths
from lib.core.formatting import count
from lib.core.locks import lock
from lib.report import studies
from lib.sweep import cluster, outcome, remote, tasks
from lib.sweep.definition import Sweep


def carry_out(sweep: Sweep, scheduler: str = "", url: str = "") -> int:
    """Carry out what is missing of a sweep, and write its leaderboard into `reports/sweeps/`.

    Args:
        sweep: the sweep.
        scheduler: address of a Dask scheduler; without one, workers are started on this machine.
        url: where results are read and written, for workers that do not share the cache.

    Returns:
        1 if a task failed, else 0.

    Raises:
        UserError: the URL or the images cannot be had, the scheduler does not answer or is lost, or another process
            carries out this sweep.
    """
    remote.check(url)
    reports = paths.reports_folder() / studies.SWEEPS
    with lock(f".{sweep.name}", wait=False, folder=reports):
        wanted = sweep.tasks()
        keys = tasks.keys(wanted)
        remote.exchange(url, keys)
        missing = {key: task for key, task in zip(keys, wanted, strict=True) if not cache.has(tasks.RESULTS, key)}
        done = sum(key not in missing for key in keys)
        print(
            f"{sweep.name}: {count(len(wanted), 'task')}, {done:,} finished before, {len(wanted) - done:,} to do",
            file=sys.stderr,
            flush=True,
        )
        todo = [(key, (task, key, url, tasks.software())) for key, task in missing.items()]
        failed = cluster.carry_out(remote.run, todo, scheduler) if todo else {}
        remote.exchange(url, [key for key in missing if key not in failed])
        found = outcome.outcome(outcome.table(wanted, keys, failed))
        from lib.sweep import page  # slow to import, and not needed before

        cache.recover(reports / sweep.name)
        with cache.replacing_folder(reports / sweep.name) as folder:
            page.write(sweep, wanted, found, folder)
        studies.write_index(paths.reports_folder())
    where = paths.shown(reports / sweep.name / "index.html")
    print(
        f"{sweep.name}: {where}" + (f"; {count(len(failed), 'task')} failed, and the page says why" if failed else "")
    )
    return int(bool(failed))
