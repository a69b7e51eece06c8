"""Where images come from, one file a source; a new file needs no change elsewhere."""

import importlib
import pkgutil
from typing import TYPE_CHECKING

from lib.data.sources.base import KINDS, Source

if TYPE_CHECKING:
    from lib.params import Parameters


def source(params: "Parameters") -> Source:
    """The source of a parameter set's images.

    Raises:
        UserError: no source has such a data set.
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    candidates = (kind.of(params) for kind in sorted(KINDS, key=lambda kind: kind.fallback))
    return next(candidate for candidate in candidates if candidate is not None)
