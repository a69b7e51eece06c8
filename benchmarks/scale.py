"""Memory and throughput at 9,144 and at 100,000 images (Caltech101, repeated): `python benchmarks/scale.py`.

Scoring and preparing each run in a process of their own, whose peak memory is asked of the system. Memory has to stay
flat, and throughput too. Takes about 10 minutes and 6 GB of disk for as long.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
SIZES = (9_144, 100_000)


class Repeated:
    """A source of images that gives those of another over and over, under names of their own."""

    def __init__(self, source, count: int):
        self.name, self.channels, self.class_names, self.count = source.name, source.channels, source.class_names, count
        self._source = source

    def originals(self):
        from dataclasses import replace

        done = 0
        while done < self.count:
            for original in self._source.originals():
                yield replace(original, id=f"{original.id}-{done:06d}")
                done += 1
                if done == self.count:
                    return


def prepare(count: int, folder: Path) -> float:
    """Seconds of preparing so many images."""
    from lib import data, params

    study = params.load("airplanes")
    source = Repeated(data._source(study), count)
    made = folder / f"prepared-{count}"
    made.mkdir()
    started = time.perf_counter()
    data._prepare(source, study.image_size, made)
    return time.perf_counter() - started


def score(count: int, folder: Path) -> float:
    """Seconds of scoring so many prepared images with the published autoencoder, which need not be fitted for that."""
    import numpy as np

    from lib import detectors, params

    images = np.load(folder / f"prepared-{count}" / "images.npy", mmap_mode="r")
    detector = detectors.build("autoencoder", params.load("airplanes"), 3)
    detector.score(images[:256])  # compiles
    started = time.perf_counter()
    detector.score(images)
    return time.perf_counter() - started


def measured(step: str, count: int, folder: Path) -> dict[str, float]:
    """Images a second and peak memory of a step in a process of its own."""
    command = [sys.executable, str(HERE / "scale.py"), step, str(count), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    if len(sys.argv) == 4:
        count = int(sys.argv[2])
        seconds = {"prepare": prepare, "score": score}[sys.argv[1]](count, Path(sys.argv[3]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        print(json.dumps({"images_per_second": round(count / seconds, 1), "peak_memory_mb": round(peak)}))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/scale.json")
    given = parser.parse_args()
    found: dict[str, dict[str, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory(prefix="anomaly-scale-") as folder:
        for step in ("prepare", "score"):
            for count in SIZES:
                result = measured(step, count, Path(folder))
                found.setdefault(step, {})[str(count)] = result
                rate, memory = result["images_per_second"], result["peak_memory_mb"]
                print(f"{step:<8}{count:>8,} images: {rate:>8.1f} a second, {memory:>5} MB at the most", flush=True)
    small, large = map(str, SIZES)
    ratios = {
        step: round(each[large]["images_per_second"] / each[small]["images_per_second"], 3)
        for step, each in found.items()
    }
    print(f"Throughput at {SIZES[1]:,} against {SIZES[0]:,} images: {ratios}")
    if given.save:
        result = {
            "when": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "throughput, large to small": ratios,
            **found,
        }
        (HERE / "scale.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
