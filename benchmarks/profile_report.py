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
    """One panel for each study, with one bar for each of its reports, stacked by activity."""
    names = list(dict.fromkeys(name for each in found.values() for name in each["activities"]))
    studies = {
        study: [key for key in found if key.startswith(f"{study},")] for study in (key.split(",")[0] for key in found)
    }
    heights = [len(keys) for keys in studies.values()]
    figure, panels = plt.subplots(
        len(studies), figsize=(9, 1 + 0.8 * sum(heights)), height_ratios=heights, layout="constrained", squeeze=False
    )
    for axes, keys in zip(panels[:, 0], studies.values(), strict=True):
        ends = [0.0] * len(keys)
        for place, name in enumerate(names):
            widths = [found[key]["activities"].get(name, 0.0) for key in keys]
            axes.barh(keys, widths, left=ends, label=name, color=plt.get_cmap("tab20")(place % 20))
            ends = [end + width for end, width in zip(ends, widths, strict=True)]
        axes.plot([found[key]["seconds"] for key in keys], keys, "k|", markersize=18, label="time that passed")
        axes.invert_yaxis()
    panels[-1, 0].set_xlabel("seconds of all processes")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
