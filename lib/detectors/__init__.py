"""Everything that gives an image an anomaly score: one kind a file, all with one life (see `base`)."""

from lib.detectors.base import Detector, History, Kind, Options, kind, kinds, load, register
from lib.detectors.specs import BASELINE, PUBLISHED, Spec, other_scores, spec, specs, with_options

__all__ = [
    "BASELINE",
    "PUBLISHED",
    "Detector",
    "History",
    "Kind",
    "Options",
    "Spec",
    "kind",
    "kinds",
    "load",
    "other_scores",
    "register",
    "spec",
    "specs",
    "with_options",
]
