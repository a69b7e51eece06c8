"""Tables of a sweep: the ranking, every two detectors, the studies, and the tasks that failed."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas

from lib.core.formatting import p_value
from lib.evaluation.rankings import Pair, Ranking
from lib.presentation.tables.cells import as_float, framed, with_interval
from lib.presentation.tables.markdown import beside, literal

MOST_STUDIES = 25  # rows of the table of studies
MOST_PAIRS = 15  # rows of the table of pairs; of more, only those of the best detector are listed


def ranking(names: Sequence[str], found: Ranking) -> pandas.DataFrame:
    """List detectors, the best mean rank first.

    Args:
        names: Of the detectors, in the order of the ranking.
        found: The ranking.

    Returns:
        Columns `Detector`, `Mean AUROC` (with its 95 % interval over the studies), `Mean rank` and `Best in` (number of
        studies).
    """
    columns = {
        "Detector": [literal(name) for name in names],
        "Mean AUROC": [with_interval(mean) for mean in found.means],
        "Mean rank": [as_float(value) for value in found.ranks],
        "Best in": [int(wins) for wins in found.wins],
    }
    return framed(columns, decimals={"Mean rank": 2})


def pairs(names: Sequence[str], found: Ranking) -> pandas.DataFrame:
    """List every two detectors, the one with the better mean rank first; of many, only those with the best.

    Args:
        names: Of the detectors, in the order of the ranking.
        found: The ranking.

    Returns:
        Columns `Detector`, `Compared with`, `Difference of AUROC` (mean over the studies, with its 95 % interval),
        `Seed noise` of the difference (left out where it is not known), `p, adjusted` and `Reading`: `clear`, `clear,
        and within seed noise`, which is practically equal, or `not clear`.
    """
    every = len(found.pairs) <= MOST_PAIRS
    pairs = [pair for pair in found.pairs if every or pair.better == 0]
    columns = {
        "Detector": [literal(names[pair.better]) for pair in pairs],
        "Compared with": [literal(names[pair.worse]) for pair in pairs],
        "Difference of AUROC": [with_interval(pair.difference, sign=True) for pair in pairs],
        "Seed noise": [pair.noise for pair in pairs],
        "p, adjusted": [p_value(pair.adjusted) for pair in pairs],
        "Reading": [_reading(pair) for pair in pairs],
    }
    if any(pair.noise is None for pair in pairs):
        del columns["Seed noise"]
    return framed(columns, decimals={"Seed noise": 3})


def _reading(pair: Pair) -> str:
    if not pair.clear:
        return "not clear"
    return "clear, and within seed noise" if pair.within_noise else "clear"


def studies(names: Sequence[str], values: np.ndarray, rows: Sequence[Mapping], best: str) -> pandas.DataFrame:
    """List studies, the worst first.

    Args:
        names: Of the studies, in the order wanted; of more than `MOST_STUDIES` the first are listed.
        values: AUROC of the best detector in each, float (n,).
        rows: Of each study `fit`, `normal` and `anomalies`, mean numbers of images; `file`, its parameter set; and
            `address`, where its name leads to.
        best: Name of the detector.

    Returns:
        Columns `Study`, `AUROC, ` with the detector's name, `Fitted on`, `Normal, tested`, `Anomalies, tested` and
        `Parameter set`.
    """
    rows = list(rows)[:MOST_STUDIES]
    return framed(
        {
            "Study": [beside(name, row["address"]) for name, row in zip(names, rows, strict=False)],
            f"AUROC, {literal(best)}": [as_float(value) for value in values[: len(rows)]],
            "Fitted on": [round(row["fit"]) for row in rows],
            "Normal, tested": [round(row["normal"]) for row in rows],
            "Anomalies, tested": [round(row["anomalies"]) for row in rows],
            "Parameter set": [f"`{row['file']}`" for row in rows],
        }
    )


def failed(rows: Sequence[Mapping]) -> pandas.DataFrame:
    """List tasks that failed: `study`, `address` (where its name leads to), `candidate` and `error` of each."""
    return framed(
        {
            "Study": [beside(row["study"], row["address"]) for row in rows],
            "Detector": [literal(row["candidate"]) for row in rows],
            "Reason": [literal(row["error"]) for row in rows],
        }
    )
