"""What a worker does: it makes one result exist in the cache. It returns nothing but why it could not."""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lib import data
from lib.core import cache, paths, provenance
from lib.core.errors import UserError
from lib.evaluation import metrics, thresholds
from lib.params import LIMITS, Parameters
from lib.report import uptodate
from lib.study import Fitted, Study, fit_and_score
from lib.sweep import fitting
from lib.sweep.definition import Task

RESULTS, RESULT = "results", "result.json"  # in the cache
OPENED = 2  # studies that a worker keeps open: its next task is likely to be of one of them


def keys(tasks: Sequence[Task]) -> list[str]:
    """A key of everything that the result of each task depends on, told without opening its study."""
    states: dict[tuple, str] = {}
    found = []
    for task in tasks:
        images = task.params.dataset, task.params.images, task.params.intensity
        if images not in states:
            states[images] = data.state(task.params)
        own = task.params.model_dump(exclude={"study", "title", *LIMITS})
        named = [task.fitting, task.detector, {name: value for name, value in task.given.items() if name != "label"}]
        found.append(cache.content_key(own, named, states[images], software(), provenance.device()))
    return found


@functools.cache  # of the code that runs, whatever is edited in the meantime
def software() -> str:
    """A key of the code of tasks and of the versions of the packages; every worker has to have the same."""
    code = cache.files_key(cache.code_files(__name__, *uptodate.walked()))
    return cache.content_key(code, dict(provenance.versions()))


def result(key: str) -> dict[str, Any] | None:
    """The result of a task by its key, as `figures` returns it; None where it is not there, or is damaged."""
    return cache.read_json(file_of(key)) if cache.has(RESULTS, key) else None


def file_of(key: str) -> Path:
    """Where the cache has the result of a task."""
    return paths.cache_folder() / RESULTS / key / RESULT


def run(task: Task, key: str) -> str:
    """Makes the result of a task exist in the cache, where other workers and later runs find it.

    Returns:
        Why it could not be made, in one line; empty where it is there.
    """
    try:
        cache.cached(RESULTS, key, lambda folder: cache.write_json(folder / RESULT, _figures(task)))
    except UserError as error:
        return str(error)
    except Exception as error:  # one task must not stop the others
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _figures(task: Task) -> dict[str, Any]:
    study = _opened(task.params.model_dump_json())
    if task.fitting:
        study = fitting.changed(study, task.fitting)
    return figures(study, fit_and_score(study, task.spec()))


def figures(study: Study, fitted: Fitted) -> dict[str, Any]:
    """What a detector is worth on the test images of a study.

    The threshold keeps the expected false positive rate at the study's `target_fpr` by its calibration images, or at
    the lowest rate that so few can promise (`alpha`).

    Returns:
        `auroc`, `fpr_at_95_tpr`, and `recall` and `fpr` at the threshold, each a metric; `alpha`; `fit`, `normal` and
        `anomalies`, numbers of images; and `seconds` of the fit and of the scores.
    """
    test, calibration = study.split.test, fitted.scores[study.split.calibration]
    labels, scores = study.labels[test], fitted.scores[test]
    alpha = max(study.params.target_fpr, float(np.nextafter(1 / (len(calibration) + 1), 1)))
    threshold = thresholds.choose("target_fpr", alpha=alpha, calibration=calibration)
    at = metrics.at_threshold(labels, scores, threshold.value)
    ranking = metrics.ranking_metrics(labels, scores)
    return {
        **{name: ranking[name] for name in ("auroc", "fpr_at_95_tpr")},
        **{name: at[name] for name in ("recall", "fpr")},
        "alpha": alpha,
        "fit": len(study.split.fit),
        "normal": len(study.normal),
        "anomalies": len(study.anomalies),
        "seconds": fitted.seconds,
    }


@functools.lru_cache(OPENED)
def _opened(params: str) -> Study:
    return Study.open(Parameters.model_validate_json(params))
