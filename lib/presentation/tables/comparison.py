"""Tables that compare detectors: the leaderboard, and the fits."""

from collections.abc import Mapping, Sequence

import pandas

from lib.presentation.tables.cells import UNCLEAR, as_float, framed, part_of, reading, with_interval
from lib.presentation.tables.markdown import literal
from lib.study import HELD_OUT


def leaderboard(rows: Sequence[Mapping], noise: float | None = None) -> pandas.DataFrame:
    """List detectors, one per row, with their AUROC on the test set and the difference to the baseline.

    Args:
        rows: Records in the order wanted: `name`; `validation`, the AUROC on the validation set; `auroc`, a metric on
            the test set; `difference`, the metric that `lib.evaluation.metrics.auroc_difference` returns for this
            detector and the baseline (None for the baseline itself); and `seconds` of fitting and scoring, None where
            no times are recorded. A missing key counts as None.
        noise: Difference of AUROC between two seeds, for rows that are fits of one network; a difference whose interval
            excludes 0 and that is not larger reads `within seed noise`.

    Returns:
        Columns `Detector`, `AUROC, validation set`, `AUROC, test set` (with its 95 % interval), `Difference of AUROC`
        (with its interval), `Reading` (`higher` or `lower` if the interval excludes 0, else `no clear difference`) and
        `Seconds`. A column without any value is left out.
    """
    differences = [row.get("difference") for row in rows]
    columns = {
        "Detector": [_text(row, "name") for row in rows],
        "AUROC, validation set": [as_float(row.get("validation")) for row in rows],
        "AUROC, test set": [with_interval(row.get("auroc")) for row in rows],
        "Difference of AUROC": [with_interval(difference, sign=True) for difference in differences],
        "Reading": [_reading(difference, noise or 0.0) for difference in differences],
        "Seconds": [as_float(row.get("seconds")) for row in rows],
    }
    filled = {
        name: cells
        for name, cells in columns.items()
        if name in ("Detector", "AUROC, test set") or any(cell is not None for cell in cells)
    }
    return framed(filled, decimals={"AUROC, validation set": 3, "Seconds": 1})


def fits(records: Mapping[str, Mapping]) -> pandas.DataFrame:
    """List the fits of a study; of a network with several scores the published one stands for the fit.

    Args:
        records: Of `lib.study.Run.fits`: `label`, `family`, `roles`, `score` and `seconds` of `fit` and `score`.

    Returns:
        Columns `Detector`, `Family`, `Split` (`of the study` or `images held out`), `Fit, s` and `Score, s`; the last
        two are left out where no times are recorded.
    """
    rows = {column: row for column, row in records.items() if row["score"] in ("", "mse")}
    columns = {
        "Detector": [literal(row["label"]) for row in rows.values()],
        "Family": [row["family"] for row in rows.values()],
        "Split": ["images held out" if column.endswith(HELD_OUT) else "of the study" for column in rows],
    }
    for name, key in {"Fit, s": "fit", "Score, s": "score"}.items():
        if any(row["seconds"][key] is not None for row in rows.values()):
            columns[name] = [as_float(row["seconds"].get(key)) for row in rows.values()]
    return framed(columns, decimals={"Fit, s": 1, "Score, s": 1})


def _text(row: Mapping, key: str) -> str | None:
    return None if row.get(key) is None else literal(str(row[key]))


def _reading(difference: Mapping | None, noise: float) -> str | None:
    """A difference in words; None if it has no interval."""
    if part_of(difference, "low") is None or part_of(difference, "high") is None:
        return None
    word = reading({**difference, "chance": 0.0})
    return word if word == UNCLEAR or abs(difference["value"]) > noise else "within seed noise"
