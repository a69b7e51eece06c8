"""The images that a page of inspection shows, each with its heat map, and how well the maps find the defects."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lib.evaluation import metrics
from lib.evaluation.mistakes import mistakes
from lib.study import Fitted, Run, Study, heat_maps, highest_scoring, lowest_scoring

SHOWN = 9  # images of each group
CHUNK = 64  # masks read at one time
MAPS, NORMAL_MAPS = 1_000, 200  # images with a mask, and normal images, whose maps are measured at most


def groups(study: Study, scores: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """The images that a page shows, as indices by group; a group may be empty.

    Returns:
        `detected`, spread evenly over the ranks of the scores; `missed`, the lowest scores first; `alarms`, and
        `normal`, of every normal image that was not fitted on, the highest scores first.
    """
    decided = mistakes(study, scores, threshold)
    ranked = decided.detected[highest_scoring(scores[decided.detected], len(decided.detected))]
    spread = np.unique(np.linspace(0, len(ranked) - 1, min(SHOWN, len(ranked))).round().astype(int))
    unseen = np.union1d(study.normal, study.split.calibration)
    return {
        "detected": ranked[spread],
        "missed": decided.missed[lowest_scoring(scores[decided.missed], SHOWN)],
        "alarms": decided.alarms[highest_scoring(scores[decided.alarms], SHOWN)],
        "normal": unseen[highest_scoring(scores[unseen], SHOWN)],
    }


def save_inspected(study: Study, run: Run, pool: Mapping[str, Fitted], column: str, threshold: float) -> None:
    """Leave in the run what the page of inspection shows: the heat maps of its images, and the metrics of pixels.

    Args:
        study: Holds images out.
        run: Takes the arrays `inspected`: `indices`, `pictures` (uint8), `maps` (float32), `low` and `high`, the ends
            of their scale, and `by`, the label of the detector that draws them: the one that decides, or another one
            where that has none. Also takes `pixels` of `metrics.json`, where there are masks.
        pool: The detectors of the leaderboard, by column.
        column: Of the detector that decides.
        threshold: Of that detector.
    """
    able = [fit for fit in [pool[column], *pool.values()] if hasattr(fit.spec.create(), "heatmap")]
    if not able:
        return
    detector, shown = able[0].detector(study), groups(study, pool[column].scores, threshold)
    indices = np.unique(np.concatenate(list(shown.values())))
    low, high = heat_maps.scale(study, detector)
    arrays = heat_maps.of_fitted(study, detector, indices) | {"by": np.array(able[0].spec.label)}
    run.write_arrays("inspected", column, low=np.array(low), high=np.array(high), **arrays)
    if figures := _pixels(study, detector):
        run.update_metrics({"pixels": {column: {**figures, "by": able[0].spec.label}}})


def _pixels(study: Study, detector: Any) -> Mapping[str, Any]:
    """The metrics of pixels on the test set: images with a mask, and normal images; empty where no image has a mask."""
    masked = study.anomalies[study.images.column("mask")[study.anomalies] != ""]
    if not len(masked):
        return {}
    random = np.random.default_rng(study.params.seed)
    without = len(study.anomalies) - len(masked)
    kinds = random.permutation(masked)[:MAPS], random.permutation(study.normal)[:NORMAL_MAPS]
    indices = np.sort(np.concatenate(kinds))
    maps = detector.heatmap(study.images, indices)
    masks = [
        study.images.take(part).masks(study.images.size)
        for part in np.split(indices, range(CHUNK, len(indices), CHUNK))
    ]
    return {**metrics.pixel_metrics(maps, np.concatenate(masks)), "without_mask": without}
