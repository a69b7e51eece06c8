"""CSV files that spreadsheets and scripts read alike: UTF-8, every text as text."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from lib.core.characters import plain_cell, without_apostrophe

if TYPE_CHECKING:
    import pandas as pd


def write(frame: "pd.DataFrame", path: Path) -> None:
    """Write a table. Text that a spreadsheet would compute gets a leading apostrophe; `read` takes it away again."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    texts = {
        name: frame[name].map(lambda value: plain_cell(value) if isinstance(value, str) else value)
        for name in frame.columns
        if not is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])
    }
    returns = any("\r" in str(value) for column in texts.values() for value in column)  # not quoted by default
    quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    frame.assign(**texts).to_csv(path, index=False, encoding="utf-8", quoting=quoting)


def read(path: Path) -> "pd.DataFrame":
    """Read a table that `write` wrote, every value as the text it was, also `NA` or `1e5`."""
    import pandas as pd

    return pd.read_csv(path, dtype=str, keep_default_na=False).map(without_apostrophe)
