"""What each second of `make report` is spent on: a stacked chart of the processes' activities, from samples.

The report is made from an empty cache, once for each study and setting of oneDNN. Two processes may work at the same
time, so that the seconds of all add up to more than the time that passed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
WAITING = {"waiting for a kernel", "idle"}  # for another process, whose samples say what it does
FEW = 0.01  # share of the whole below which an activity is part of "other"


def main() -> None:
    """Profile, print, and write the result and the chart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=["digits"], help="names in params/")
    parser.add_argument("--onednn", nargs="*", default=["1", "0"], help="settings of TF_ENABLE_ONEDNN_OPTS")
    parser.add_argument("--save", type=Path, help="JSON file for the result; the chart gets the same name, .svg")
    arguments = parser.parse_args()
    found = {
        f"{study}, oneDNN {'on' if setting == '1' else 'off'}": profile(study, setting)
        for study in arguments.studies
        for setting in arguments.onednn
    }
    print(json.dumps(found, indent=2))
    if arguments.save:
        before = json.loads(arguments.save.read_text(encoding="utf-8")) if arguments.save.is_file() else {}
        arguments.save.write_text(json.dumps(before | found, indent=2) + "\n", encoding="utf-8")
        chart(before | found, arguments.save.with_suffix(".svg"))


def profile(study: str, onednn: str) -> dict[str, object]:
    """One report from an empty cache: the seconds that passed, and those of each activity in all processes."""
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder, "samples")
        samples.mkdir()
        own = {"ANOMALY_CACHE_DIR": f"{folder}/cache", "ANOMALY_REPORTS_DIR": f"{folder}/reports"}
        own |= {"PYTHONPATH": str(ROOT / "benchmarks" / "sampler"), "SAMPLES": str(samples)}
        own |= {"TF_ENABLE_ONEDNN_OPTS": onednn}
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "lib", "report", study], cwd=ROOT, env=os.environ | own, check=True)
        passed = time.monotonic() - started
        spent: Counter[str] = Counter()
        for file in samples.glob("*.json"):
            spent.update(json.loads(file.read_text(encoding="utf-8"))["seconds"])
    whole = sum(value for name, value in spent.items() if name not in WAITING)
    few = {name for name, value in spent.items() if value < FEW * whole} | {"other"}
    kept = {name: round(value, 1) for name, value in spent.most_common() if name not in few | WAITING}
    kept["other"] = round(sum(value for name, value in spent.items() if name in few - WAITING), 1)
    return {"seconds": round(passed, 1), "cores": os.cpu_count(), "activities": kept}


def chart(found: dict[str, dict], path: Path) -> None:
    """One bar for each report, stacked by activity."""
    names = list(dict.fromkeys(name for each in found.values() for name in each["activities"]))
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.6 * len(found)), layout="constrained")
    ends = dict.fromkeys(found, 0.0)
    for place, name in enumerate(names):
        widths = [each["activities"].get(name, 0.0) for each in found.values()]
        axes.barh(list(found), widths, left=list(ends.values()), label=name, color=plt.get_cmap("tab20")(place % 20))
        ends = {key: end + width for (key, end), width in zip(ends.items(), widths, strict=True)}
    axes.plot([each["seconds"] for each in found.values()], list(found), "k|", markersize=18, label="time that passed")
    axes.set_xlabel("seconds of all processes")
    axes.invert_yaxis()
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
