"""The kernels that execute the notebooks of a report: one, or two where images are not large. Imports nothing slow.

One process does not use all cores well: small networks cannot, and two larger ones on half of the cores each take an
eighth less time than one after the other on all. So the second kernel first makes fits (`lib.study.ahead`), and then
executes notebooks (`lib.report.chapters`).
"""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from lib.core import paths
from lib.params import Parameters
from lib.report.kernel import LOG, Kernel, imports

FITTING = "02_training"  # it fits everything; `make verify` takes its word, and `make reproduce` fits again
# Of TensorFlow twice, scikit-learn, NumPy.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TO_FIT, TO_SHOW = ("lib.core.backend", "lib.study"), ("lib.presentation.sections",)  # what takes longest to import
LIMITS = [Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
SMALL, LARGEST = 48, 96  # sides of images, pixels; networks for larger ones keep all cores busy
ENOUGH = 7_000_000_000  # bytes of memory for two kernels with images that are not small: each takes up to 2.5 GB


def two_help(params: Parameters) -> bool:
    """Whether a second kernel can help: not with one core, nor with large images, nor where memory is short."""
    if os.cpu_count() == 1 or params.image_size > LARGEST:
        return False
    return params.image_size <= SMALL or memory() >= ENOUGH


def memory() -> int:
    """Bytes of memory of this machine, or of the container that this process is in; 0 where nothing says."""
    known = []
    with suppress(AttributeError, OSError, ValueError):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in LIMITS:
        with suppress(OSError, ValueError):
            known.append(int(limit.read_text(encoding="ascii")))
    return min((size for size in known if size > 0), default=0)


class Kernels:
    """The kernels of a report; they end with the block, or with this process.

    Attributes:
        all: the first one, and the second one where it helps.
        run_folders: of both.
    """

    def __init__(self, params: Parameters, folder: Path):
        """Starts none; `folder` is that of the report."""
        self._params, self._logs = params, [folder / "notebooks" / name for name in (LOG, f"2-{LOG}")]
        self.run_folders = folder / "run", folder / "run-2"
        self.all = [self._new(place) for place in range(1 + two_help(params))]
        self._killed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *given: Any) -> None:
        with ExitStack() as stack:
            for kernel in self.all:
                stack.callback(kernel.__exit__, *given)

    def start(self) -> None:
        """Starts them, with the imports that notebooks need and fits ahead of `02_training`, where there are fits."""
        if not (paths.notebooks_folder() / f"{FITTING}.py").is_file():
            return
        fits = f"from lib.study.ahead import work; work({self._params.model_dump_json()!r}); del work"
        begin = [imports(*TO_FIT, *TO_SHOW)], [imports(*TO_FIT), fits, imports(*TO_SHOW)]
        for kernel, first in zip(self.all, begin, strict=False):
            kernel.start(*first)

    def renew(self, place: int) -> None:
        """Waits for a kernel, and puts a new one in its place where it has died or does not answer in time."""
        kernel = self.all[place]
        if kernel.process is not None and not kernel.answers() and not self._killed:
            kernel.end()
            self.all[place] = self._new(place)

    def kill(self) -> None:
        """Ends what they execute at once; another thread may be waiting for it."""
        self._killed = True
        for kernel in self.all:
            kernel.kill()

    def _new(self, place: int) -> Kernel:
        return Kernel(self._logs[place], environment(self._params, self.run_folders[place]))


def environment(params: Parameters, run_folder: Path) -> dict[str, str]:
    """The environment of a kernel: each of two has half of the cores.

    So they do not wait for each other's threads. With all cores for each, the digits study takes a seventh longer on
    two cores. And neither takes all memory of a GPU, as TensorFlow does where it is not told otherwise.
    """
    shared = dict.fromkeys(THREADS, str(os.cpu_count() // 2)) | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return (shared if two_help(params) else {}) | os.environ | {"ANOMALY_RUN_FOLDER": str(run_folder)}
