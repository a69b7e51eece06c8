"""Tables: dicts and arrays in, a pandas DataFrame out, and one function that writes a DataFrame as Markdown.

Cells hold numbers, not text, wherever possible, so that a notebook can compute with them. Number formats are set in
`to_markdown`: counts (integers) with thousands separators, rates (floats) with four decimals, a dash for a missing
value.
"""

from lib.core import traced
from lib.presentation.tables.against_chance import against_chance
from lib.presentation.tables.cells import UNCLEAR, reading
from lib.presentation.tables.claims import associations, claims
from lib.presentation.tables.comparison import fits, leaderboard
from lib.presentation.tables.data import class_counts, layers, parts, provenance
from lib.presentation.tables.groups import by_class, shifts
from lib.presentation.tables.inspection import by_group, pixels, shortcuts
from lib.presentation.tables.markdown import literal, to_markdown
from lib.presentation.tables.readiness import parts_by_class, readiness
from lib.presentation.tables.results import detectors, operations, threshold_sweep

__all__ = [
    "UNCLEAR",
    "against_chance",
    "associations",
    "by_class",
    "by_group",
    "claims",
    "class_counts",
    "detectors",
    "fits",
    "layers",
    "leaderboard",
    "literal",
    "operations",
    "parts",
    "parts_by_class",
    "pixels",
    "provenance",
    "readiness",
    "reading",
    "shifts",
    "shortcuts",
    "threshold_sweep",
    "to_markdown",
]

# Numbers in what these return are marked with their sources.
globals().update({name: traced.marks(globals()[name]) for name in __all__ if callable(globals()[name])})
