"""Every table: dicts and arrays in, a pandas DataFrame out, and one way to write a DataFrame as Markdown.

Cells hold numbers, not text, wherever they can, so that a notebook can compute with them. How they read on
paper is decided once, in `to_markdown`: counts (integers) with thousands
separators, rates (floats) with four decimals, a dash where there is no value.
"""

from lib.presentation.tables.against_chance import honest, operations, references
from lib.presentation.tables.cells import LABELS, reading
from lib.presentation.tables.data import class_counts, layers, parts, provenance
from lib.presentation.tables.groups import by_class, shifts
from lib.presentation.tables.markdown import DECIMALS, literal, to_markdown
from lib.presentation.tables.refinements import health, recommendations, refinements
from lib.presentation.tables.results import detectors, metrics, sweep

__all__ = [
    "DECIMALS",
    "LABELS",
    "by_class",
    "class_counts",
    "detectors",
    "health",
    "honest",
    "layers",
    "literal",
    "metrics",
    "operations",
    "parts",
    "provenance",
    "reading",
    "recommendations",
    "references",
    "refinements",
    "shifts",
    "sweep",
    "to_markdown",
]
