"""Time and memory of `score` on the files of Caltech101, beside the report's own time for the same images.

Motorbikes are normal. The report decodes, prepares and scores every image once; so does `score`, which also compares
the new images with the calibration images and draws a page.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMORY = ROOT / "benchmarks" / "memory.py"  # runs `lib`, and says how much memory it took
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Write the files, fit, score in processes of their own, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=9144, help="how many files are scored; a third of them as well")
    parser.add_argument("--detector", default="features", help="name of a detector, such as combined")
    parser.add_argument("--save", type=Path, help="JSON file for the result")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANOMALY_CACHE_DIR"] = f"{folder}/cache"
        os.environ["ANOMALY_REPORTS_DIR"] = f"{folder}/reports"
        result = measured(Path(folder), arguments.images, arguments.detector)
    print(json.dumps(result, indent=2))
    if arguments.save:
        arguments.save.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measured(folder: Path, images: int, detector: str) -> dict[str, float]:
    """Seconds, ratios and peak memory (MB)."""
    from lib.evaluation import comparison
    from lib.params import Parameters
    from lib.study import Run, Study

    write_files(folder / "files", images)
    values = {"study": "moto", "dataset": "folder", "images": str(folder / "files"), "normal_class": "motorbikes"}
    values |= {"image_size": 224, "protocol": "holdout", "threshold_rule": "target_fpr", "detectors": [detector]}
    params = Parameters(**values, detector=detector, duplicates="keep")
    started = time.monotonic()
    study = Study.open(params)
    prepared = time.monotonic() - started
    run = Run(folder / "reports" / "moto" / "run")
    comparison.fit_and_save(study, run)
    answer = comparison.answer(study, run, comparison.leaderboard(study, run))
    run.update_metrics(comparison.record(run, [], None, answer))
    seconds = run.fits()[answer["row"]["column"]]["seconds"]
    reported = seconds["fit"] + seconds["score"]  # embeddings count as part of the fit
    few = folder / "few.txt"
    names = sorted(path for path in (folder / "files").rglob("*.jpg"))[::3]
    few.write_text("\n".join(map(str, names)), encoding="utf-8")
    _, small = scored(few, folder / "few.csv")
    taken, large = scored(folder / "files", folder / "all.csv")
    return {
        "images": images,
        "prepare_seconds": round(prepared, 1),
        "report_score_seconds": round(reported, 1),
        "score_seconds": round(taken, 1),
        "of_prepare_and_score": round(taken / (prepared + reported), 2),
        "of_score_alone": round(taken / reported, 2),
        "peak_mb": round(large),
        "peak_mb_of_a_third": round(small),
    }


def write_files(folder: Path, images: int) -> None:
    """JPEG files of Caltech101, a folder for each class; every n-th, so that all classes are there."""
    from lib import params
    from lib.data.sources.tfds import Tfds

    for number, original in enumerate(Tfds(params.load("airplanes")).originals()):
        if number * images // 9144 != (number - 1) * images // 9144:
            path = folder / original.class_name / original.id.split("/")[-1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(original.encoded)


def scored(images: Path, out: Path) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a process that scores images."""
    started = time.monotonic()
    command = [sys.executable, str(MEMORY), "score", "moto", str(images), "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)
    return time.monotonic() - started, float(done.stderr.splitlines()[-1])


if __name__ == "__main__":
    main()
