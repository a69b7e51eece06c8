"""Everything that gives an image an anomaly score: one kind a file, all with one life (see `base`)."""

from lib.detectors.base import Detector, History, Kind, Options, groups_of, kind, kinds, load, register
from lib.detectors.specs import BASELINE, COMBINED, PUBLISHED, Spec, leading, other_scores, spec, specs, with_options

__all__ = [
    "BASELINE",
    "COMBINED",
    "PUBLISHED",
    "Detector",
    "History",
    "Kind",
    "Options",
    "Spec",
    "groups_of",
    "kind",
    "kinds",
    "leading",
    "load",
    "other_scores",
    "register",
    "spec",
    "specs",
    "with_options",
]
