"""The peak memory of a process: `python benchmarks/memory.py` is `python -m lib`, and prints its own at the end.

On Linux a new process takes over the highest `ru_maxrss` of the one that started it; what the kernel calls VmHWM is its
own.
"""

import atexit
import resource
import runpy
import sys
from pathlib import Path


def peak() -> float:
    """The most memory that this process has had at one time, MB (10⁶ bytes); pages of mapped files count."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    atexit.register(lambda: print(peak(), file=sys.stderr))
    runpy.run_module("lib", run_name="__main__", alter_sys=True)
