"""One report of a study at a time: its lock, and what a killed process has left. Imports nothing slow."""

import shutil
from contextlib import AbstractContextManager

from lib.core import cache, locks, paths


def study_lock(study: str) -> AbstractContextManager[None]:
    """Holds the lock of a study's report, `reports/.<study>.lock`, which ends with the process.

    Raises:
        UserError: another process makes this report; the line says which and since when.
    """
    return locks.lock(f".{study}", wait=False, folder=paths.reports_folder())


def clear(study: str) -> None:
    """Put back or remove what an attempt has left in the folder of reports; call it with the lock held."""
    reports = paths.reports_folder()
    cache.recover(reports / study)
    left = list(reports.glob(f".{study}.making*"))
    listed = any((folder / "index.html").is_file() for folder in left)
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    if listed:
        from lib.report import studies

        studies.write_index(reports)
