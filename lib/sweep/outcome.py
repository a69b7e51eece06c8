"""What came out of a sweep: a table with one row a task, and the detectors ranked over its studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lib.evaluation import rankings
from lib.sweep import tasks
from lib.sweep.definition import Task, shown

SETTING = "setting: "  # begins the columns of what is compared besides the detectors
SEED = "seed"  # studies that differ in nothing else are one
METRICS = ("auroc", "fpr_at_95_tpr", "recall", "fpr")


@dataclass(frozen=True)
class Outcome:
    """The results of a sweep, ready to be shown.

    Attributes:
        table: one row a task; see `table`.
        names: of the detectors, the best mean rank first.
        studies: names of the ranked studies, the one in which the best detector is worst first.
        values: AUROC of each of these studies and detectors, the mean over seeds, float (n, k).
        ranking: of the detectors; None where no study has a result of each.
        left_out: number of studies that lack a result.
    """

    table: pd.DataFrame
    names: tuple[str, ...]
    studies: tuple[str, ...]
    values: np.ndarray
    ranking: rankings.Ranking | None
    left_out: int

    def of_studies(self) -> list[dict[str, Any]]:
        """Of each ranked study `fit`, `normal` and `anomalies`, mean numbers of images, and `sets`, of its seeds."""
        groups, counts = dict(tuple(self.table.groupby("unit", sort=False))), ("fit", "normal", "anomalies")
        return [
            {"sets": list(dict.fromkeys(groups[unit]["study"]))}
            | {name: float(groups[unit][name].mean()) for name in counts}
            for unit in self.studies
        ]

    def curves(self) -> tuple[str, list[float], dict[str, list[int]]] | None:
        """The settings as a series; None unless one key is varied, over three numbers or more.

        Returns:
            The key, its values, rising, and by detector its place in the ranking at each value.
        """
        keys = [name for name in self.table.columns if name.startswith(SETTING)]
        if self.ranking is None or len(keys) != 1:
            return None
        places = sorted(set(self.table[keys[0]]))
        if len(places) < 3 or not all(isinstance(place, int | float) for place in places):
            return None
        found: dict[str, dict[float, int]] = {}
        for row in self.table[["detector", keys[0], "candidate"]].drop_duplicates().itertuples(index=False):
            found.setdefault(row[0], {})[row[1]] = self.names.index(row[2])
        return keys[0].removeprefix(SETTING), places, {name: [own[x] for x in places] for name, own in found.items()}


def table(wanted: Sequence[Task], keys: Sequence[str], failed: Mapping[str, str]) -> pd.DataFrame:
    """One row for each task, in the order of the sweep.

    Returns:
        `study`, the name of its parameter set; `unit`, the study in words, without its seed; each key that makes
        studies differ, `seed`, and each setting; `detector`, and `candidate`, which is it with its setting; of each of
        `METRICS` the value and the ends of its interval; `alpha`; numbers of images `fit`, `normal` and `anomalies`;
        `fit_seconds` and `score_seconds`; `error`; and `key`, of the result in the cache.
    """
    rows = []
    for task, key in zip(wanted, keys, strict=True):
        result = tasks.result(key) or {}
        row = {"study": task.params.study, "unit": _unit(task), **dict(task.unit), SEED: task.params.seed}
        row |= {f"{SETTING}{name}": value for name, value in task.setting}
        row |= {"detector": task.spec().label, "candidate": task.candidate}
        for name in METRICS:
            metric = result.get(name) or {}
            row |= {name: metric.get("value"), f"{name}_low": metric.get("low"), f"{name}_high": metric.get("high")}
        row |= {name: result.get(name) for name in ("alpha", "fit", "normal", "anomalies")}
        seconds = result.get("seconds", {})
        row |= {"fit_seconds": seconds.get("fit"), "score_seconds": seconds.get("score")}
        rows.append(row | {"error": failed.get(key, "" if result else "not carried out"), "key": key})
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame.columns if name in METRICS or name.endswith(("_low", "_high", "_seconds"))]
    return frame.astype(dict.fromkeys([*numbers, "alpha", "fit", "normal", "anomalies"], "float64"))


def outcome(frame: pd.DataFrame) -> Outcome:
    """Rank the detectors of a table over its studies; those that lack a result of any are left out."""
    candidates = list(dict.fromkeys(frame["candidate"]))
    units = {unit: _by_seed(rows, candidates) for unit, rows in frame.groupby("unit", sort=False)}
    whole = {unit: values for unit, values in units.items() if np.isfinite(values).all()}
    left_out = len(units) - len(whole)
    if not whole:
        return Outcome(frame, tuple(candidates), (), np.empty((0, len(candidates))), None, left_out)
    found = rankings.rank(list(whole.values()))
    values = np.array([each.mean(axis=0) for each in whole.values()])[:, found.order]
    order = np.argsort(values[:, 0], kind="stable")
    names, studies = tuple(candidates[place] for place in found.order), list(whole)
    return Outcome(frame, names, tuple(studies[place] for place in order), values[order], found, left_out)


def _by_seed(rows: pd.DataFrame, candidates: Sequence[str]) -> np.ndarray:
    """AUROC of each seed and candidate of a study, float (m, k); NaN where there is none."""
    return rows.pivot(index=SEED, columns="candidate", values="auroc").reindex(columns=candidates).to_numpy()


def _unit(task: Task) -> str:
    """A study in words, without its seed; a name alone, where one key is varied and its values are names."""
    kept = tuple((key, value) for key, value in task.unit if key != SEED)
    if len(kept) == 1 and str(kept[0][1])[:1].isalpha():
        return str(kept[0][1])
    return shown(kept) or task.params.title
