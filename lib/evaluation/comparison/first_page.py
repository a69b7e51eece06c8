"""The images of a report's first page: a detected anomaly with its heat map, a missed anomaly, and a false alarm.

Without anomalies, it is a false alarm and the normal image that comes nearest to being one.
"""

from collections.abc import Mapping

import numpy as np

from lib.detectors import BASELINE
from lib.evaluation.mistakes import mistakes
from lib.study import Fitted, Run, Study, heat_maps, highest_scoring, lowest_scoring


def save_first_page(study: Study, run: Run, pool: Mapping[str, Fitted], column: str, threshold: float) -> None:
    """Choose the images and leave them in the run, as the arrays `first_page`.

    The detected anomaly has the median score of those detected, so it is a typical one. The missed anomaly has the
    lowest score, the false alarm the highest, and so has the normal image among those that are not flagged. The heat
    map is that of the detector that decides, or of another one of the study, else the difference of the image and its
    reconstruction by the autoencoder.

    Args:
        study: Holds images out.
        run: Takes the arrays: `indices` of a detected anomaly, a missed anomaly, a false alarm and a normal image, -1
            where there is none; `picture` and `map` of the first that is there; `scale`, the two ends of the map's, or
            empty; and `by`, the label of the detector that drew the map.
        pool: The detectors of the leaderboard, by column.
        column: Of the detector that decides.
        threshold: Of that detector.
    """
    scores = pool[column].scores
    groups = mistakes(study, scores, threshold)
    detected = groups.detected[lowest_scoring(scores[groups.detected], len(groups.detected))]
    lowest = groups.missed[lowest_scoring(scores[groups.missed], 1)]
    highest = groups.alarms[highest_scoring(scores[groups.alarms], 1)]
    normal = [] if len(study.anomalies) else groups.passed[highest_scoring(scores[groups.passed], 1)]
    picks = [detected[len(detected) // 2 :], lowest, highest, normal]
    indices = np.array([pick[0] if len(pick) else -1 for pick in picks])
    arrays = {"indices": indices}
    mapped = indices[:1] if len(study.anomalies) else indices[2:]
    if len(mapped := mapped[mapped >= 0][:1]):
        arrays |= _map(study, pool, column, mapped)
    run.write_arrays("first_page", BASELINE, **arrays)


def _map(study: Study, pool: Mapping[str, Fitted], column: str, index: np.ndarray) -> dict[str, np.ndarray]:
    if hasattr(pool[column].spec.create(), "heatmap"):
        detector = pool[column].detector(study)
        arrays, scale = heat_maps.of_fitted(study, detector, index), np.array(heat_maps.scale(study, detector))
        by = np.array(pool[column].spec.label)
        return {"picture": arrays["pictures"][0], "map": arrays["maps"][0], "scale": scale, "by": by}
    if spec := heat_maps.able([fit.spec for fit in pool.values()]):
        arrays = heat_maps.of_images(study, spec, index)
        return {"picture": arrays["pictures"][0], "map": arrays["maps"][0], "by": np.array(spec.label)}
    autoencoder = next((fit for fit in pool.values() if fit.spec.name == BASELINE), None)
    if autoencoder is None:
        return {}
    image = study.images.take(index)
    reconstructed = autoencoder.detector(study).reconstruct(image)
    difference = np.abs(image.images / 255.0 - reconstructed).mean(axis=-1)
    return {"picture": image.images[0], "map": difference[0], "by": np.array(BASELINE)}
