"""Computed sentences: numbers in, Markdown out, so that no page states what its figures do not.

Every function reads the same for any study; nothing here knows of airplanes.
"""

from lib.wording.cover import description, headline
from lib.wording.evaluation import held_out, precision, references, spread, workload
from lib.wording.fits import companions, learning, network
from lib.wording.judging import RULES, decisions, rule, scatter, verdict
from lib.wording.mistakes import CLEAR, FEW, classes, recommendations, shifts
from lib.wording.pictures import duplicates, originals, protocol, totals
from lib.wording.terms import NAMES, count, listed, percent
from lib.wording.variations import collapse, comparison, costs, sweep

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
