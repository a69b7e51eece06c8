"""Finished chunks of a table, kept until the whole is written, so that a run that was stopped goes on where it was."""

import re
import shutil
from pathlib import Path

import pandas as pd

from lib.core import cache


class Chunks:
    """Chunks beside a file, in a hidden folder that is named for the file and for what its content depends on.

    Args:
        path: the file that will be written; None keeps nothing.
        key: of everything that the chunks depend on.
    """

    def __init__(self, path: Path | None, key: str):
        self.folder = path and path.parent / f".{path.name}.{key}"

    def get(self, number: int) -> pd.DataFrame | None:
        """A chunk that was kept, None if it was not."""
        if self.folder is None or not (file := self.folder / f"{number:06d}.parquet").is_file():
            return None
        return pd.read_parquet(file)

    def put(self, number: int, chunk: pd.DataFrame) -> None:
        """Keep a chunk."""
        if self.folder is not None:
            with cache.replacing(self.folder / f"{number:06d}.parquet") as temporary:
                chunk.to_parquet(temporary, index=False)


def clear(path: Path) -> None:
    """Remove the chunks that this run and earlier ones kept beside a file."""
    pattern = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}")
    for folder in [found for found in path.parent.iterdir() if pattern.fullmatch(found.name)]:
        shutil.rmtree(folder, ignore_errors=True)
