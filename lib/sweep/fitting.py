"""Fewer images to fit on, or anomalies among them: two settings of a sweep that no parameter set has.

They answer two questions: how many normal images are enough, and what happens if some of them are anomalies that nobody
noticed. All settings of a study are tested on the same images.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lib.core.errors import UserError
from lib.study import Study

NUMBER, CONTAMINATION = "normal_images", "contamination"
KEYS = (NUMBER, CONTAMINATION)
MOST = 0.5  # of the images fitted on; with more anomalies than normal images, these would be the anomalies


def problem(key: str, value: Any) -> str:
    """Why a value of one of `KEYS` is not valid; empty if it is."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if key == NUMBER:
        return "" if whole and value >= 1 else f"{key}: must be a whole number, 1 or more, and is {value!r}"
    number = whole or isinstance(value, float)
    return "" if number and 0 <= value <= MOST else f"{key}: must be a number from 0 to {MOST:g}, and is {value!r}"


def changed(study: Study, setting: Mapping[str, Any]) -> Study:
    """A study that fits on other images.

    A smaller number of images is a part of a larger one, and so are the anomalies among them.

    Args:
        study: holds images out.
        setting: by key, `normal_images`, how many of the normal images are fitted on; and `contamination`, the share of
            anomalies among all images fitted on. Where this is given, also as 0, half of the groups of anomalies of the
            test set are set aside for it and not tested on.

    Raises:
        UserError: there are too few images.
    """
    random = np.random.default_rng(study.params.seed)
    split, fit = study.split, random.permutation(study.split.fit)
    number = setting.get(NUMBER, len(fit))
    if number > len(fit):
        raise UserError(f"{NUMBER}: {number} are more than the {len(fit)} normal images that there are to fit on")
    fit = fit[:number]
    if CONTAMINATION in setting:
        groups = study.groups[study.anomalies]
        aside = random.permutation(np.unique(groups))
        place = np.empty(len(study.groups), int)
        place[study.anomalies] = np.argsort(aside)[np.searchsorted(np.sort(aside), groups)]
        pool = study.anomalies[place[study.anomalies] < len(aside) // 2]
        pool = pool[np.argsort(place[pool], kind="stable")]
        wanted = round(setting[CONTAMINATION] / (1 - setting[CONTAMINATION]) * number)
        if wanted > len(pool):
            raise UserError(f"{CONTAMINATION}: needs {wanted} anomalies, and {len(pool)} are set aside for it")
        split = replace(split, test=np.setdiff1d(split.test, pool))
        fit = np.r_[fit, pool[:wanted]]
    return replace(study, split=replace(split, fit=np.sort(fit)))
