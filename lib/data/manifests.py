"""Manifests: tables of images, `.csv` or `.parquet`, with the columns path and label, and may be split, mask, group."""

import os
import posixpath
from pathlib import Path

import pandas as pd

from lib.core.errors import UserError

SUFFIXES = (".csv", ".parquet")
NAMES = ("manifest.csv", "manifest.parquet")
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
COLUMNS = {"path": "id", "label": "class_name", "split": "given", "mask": "mask", "group": "group"}


def inside(folder: Path) -> Path | None:
    """The manifest that lies in a folder, None if none does.

    Raises:
        UserError: there are two.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise UserError(f"images: {folder} holds {' and '.join(NAMES)}; keep one of them")
    return found[0] if found else None


def read(path: Path, labelled: bool = True) -> pd.DataFrame:
    """The rows of a manifest: `id`, `class_name`, `given`, `mask` and `group`, text, sorted by id.

    Paths are relative to the manifest. An id is the path as given, without `./` and the like. Other columns are
    ignored.

    Args:
        path: the manifest.
        labelled: whether each image needs a label.

    Raises:
        UserError: it cannot be read; a column or a file is missing; a path is there twice; a split is unknown.
    """
    table, where = _table(path)
    if missing := [name for name in (["path", "label"] if labelled else ["path"]) if name not in table]:
        raise UserError(f"{path}: has no column '{missing[0]}'; its columns are {', '.join(map(str, table.columns))}")
    rows = pd.DataFrame({to: table.get(name, "") for name, to in COLUMNS.items()}, index=table.index).astype(str)
    for column in ("id", "mask"):
        rows[column] = [_normal(name) for name in rows[column]]
    wrong = {
        "has no path": rows["id"] == "",
        "has no label": (rows["class_name"] == "") & labelled,
        "names an image that was named before: {id}": rows["id"].duplicated(),
        "has the split '{given}'; known are train, validation and test": ~rows["given"].str.lower().isin({*SPLITS, ""}),
    }
    for problem, rows_with in wrong.items():
        if rows_with.any():
            number = rows_with.idxmax()
            raise UserError(f"{path}, {where} {number}: {problem.format(**rows.loc[number])}")
    for column in ("id", "mask"):
        for number, name in rows[column].items():
            if name and not os.path.isfile(path.parent / name):
                raise UserError(f"{path}, {where} {number}: {name} is not there; paths are relative to the manifest")
    rows["given"] = rows["given"].str.lower().map(SPLITS).fillna("")
    return rows.sort_values("id", ignore_index=True)


def _table(path: Path) -> tuple[pd.DataFrame, str]:
    """The manifest as text, its columns in small letters, numbered as the file's lines or rows; and `line` or `row`."""
    try:
        if path.suffix.lower() == ".csv":
            with open(path, encoding="utf-8-sig") as file:
                header = file.readline()
            separator = ";" if ";" in header and "," not in header else ","
            table = pd.read_csv(
                path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False
            )
            table.index += 2  # the first line has the names of the columns
            table = table[(table != "").any(axis=1)]
        else:
            table = pd.read_parquet(path)
            table = table.astype(object).where(table.notna(), "").astype(str)
            table.index = pd.RangeIndex(1, len(table) + 1)
    except (OSError, ValueError) as error:  # of pandas and of Unicode too
        raise UserError(f"{path}: cannot be read as a manifest: {' '.join(str(error).split())[:200]}") from None
    table.columns = [str(name).strip().lower() for name in table.columns]
    if table.empty:
        raise UserError(f"{path}: the manifest has no rows")
    return table.apply(lambda column: column.str.strip()), "line" if path.suffix.lower() == ".csv" else "row"


def _normal(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/")) if name else ""
