"""`solar`: fetch the photographs of solar cells that `params/solar_cells.yaml` is about.

They are the ELPV data set: 2,624 electroluminescence photographs of cells of 44 modules, graded by experts (Deitsch et
al., Solar Energy 185 (2019) 455-468). They lie in the package elpv-dataset; the images are licensed CC BY-NC-SA 4.0,
for uses that are not commercial, so the suite does not depend on it, and installs it nowhere but beside the manifest.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

NAME = "solar_cells"
WHEEL = "elpv-dataset==1.0.0.post1"
SHA256 = "85e31c1126ee9b48e62d3a0232c58f58b2d189b0814a45c13642fa0415af4a4c"
LABELS = {0.0: "functional", 1 / 3: "defect probability 1/3", 2 / 3: "defect probability 2/3", 1.0: "defective"}


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    return subparsers.add_parser(NAME.split("_")[0], help="fetch photographs of solar cells with real defects (91 MB)")


def run(arguments: argparse.Namespace) -> None:
    """Install the images beside the manifest, unless they are there.

    Raises:
        UserError: the package cannot be installed.
    """
    from lib.core import paths
    from lib.core.cache import replacing_folder

    folder = paths.data_folder() / NAME
    if (folder / "manifest.csv").is_file():
        print(f"solar: {paths.shown(folder)} is there", file=sys.stderr)
        return
    print(f"solar: fetching {WHEEL} (91 MB; images CC BY-NC-SA 4.0, not for commercial use)", file=sys.stderr)
    with replacing_folder(folder) as making:
        _install(making)
        write_manifest(making)


def _install(folder: Path) -> None:
    from lib.core.errors import UserError

    requirements = folder / "requirements.txt"
    requirements.write_text(f"{WHEEL} --hash=sha256:{SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    pip += ["--no-compile", "--only-binary=:all:", "--require-hashes"]
    done = subprocess.run([*pip, "--target", str(folder), "-r", str(requirements)], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]
        raise UserError(f"solar: {WHEEL} cannot be installed: {reason}; check the connection to the package registry")


def write_manifest(folder: Path) -> None:
    """Write `manifest.csv` from the labels in the package.

    Args:
        folder: that the package was installed into; the manifest has `path`, `label` (the experts' grade) and `group`
            (the type of cell, `mono` or `poly`).
    """
    data = Path("elpv_dataset") / "data"
    rows = []
    for line in (folder / data / "labels.csv").read_text(encoding="utf-8").splitlines():
        path, probability, kind = line.split()
        label = next(words for grade, words in LABELS.items() if abs(grade - float(probability)) < 0.01)
        rows.append([(data / path).as_posix(), label, kind])
    with open(folder / "manifest.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", "label", "group"], *rows])
