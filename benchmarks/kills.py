"""Kill `make report` again and again, resume each time, and compare the report with that of an undisturbed run.

The kills (SIGKILL, to the parent alone) form one chain that begins with an empty cache. Most come a moment after
another step has been finished, so that each resumed run has to go beyond the one before; the rest come while pages are
rendered. After each, nothing under a final name may be unfinished, no step may be lost or made anew, and no kernel may
be left. Linux only.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
PYTHON = [sys.executable, "-m", "lib", "report"]
COMPARED = (".html", ".pdf", "metrics.json", "scores.parquet")


def main() -> None:
    """Run undisturbed, run the chain, compare, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", default="digits", help="a name in params/, or a YAML file")
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--rendering", type=int, default=8, help="how many of them while pages are rendered")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--plain", type=Path, help="folder of an undisturbed run, with cache/ and reports/")
    parser.add_argument("--save", type=Path, help="JSON file for the result")
    arguments = parser.parse_args()
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        plain, killed = arguments.plain or Path(folder) / "plain", Path(folder) / "killed"
        if not arguments.plain:
            subprocess.run([*PYTHON, arguments.study], cwd=ROOT, env=environment(plain), check=True)
        result = {"study": arguments.study, "kills": arguments.kills, "while_rendering": arguments.rendering}
        result |= chain(arguments, killed, len(steps(plain)))
        result |= compared(plain / "reports" / arguments.study, killed / "reports" / arguments.study)
    print(json.dumps(result, indent=2))
    if arguments.save:
        arguments.save.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """The environment of a run with its own cache and reports."""
    return os.environ | {"ANOMALY_CACHE_DIR": f"{folder}/cache", "ANOMALY_REPORTS_DIR": f"{folder}/reports"}


def steps(folder: Path) -> dict[str, int]:
    """The finished steps in the cache, each with its inode, which tells whether it was made again."""
    found = [*folder.glob("cache/*/[!.]*"), *folder.glob("cache/pages/*/[!.]*")]
    kept = [path for path in found if path.parent.name not in ("locks", "pages", "drafts")]
    return {path.relative_to(folder).as_posix(): path.stat().st_ino for path in kept}


def chain(arguments: argparse.Namespace, folder: Path, total: int) -> dict[str, object]:
    """Kill and resume; then let it end.

    Args:
        arguments: of the command line.
        folder: of the run.
        total: the number of steps of an undisturbed run.
    """
    moments, log = random.Random(arguments.seed), folder.with_suffix(".log")
    by_step = arguments.kills - arguments.rendering
    done: dict[str, int] = {}
    lost, remade, unfinished, left, progress = [], [], [], [], []
    for number in range(arguments.kills):
        goal = max(round((number + 1) * (total - 1) / by_step), 1) if number < by_step else None
        wanted = max(goal, min(len(done) + 1, total - 1)) if goal else None
        pid = killed_at(arguments.study, folder, log, wanted, moments)
        now = steps(folder)
        lost += sorted(set(done) - set(now))
        remade += sorted(step for step in set(done) & set(now) if done[step] != now[step])
        unfinished += checked(folder, arguments.study)
        left += still_running(folder, pid)
        done = now
        progress.append(len(now))
        print(f"kill {number + 1}: {len(now)} of {total} steps", file=sys.stderr, flush=True)
    subprocess.run([*PYTHON, arguments.study], cwd=ROOT, env=environment(folder), check=True)
    unfinished += checked(folder, arguments.study)
    hidden = sorted(path.name for path in (folder / "reports").glob(".*"))
    return {
        "steps": total,
        "steps_after_each_kill": progress,
        "steps_lost": lost,
        "steps_made_again": remade,
        "unfinished_under_a_final_name": unfinished,
        "processes_left": len(left),
        "hidden_files_left_in_reports": hidden,
    }


def killed_at(study: str, folder: Path, log: Path, wanted: int | None, moments: random.Random) -> int:
    """Start a run and kill it: a moment after it has so many steps, or while it renders; returns its number."""
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [*PYTHON, study], cwd=ROOT, env=environment(folder), stdout=errors, stderr=errors, start_new_session=True
        )
    started = time.monotonic()
    while process.poll() is None:
        if wanted is not None and len(steps(folder)) >= wanted:
            break
        if wanted is None and b"rendering" in log.read_bytes():
            break
        if time.monotonic() - started > 1800:
            raise SystemExit(f"no progress in half an hour: {log.read_text(encoding='utf-8')}")
        time.sleep(0.05)
    time.sleep(moments.uniform(0, 1.5 if wanted is not None else 8))
    if process.poll() not in (None, 0):
        raise SystemExit(f"ended by itself: {log.read_text(encoding='utf-8')}")
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.pid


def still_running(folder: Path, pid: int) -> list[int]:
    """Processes with the environment of the run that are there two seconds after it was killed."""
    time.sleep(2)
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"ANOMALY_CACHE_DIR={folder}/cache".encode() in path.read_bytes() and int(path.parent.name) != pid:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def checked(folder: Path, study: str) -> list[str]:
    """What is unfinished under a final name: files of the cache that cannot be read, of the report that differ."""
    bad = []
    for path in (folder / "cache").rglob("*"):
        inside = path.relative_to(folder).parts
        if any(part.startswith(".") for part in inside) or "locks" in inside or not path.is_file():
            continue
        try:
            readable(path)
        except Exception as error:
            bad.append(f"{'/'.join(inside)}: {error}")
    report = folder / "reports" / study
    if report.exists():
        status = json.loads((report / "run" / "status.json").read_text(encoding="utf-8"))
        bad += [name for name, value in status["files"].items() if digest(report / name) != value]
    return bad


def readable(path: Path) -> None:
    """Read a file whole, as what it is."""
    if path.suffix in (".json", ".ipynb"):
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".parquet":
        pd.read_parquet(path)
    elif path.suffix in (".npz", ".npy"):
        loaded = np.load(path)
        _ = dict(loaded) if path.suffix == ".npz" else loaded


def digest(path: Path) -> str:
    """SHA-256 of a file; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def compared(plain: Path, killed: Path) -> dict[str, object]:
    """How many files of both reports are equal, and the names of those that are not."""
    found = [
        {path.relative_to(report).as_posix(): digest(path) for path in report.rglob("*") if path.is_file()}
        for report in (plain, killed)
    ]
    names = sorted({*found[0], *found[1]})
    differ = [name for name in names if found[0].get(name) != found[1].get(name)]
    return {
        "html_pdf_metrics_and_scores_compared": sum(name.endswith(COMPARED) for name in names),
        "of_these_different": [name for name in differ if name.endswith(COMPARED)],
        "all_files_compared": len(names),
        "all_different": differ,
    }


if __name__ == "__main__":
    main()
