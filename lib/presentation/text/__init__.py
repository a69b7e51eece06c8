"""Computed sentences: numbers in, Markdown out, so that no page states what its figures do not.

Every function reads the same for any study; nothing here knows of airplanes.
"""

from lib.presentation.text.cover import description, headline
from lib.presentation.text.evaluation import held_out, precision, references, spread, workload
from lib.presentation.text.fits import companions, learning, network
from lib.presentation.text.judging import RULES, decisions, rule, scatter, verdict
from lib.presentation.text.mistakes import CLEAR, FEW, classes, recommendations, shifts
from lib.presentation.text.pictures import duplicates, originals, protocol, totals
from lib.presentation.text.terms import NAMES, count, listed, percent
from lib.presentation.text.variations import collapse, comparison, costs, sweep

__all__ = [
    "CLEAR",
    "FEW",
    "NAMES",
    "RULES",
    "classes",
    "collapse",
    "companions",
    "comparison",
    "costs",
    "count",
    "decisions",
    "description",
    "duplicates",
    "headline",
    "held_out",
    "learning",
    "listed",
    "network",
    "originals",
    "percent",
    "precision",
    "protocol",
    "recommendations",
    "references",
    "rule",
    "scatter",
    "shifts",
    "spread",
    "sweep",
    "totals",
    "verdict",
    "workload",
]
