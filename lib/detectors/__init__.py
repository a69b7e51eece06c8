"""Everything that gives an image an anomaly score: one kind a file, all with one life (see `base`)."""

from lib.detectors.base import Detector, History, Kind, Options, groups_of, kind, kinds, load, recorded, register, slug
from lib.detectors.specs import (
    BASELINE,
    COMBINED,
    PUBLISHED,
    Spec,
    defaults_of,
    leading,
    other_scores,
    spec,
    specs,
    with_options,
)

__all__ = [
    "BASELINE",
    "COMBINED",
    "PUBLISHED",
    "Detector",
    "History",
    "Kind",
    "Options",
    "Spec",
    "defaults_of",
    "groups_of",
    "kind",
    "kinds",
    "leading",
    "load",
    "other_scores",
    "recorded",
    "register",
    "slug",
    "spec",
    "specs",
    "with_options",
]
