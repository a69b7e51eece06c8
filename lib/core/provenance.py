"""Where a result comes from besides its data: the code, the versions of the libraries, the device."""

import functools
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lib.core import cache, paths
from lib.core.errors import UserError

PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-metal", "tensorflow-datasets", "keras", "numpy", "pandas",
            "scikit-learn", "scipy", "scikit-image",
            "matplotlib", "papermill", "nbconvert", "pypandoc_binary", "typst")  # fmt: skip
_LAST_DATE = 253402300799  # 9999-12-31, the last that dates are written in


def source_date() -> int | None:
    """The date that `SOURCE_DATE_EPOCH` gives to everything made, seconds since 1970; None where it is not set.

    Where it is set, no measured time is kept either, so that two runs give the same bytes
    (https://reproducible-builds.org/specs/source-date-epoch/).

    Raises:
        UserError: it is no whole number from 0 to the end of the year 9999.
    """
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 12 and int(given) <= _LAST_DATE):
        raise UserError(
            f"SOURCE_DATE_EPOCH: {given[:40]!r} is no date in whole seconds since 1970, such as 1700000000; set one, "
            "or unset it"
        )
    return int(given)


def record() -> dict[str, Any]:
    """When and where this is computed, by which code and which versions, as a manifest keeps it.

    `source_date` is that of `SOURCE_DATE_EPOCH`; None where it is not set.
    """
    date = source_date()
    made = datetime.now(UTC) if date is None else datetime.fromtimestamp(date, UTC)
    return {
        "created": made.isoformat(timespec="seconds"),
        "source_date": date,
        "code": {"commit": _commit(), "files": cache.files_key(_code_files())},
        "device": device(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), **versions()},
    }


@functools.cache
def versions() -> Mapping[str, str]:
    """The version of each of `PACKAGES` that is installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return MappingProxyType(found)


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
