"""Are two reports of one study equal byte for byte, made at different times, in different folders and checkouts?

`python benchmarks/reproducible.py` makes the report of digits twice, from two clones of this checkout, and compares all
files; `python benchmarks/reproducible.py ONE TWO` compares two reports that are there. The result goes to
`reproducible.json` beside this file.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def make(folder: Path) -> Path:
    """Makes the report of digits from a clone of this checkout, both in `folder`; returns the report."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder / "a checkout")], check=True)
    own = {"ANOMALY_CACHE_DIR": str(folder / "cache"), "ANOMALY_REPORTS_DIR": str(folder / "reports")}
    own |= {"SOURCE_DATE_EPOCH": "1700000000", "PYTHONPATH": str(folder / "a checkout")}
    command = [sys.executable, "-m", "lib", "report", "digits"]
    subprocess.run(command, cwd=folder / "a checkout", env=os.environ | own, check=True)
    return folder / "reports" / "digits"


def compare(one: Path, two: Path) -> dict:
    """How many files of each kind two reports have, and which of them are not equal."""
    names = [
        {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} for folder in (one, two)
    ]
    both = sorted(names[0] & names[1])
    return {
        "files": dict(sorted(Counter(Path(name).suffix for name in both).items())),
        "unequal": [name for name in both if (one / name).read_bytes() != (two / name).read_bytes()],
        "in one alone": sorted(names[0] ^ names[1]),
        "seconds": [json.loads((folder / "run" / "status.json").read_text())["seconds"] for folder in (one, two)],
        "versions": json.loads((one / "run" / "manifest.json").read_text())["versions"],
    }


def main() -> None:
    if given := [Path(name) for name in sys.argv[1:]]:
        result = compare(*given)
    else:
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            result = compare(make(Path(first)), make(Path(second)))
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
