"""A second process that makes the fits of a study from the last on, while a notebook makes them from the first on.

Small networks cannot use a second core by themselves. The two meet in the cache, where each fit and its scores are made
once and waited for. Should the second process fail, the notebook makes what is left, and says what is wrong.
"""

import os
import subprocess
import sys
import threading
from typing import Self

from lib.core import paths
from lib.params import Parameters

THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # of TensorFlow, scikit-learn, NumPy
LARGEST = 48  # side of images, pixels; larger ones keep two cores busy, and two fits at once need twice the memory


class Ahead:
    """The second process; it ends with the block, or with this process.

    Attributes:
        process: None before it has started.
    """

    def __init__(self):
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def start(self, params: Parameters) -> None:
        """Starts it, unless it runs already, or could not help."""
        if self.process is None and helps(params):
            command = [sys.executable, "-m", "lib.study.ahead"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen(command, cwd=paths.ROOT, text=True, env=environment(params), **pipes)
            self.process.stdin.write(params.model_dump_json() + "\n")
            self.process.stdin.flush()


def helps(params: Parameters) -> bool:
    """Whether a second process can help: not with one core, nor with large images."""
    return params.image_size <= LARGEST and os.cpu_count() > 1


def environment(params: Parameters) -> dict[str, str]:
    """The environment of both processes: each has half of the cores, so that they do not wait for each other's threads.

    With all cores for each, the digits study takes a seventh longer on two cores.
    """
    return (dict.fromkeys(THREADS, str(os.cpu_count() // 2)) if helps(params) else {}) | os.environ


def main() -> None:
    """Makes the fits of the parameter set that comes by standard input, and ends when that does."""
    line = sys.stdin.readline()
    threading.Thread(target=lambda: sys.stdin.read() or os._exit(0), daemon=True).start()  # before the slow imports
    from lib.data import attributes
    from lib.study.fits import fit_and_score
    from lib.study.study import Study
    from lib.study.training import in_order, plan

    params = Parameters.model_validate_json(line)
    study = Study.open(params)
    for entry in reversed(in_order(plan(study))):
        fit_and_score(entry.study, entry.spec, entry.every_score)
    if not params.inspects:
        attributes.of_images(study.images)  # the chapter on anomalies reads them


if __name__ == "__main__":
    main()
