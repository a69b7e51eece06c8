"""The table of scores as a file."""

from pathlib import Path

import pandas as pd

from lib.core import cache, csv_files, paths
from lib.core.errors import UserError, did_you_mean

SUFFIXES = (".csv", ".parquet")
COLUMNS = ("file", "score", "threshold", "decision")  # the first of a table
PAGE = b"<title>New images "  # of the page beside it


def check_output(path: Path, source: str) -> None:
    """Check, before any work, that a table can be written to a file.

    Raises:
        UserError: the ending is of no known format, the file is what is read, another file than scores or their page
            would be overwritten, or the folder cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        ending = did_you_mean(path.suffix.lower(), list(SUFFIXES))
        raise UserError(f"OUT={path}: must end in .csv or .parquet{ending}")
    if path.is_dir():
        raise UserError(f"OUT={path}: is a folder; name a file in it")
    if path.exists() and Path(source).exists() and path.samefile(source):
        raise UserError(f"OUT={path}: is the list of images itself, which would be overwritten; name another file")
    if path.exists() and not _is_scores(path):
        raise UserError(f"OUT={path}: exists and is not a table of scores; it is not overwritten, name another file")
    page = path.with_suffix(".html")
    if page.exists() and PAGE not in page.read_bytes()[:100_000]:
        raise UserError(
            f"OUT={path}: {page} beside it is not a page of scores; it is not overwritten, name another file"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with cache.replacing(path.parent / f".{path.name}.try") as temporary:
            temporary.touch()
        (path.parent / f".{path.name}.try").unlink()
    except OSError as error:
        raise unwritable(path, error) from None


def _is_scores(path: Path) -> bool:
    """Whether a file is empty or a table that `write` wrote."""
    try:
        if path.suffix.lower() == ".csv":
            columns = path.read_bytes()[:200].decode("utf-8", "replace").splitlines()[:1] or [""]
            return not columns[0] or columns[0].replace('"', "").startswith(",".join(COLUMNS))
        return [*pd.read_parquet(path).columns[: len(COLUMNS)]] == [*COLUMNS]
    except (OSError, ValueError):
        return False


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
                csv_files.write(table, temporary)
            else:
                table.to_parquet(temporary, index=False)
    except OSError as error:
        raise unwritable(path, error) from None
