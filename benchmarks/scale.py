"""Memory and throughput at 10,000 to 1,000,000 images (Caltech101, repeated): `python benchmarks/scale.py`.

Each step runs in a process of its own for each number of images, of which the system reports the peak memory: to
prepare images and to fit a coreset of patches, both of 100,000 at most, and to score them by the published autoencoder;
a million are those of 100,000, repeated. Neither memory nor throughput may depend on the number. Images are prepared at
32 px, or a million would take 49 GB of disk; `--side 128` with `--counts 10000 100000` is the published size. Takes
about 15 minutes, and 4 GB of disk meanwhile.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import memory

HERE = Path(__file__).resolve().parent
COUNTS = (10_000, 100_000, 1_000_000)
PREPARED = 100_000  # images at most that are decoded, and that a coreset is fitted on


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


def prepare(count: int, folder: Path, side: int) -> float:
    """Seconds that it takes to prepare `count` images."""
    from lib import params
    from lib.data import preparation, sources

    study = params.load("airplanes")
    source = Repeated(sources.source(study), count)
    prepared = folder / f"prepared-{count}"
    prepared.mkdir()
    started = time.perf_counter()
    preparation.prepare(source, side, prepared)
    return time.perf_counter() - started


def repeat(count: int, folder: Path) -> None:
    """Write `count` prepared images: `PREPARED` ones, as often as needed."""
    import numpy as np

    known = np.load(folder / f"prepared-{PREPARED}" / "images.npy", mmap_mode="r")
    prepared = folder / f"prepared-{count}"
    prepared.mkdir()
    shape = (count, *known.shape[1:])
    images = np.lib.format.open_memmap(prepared / "images.npy", "w+", np.uint8, shape)
    for start in range(0, count, len(known)):
        images[start : start + len(known)] = known[: count - start]


def score(count: int, folder: Path, side: int) -> float:
    """Seconds that the published autoencoder takes to score `count` prepared images; it need not be fitted for that."""
    import autoencoder
    import numpy as np

    from lib.detectors.reconstruction.networks import passes

    images = np.load(folder / f"prepared-{count}" / "images.npy", mmap_mode="r")
    network = autoencoder.network(image_shape=images.shape[1:])
    passes.mean_squared_error(network, images[:256])  # the first pass of a process is slower
    started = time.perf_counter()
    passes.mean_squared_error(network, images)
    return time.perf_counter() - started


def coreset(count: int, folder: Path, side: int) -> float:
    """Seconds that it takes to fit a coreset of patches to `count` prepared images."""
    from types import SimpleNamespace

    import numpy as np

    from lib.detectors import spec

    pixels = np.load(folder / f"prepared-{count}" / "images.npy", mmap_mode="r")
    images = SimpleNamespace(pixels=lambda _: pixels)
    detector = spec("features", {"method": "patches", "size": side}, {}).create()
    started = time.perf_counter()
    detector.learn(images, np.arange(count))
    return time.perf_counter() - started


STEPS = {"prepare": prepare, "score": score, "coreset": coreset}


def measured(step: str, count: int, folder: Path, side: int) -> dict[str, float]:
    """Images a second and peak memory of a step in a process of its own."""
    command = [sys.executable, str(HERE / "scale.py"), step, str(count), str(folder), str(side)]
    process = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent)
    if process.returncode:
        sys.exit(process.stderr)
    return json.loads(process.stdout.splitlines()[-1])


def main() -> None:
    if len(sys.argv) == 5 and sys.argv[1] in STEPS:
        count = int(sys.argv[2])
        seconds = STEPS[sys.argv[1]](count, Path(sys.argv[3]), int(sys.argv[4]))
        print(json.dumps({"images_per_second": round(count / seconds, 1), "peak_memory_mb": round(memory.peak())}))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=32, help="of prepared images, pixels; a multiple of 8")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="numbers of images, rising")
    parser.add_argument("--save", action="store_true", help="write the result to benchmarks/scale.json")
    arguments = parser.parse_args()
    if max(arguments.counts) > PREPARED and PREPARED not in arguments.counts:
        parser.error(f"--counts: more than {PREPARED} images are made of {PREPARED}; name that number too")
    results: dict[str, dict[str, dict[str, float]]] = {step: {} for step in STEPS}
    with tempfile.TemporaryDirectory(prefix="anomaly-scale-") as folder:
        for count in arguments.counts:
            if count > PREPARED:
                repeat(count, Path(folder))
            for step in STEPS if count <= PREPARED else ("score",):
                results[step][str(count)] = result = measured(step, count, Path(folder), arguments.side)
                rate, most = result["images_per_second"], result["peak_memory_mb"]
                print(f"{step:<8}{count:>10,} images: {rate:>8.1f} a second, peak memory {most:>5} MB", flush=True)
    ratios = {}
    for step, by_count in results.items():
        rates = [each["images_per_second"] for each in by_count.values()]
        ratios[step] = round(rates[-1] / rates[0], 3)
    print(f"Throughput at the most images as a multiple of that at the fewest: {ratios}")
    if arguments.save:
        result = {
            "when": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "side": arguments.side,
            "throughput, most to fewest": ratios,
            **results,
        }
        (HERE / "scale.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
