"""Where things lie: every folder the suite reads or writes, in one place."""

import os
from pathlib import Path

from lib.core.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent


def params_folder() -> Path:
    """The parameter sets, `params/`."""
    return ROOT / "params"


def notebooks_folder() -> Path:
    """The notebooks' text, `notebooks/`."""
    return ROOT / "notebooks"


def reports_folder() -> Path:
    """Rendered studies, `reports/`, or the folder that `ANOMALY_REPORTS_DIR` names."""
    return expanded(os.environ.get("ANOMALY_REPORTS_DIR") or ROOT / "reports").absolute()


def cache_folder() -> Path:
    """Prepared images, fits and drafts, `.cache/`, or the folder that `ANOMALY_CACHE_DIR` names."""
    return expanded(os.environ.get("ANOMALY_CACHE_DIR") or ROOT / ".cache").absolute()


def data_folder() -> Path:
    """Images that a command of this suite fetched, `.data/`; not those of tensorflow-datasets."""
    return ROOT / ".data"


def expanded(path: str | Path) -> Path:
    """A path with the folder of a user for `~`.

    Raises:
        UserError: there is no such user, or no folder is known of this one.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: the folder that ~ stands for is not known; write the path out, or set HOME") from None


def shown(path: Path) -> str:
    """A path as people should read it: relative to the project where it lies inside, whole elsewhere."""
    try:
        return str(Path(path).absolute().relative_to(ROOT))
    except ValueError:
        return str(path)
