"""Every table: dicts and arrays in, a pandas DataFrame out, and one way to write a DataFrame as Markdown.

Cells hold numbers, not text, wherever they can, so that a notebook can compute with them. How they read on
paper is decided once, in `to_markdown`: counts (integers) with thousands
separators, rates (floats) with four decimals, a dash where there is no value.
"""

from lib.tables.cells import LABELS, reading
from lib.tables.data import class_counts, layers, parts, provenance
from lib.tables.groups import by_class, shifts
from lib.tables.honest import honest, operations, references
from lib.tables.markdown import DECIMALS, literal, to_markdown
from lib.tables.refinements import health, recommendations, refinements
from lib.tables.results import detectors, metrics, sweep

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
