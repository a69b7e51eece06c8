"""The table of scores as a file."""

import csv
from pathlib import Path

import pandas as pd

from lib.core import cache, paths
from lib.core.errors import UserError, did_you_mean

SUFFIXES = (".csv", ".parquet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell starts that a spreadsheet takes as a formula


def check_output(path: Path, source: str) -> None:
    """Check, before any work, that a table can be written to a file.

    Raises:
        UserError: the ending is of no known format, the file is what is read, or the folder cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        ending = did_you_mean(path.suffix.lower(), list(SUFFIXES))
        raise UserError(f"OUT={path}: must end in .csv or .parquet{ending}")
    if path.is_dir():
        raise UserError(f"OUT={path}: is a folder; name a file in it")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise UserError(f"OUT={path}: is the list of images itself, which would be overwritten; name another file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with cache.replacing(path.parent / f".{path.name}.try") as temporary:
            temporary.touch()
        (path.parent / f".{path.name}.try").unlink()
    except OSError as error:
        raise unwritable(path, error) from None


def unwritable(path: Path, error: OSError) -> UserError:
    """The one line for a file that cannot be written."""
    return UserError(f"OUT={paths.shown(path)}: cannot be written ({error.strerror or error}); name another place")


def write(table: pd.DataFrame, path: Path) -> None:
    """Write a table of `Scorer.score`, whole or not at all; CSV is UTF-8.

    In CSV, text that a spreadsheet would take as a formula gets a leading apostrophe, so that the name of a file cannot
    run anything.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with cache.replacing(path) as temporary:
            if path.suffix.lower() == ".csv":
                safe = {column: table[column].map(_harmless) for column in ("file", "problem")}
                returns = any(safe[column].str.contains("\r").any() for column in safe)  # not quoted by default
                quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
                table.assign(**safe).to_csv(temporary, index=False, encoding="utf-8", quoting=quoting)
            else:
                table.to_parquet(temporary, index=False)
    except OSError as error:
        raise unwritable(path, error) from None


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
