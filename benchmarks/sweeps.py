"""What Dask costs a sweep: the seconds for each task of doing nothing, and how much two workers do at once.

With `--save FILE` the result is written there, as JSON; `sweeps.json` is the last one.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
NOTHING = (10, 1_000, 10_000)  # tasks that do nothing
BUSY, SECONDS = 40, 0.25  # tasks that compute for so long
WORKERS = (1, 2)


def nothing(number: int) -> int:
    """A task that does nothing."""
    return number


def busy(number: int) -> int:
    """A task that keeps a core busy."""
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        number += 1
    return number


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    result: dict[str, object] = {"when": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(), "workers": {}}
    for workers in WORKERS:
        result["workers"][str(workers)] = measured(workers)
        print(json.dumps(result["workers"][str(workers)], indent=1), flush=True)
    one, two = (result["workers"][str(workers)]["busy tasks an hour"] for workers in WORKERS)
    result["two workers to one"] = round(two / one, 2)
    if arguments.save:
        arguments.save.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measured(workers: int) -> dict[str, object]:
    """Seconds to start a cluster, of a task that does nothing, and how many busy tasks an hour it carries out."""
    import dask
    import distributed

    from lib.sweep import cluster

    dask.config.set({"distributed.scheduler.worker-saturation": 1.0})
    started = time.perf_counter()
    options = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0", "host": "127.0.0.1"}
    with distributed.LocalCluster(**options) as local, distributed.Client(local) as client:
        client.wait_for_workers(workers)
        found: dict[str, object] = {"seconds to start": round(time.perf_counter() - started, 2)}
        client.gather(client.map(nothing, range(workers), pure=False))
        for count in NOTHING:
            started = time.perf_counter()
            for future in cluster.followed(
                distributed.as_completed(client.map(nothing, range(count), pure=False)), count
            ):
                future.release()
            found[f"milliseconds a task, {count:,} tasks"] = round(1000 * (time.perf_counter() - started) / count, 2)
        started = time.perf_counter()
        client.gather(client.map(busy, range(BUSY), pure=False))
        found["busy tasks an hour"] = round(3600 * BUSY / (time.perf_counter() - started))
    return found


if __name__ == "__main__":
    main()
