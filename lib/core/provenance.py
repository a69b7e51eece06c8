"""Where a result comes from besides its data: the code, the versions of the libraries, the device."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from lib.core import cache, paths

PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-metal", "tensorflow-datasets", "keras", "numpy", "pandas",
            "scikit-learn", "scipy", "scikit-image",
            "matplotlib", "papermill", "nbconvert", "pypandoc_binary", "typst")  # fmt: skip


def record() -> dict[str, Any]:
    """When and where this is computed, by which code and which versions, as a manifest keeps it."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": {"commit": _commit(), "files": cache.files_key(_code_files())},
        "device": device(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), **versions()},
    }


def versions() -> dict[str, str]:
    """The version of each of `PACKAGES` that is installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def device() -> str:
    """The kind of device asked for, told without importing TensorFlow."""
    metal = "tensorflow-metal" in versions() and os.environ.get("DEVICE", "").lower() != "cpu"
    return f"{'Metal GPU' if metal else 'CPU'} ({platform.machine()})"


def _code_files() -> list[Path]:
    return [*(paths.ROOT / "lib").rglob("*.py"), *paths.notebooks_folder().glob("*.py")]


def _commit() -> str:
    """The commit of the code, marked where files differ from it; empty outside a git checkout."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=paths.ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""
