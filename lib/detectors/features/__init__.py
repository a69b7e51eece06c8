"""Detectors on the features of networks that were fitted on ImageNet; nothing of a network is fitted here.

A backbone makes the features, a method makes scores of them. One embedding an image can be made once and judged by
many methods: `Backbone.embed`, then `Neighbours` or `Gaussian`. `Features` is both as one detector.

What needs TensorFlow is imported at its first use.
"""

import importlib
from typing import TYPE_CHECKING

from lib.detectors.features.gaussian import Gaussian
from lib.detectors.features.neighbours import Neighbours
from lib.detectors.features.patches import Patches

if TYPE_CHECKING:
    from lib.detectors.features.backbones import Backbone, check, own_size
    from lib.detectors.features.detector import Features

__all__ = ["Backbone", "Features", "Gaussian", "Neighbours", "Patches", "check", "own_size"]

_MODULES = {"Backbone": "backbones", "Features": "detector", "check": "backbones", "own_size": "backbones"}


def __getattr__(name: str):
    """The public names that need TensorFlow."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return globals().setdefault(name, getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name))
