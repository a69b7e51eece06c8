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
        noise: how much the AUROC varies with the seed alone; None with one seed.
        left_out: number of studies that lack a result.
    """

    table: pd.DataFrame
    names: tuple[str, ...]
    studies: tuple[str, ...]
    values: np.ndarray
    ranking: rankings.Ranking | None
    noise: float | None
    left_out: int

    def of_studies(self) -> list[dict[str, Any]]:
        """Of each ranked study `fit`, `normal` and `anomalies`, mean numbers of images, and `file`, its first set."""
        groups, counts = dict(tuple(self.table.groupby("unit", sort=False))), ("fit", "normal", "anomalies")
        return [
            {"file": f"{groups[unit]['study'].iloc[0]}.yaml"}
            | {name: float(groups[unit][name].mean()) for name in counts}
            for unit in self.studies
        ]

    def curves(self) -> tuple[str, list[float], dict[str, list[dict[str, float]]]] | None:
        """How the mean AUROC of each detector depends on a setting; None unless one is varied over three numbers.

        Returns:
            The key of the setting, its values, rising, and by detector the mean at each value.
        """
        keys = [name.removeprefix(SETTING) for name in self.table.columns if name.startswith(SETTING)]
        if self.ranking is None or len(keys) != 1:
            return None
        values = self.table[f"{SETTING}{keys[0]}"]
        places = sorted(set(values))
        if len(places) < 3 or not all(isinstance(place, int | float) for place in places):
            return None
        rows = self.table[["candidate", "detector", f"{SETTING}{keys[0]}"]].drop_duplicates()
        means = dict(zip(self.names, self.ranking.means, strict=True))
        found: dict[str, dict[float, dict[str, float]]] = {}
        for candidate, detector, place in rows.itertuples(index=False):
            found.setdefault(detector, {})[place] = means[candidate]
        return keys[0], places, {name: [own[place] for place in places] for name, own in found.items()}


def table(wanted: Sequence[Task], keys: Sequence[str], failed: Mapping[str, str]) -> pd.DataFrame:
    """One row for each task, in the order of the sweep.

    Returns:
        `study`, the name of its parameter set; `unit`, the study in words, without its seed; each key that makes
        studies differ, and each setting; `detector`, and `candidate`, which is it with its setting; of each of
        `METRICS` the value and the ends of its interval; `alpha`; numbers of images `fit`, `normal` and `anomalies`;
        `fit_seconds` and `score_seconds`; `error`; and `key`, of the result in the cache.
    """
    rows = []
    for task, key in zip(wanted, keys, strict=True):
        result = tasks.result(key) or {}
        row = {"study": task.params.study, "unit": _unit(task), **dict(task.unit)}
        row |= {f"{SETTING}{name}": value for name, value in task.setting}
        row |= {"detector": task.spec().label, "candidate": task.candidate}
        for name in METRICS:
            metric = result.get(name) or {}
            row |= {name: metric.get("value"), f"{name}_low": metric.get("low"), f"{name}_high": metric.get("high")}
        row |= {name: result.get(name) for name in ("alpha", "fit", "normal", "anomalies")}
        seconds = result.get("seconds", {})
        row |= {"fit_seconds": seconds.get("fit"), "score_seconds": seconds.get("score")}
        rows.append(row | {"error": "" if result else failed.get(key, "not carried out"), "key": key})
    frame = pd.DataFrame(rows)
    numbers = [name for name in frame.columns if name in METRICS or name.endswith(("_low", "_high", "_seconds"))]
    return frame.astype(dict.fromkeys([*numbers, "alpha", "fit", "normal", "anomalies"], "float64"))


def outcome(frame: pd.DataFrame) -> Outcome:
    """Rank the detectors of a table over its studies; those that lack a result of any are left out."""
    candidates = list(dict.fromkeys(frame["candidate"]))
    means = frame.pivot_table("auroc", "unit", "candidate", aggfunc=_mean_of_all, sort=False, dropna=False)
    means = means.reindex(index=list(dict.fromkeys(frame["unit"])), columns=candidates)
    whole = means.dropna()
    left_out = len(means) - len(whole)
    several = [group.dropna().to_numpy() for _, group in frame.groupby(["unit", "candidate"])["auroc"]]
    noise = rankings.noise(several)
    if whole.empty:
        return Outcome(frame, tuple(candidates), (), np.empty((0, len(candidates))), None, noise, left_out)
    found = rankings.rank(whole.to_numpy())
    values = whole.to_numpy()[:, found.order]
    order = np.argsort(values[:, 0], kind="stable")
    names = tuple(candidates[place] for place in found.order)
    return Outcome(frame, names, tuple(whole.index[order]), values[order], found, noise, left_out)


def _mean_of_all(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().all() else float("nan")


def _unit(task: Task) -> str:
    """A study in words, without its seed; a name alone, where one key is varied and its values are names."""
    kept = tuple((key, value) for key, value in task.unit if key != SEED)
    if len(kept) == 1 and str(kept[0][1])[:1].isalpha():
        return str(kept[0][1])
    return shown(kept) or task.params.title
