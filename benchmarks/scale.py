"""Memory and throughput at 9,144 and at 100,000 images (Caltech101, repeated): `python benchmarks/scale.py`.

Preparing and scoring run in a process of their own for each number of images, of which the system reports the peak
memory. Neither memory nor throughput may depend on the number. Takes about 10 minutes, and 6 GB of disk meanwhile.
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
    """A source of `count` images: those of another source, repeated, each with an id of its own."""

    def __init__(self, source, count: int):
        self.name, self.channels, self.class_names, self.count = source.name, source.channels, source.class_names, count
        self._source = source

    def originals(self):
        from dataclasses import replace

        number = 0
        while number < self.count:
            for original in self._source.originals():
                yield replace(original, id=f"{original.id}-{number:06d}")
                number += 1
                if number == self.count:
                    return


def prepare(count: int, folder: Path) -> float:
    """Seconds that it takes to prepare `count` images."""
    from lib import params
    from lib.data import preparation, sources

    study = params.load("airplanes")
    source = Repeated(sources.source(study), count)
    prepared = folder / f"prepared-{count}"
    prepared.mkdir()
    started = time.perf_counter()
    preparation.prepare(source, study.image_size, prepared)
    return time.perf_counter() - started


def score(count: int, folder: Path) -> float:
    """Seconds that the published autoencoder takes to score `count` prepared images; it need not be fitted for that."""
    import autoencoder
    import numpy as np

    from lib.detectors.reconstruction.networks import passes

    images = np.load(folder / f"prepared-{count}" / "images.npy", mmap_mode="r")
    network = autoencoder.network()
    passes.mean_squared_error(network, images[:256])  # the first pass of a process is slower
    started = time.perf_counter()
    passes.mean_squared_error(network, images)
    return time.perf_counter() - started


def measured(step: str, count: int, folder: Path) -> dict[str, float]:
    """Images a second and peak memory of a step in a process of its own."""
    command = [sys.executable, str(HERE / "scale.py"), step, str(count), str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if process.returncode:
        sys.exit(process.stderr)
    return json.loads(process.stdout.splitlines()[-1])


def main() -> None:
    if len(sys.argv) == 4:
        count = int(sys.argv[2])
        seconds = {"prepare": prepare, "score": score}[sys.argv[1]](count, Path(sys.argv[3]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        print(json.dumps({"images_per_second": round(count / seconds, 1), "peak_memory_mb": round(peak)}))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/scale.json")
    arguments = parser.parse_args()
    results: dict[str, dict[str, dict[str, float]]] = {"prepare": {}, "score": {}}
    with tempfile.TemporaryDirectory(prefix="anomaly-scale-") as folder:
        for step, by_count in results.items():
            for count in SIZES:
                by_count[str(count)] = result = measured(step, count, Path(folder))
                rate, memory = result["images_per_second"], result["peak_memory_mb"]
                print(f"{step:<8}{count:>8,} images: {rate:>8.1f} a second, peak memory {memory:>5} MB", flush=True)
    small, large = map(str, SIZES)
    ratios = {
        step: round(by_count[large]["images_per_second"] / by_count[small]["images_per_second"], 3)
        for step, by_count in results.items()
    }
    print(f"Throughput at {SIZES[1]:,} images as a multiple of that at {SIZES[0]:,}: {ratios}")
    if arguments.save:
        result = {
            "when": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "throughput, large to small": ratios,
            **results,
        }
        (HERE / "scale.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
