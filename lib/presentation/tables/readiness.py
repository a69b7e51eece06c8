"""Tables that say whether the images are enough: one row a finding, and how many images of each class each part has."""

from collections.abc import Sequence

import numpy as np
import pandas

from lib.data.splits import PARTS, Split
from lib.presentation.tables.cells import framed
from lib.presentation.tables.markdown import number


def readiness(rows: Sequence[tuple[str, str, str, str]]) -> pandas.DataFrame:
    """List what was found about the images.

    Args:
        rows: Of `lib.presentation.text.readiness_cells`, one a finding.

    Returns:
        Columns `Check`, `Found`, `Verdict` (green, amber or red, as a word) and `Meaning`, all text.
    """
    names = ("Check", "Found", "Verdict", "Meaning")
    return framed(dict(zip(names, zip(*rows, strict=True), strict=True)))


def parts_by_class(class_names: np.ndarray, normal: str, split: Split, top: int = 10) -> pandas.DataFrame:
    """Count the images of every class in every part, the normal class first, then the largest classes.

    Args:
        class_names: The class of every image, text (N,).
        normal: The normal class.
        split: The division.
        top: Anomalous classes to list; the others are summed in one row.

    Returns:
        Columns `Class`, one for every part that has images (`Fit`, `Calibration`, …), and `All`; a last row sums up.
        Class names are as they are.
    """
    members = {part.capitalize(): getattr(split, part) for part in (*PARTS, "dropped") if len(getattr(split, part))}
    members = {"Left out" if part == "Dropped" else part: indices for part, indices in members.items()}
    whole = pandas.Series(class_names).value_counts()
    order = sorted(whole.index, key=lambda name: (name != normal, -whole[name], name))
    by_part = {part: pandas.Series(class_names[indices]).value_counts() for part, indices in members.items()}
    counts = pandas.DataFrame(by_part | {"All": whole}, index=order).fillna(0).astype(int)
    listed, rest = counts.iloc[: top + 1], counts.iloc[top + 1 :]
    rows = [(name, *map(int, row)) for name, row in zip(listed.index, listed.to_numpy(), strict=True)]
    if len(rest):
        rows.append((f"{number(len(rest))} other classes", *map(int, rest.sum())))
    rows.append(("all classes", *map(int, counts.sum())))
    return framed(dict(zip(("Class", *counts.columns), zip(*rows, strict=True), strict=True)))
