"""A study: its parameters, images and split, its fitted detectors, and the run folder that they are left in."""

from lib.study import device, heat_maps
from lib.study.examples import EXTREMES, MAPS, SAMPLES, extremes, highest_scoring, lowest_scoring
from lib.study.fits import Fitted, fit_and_score
from lib.study.published import citation, published_at
from lib.study.run import METRICS, Run
from lib.study.saved import Saved, export, size_of, thumbnail
from lib.study.study import Study, holdout_of
from lib.study.training import HELD_OUT, Planned, about, add_fits, differences, fit_all, open_run, plan

__all__ = [
    "EXTREMES",
    "HELD_OUT",
    "MAPS",
    "METRICS",
    "SAMPLES",
    "Fitted",
    "Planned",
    "Run",
    "Saved",
    "Study",
    "about",
    "add_fits",
    "citation",
    "device",
    "differences",
    "export",
    "extremes",
    "fit_all",
    "fit_and_score",
    "heat_maps",
    "highest_scoring",
    "holdout_of",
    "lowest_scoring",
    "open_run",
    "plan",
    "published_at",
    "size_of",
    "thumbnail",
]
