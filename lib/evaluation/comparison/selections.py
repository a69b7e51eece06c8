"""Which rows of a leaderboard a page shows."""

from collections.abc import Sequence

from lib.detectors import BASELINE
from lib.evaluation.comparison.choice import best
from lib.evaluation.comparison.leaderboard import Row

LEADING = 10  # pairs of a network and a score that a table lists


def by_published_score(rows: Sequence[Row]) -> list[Row]:
    """The published autoencoder, then every refinement of it, by the published score."""
    return [row for row in rows if row["score"] == "mse" and (row["changes"] or row["kind"] == BASELINE)]


def published_network(rows: Sequence[Row]) -> list[Row]:
    """The published autoencoder by every score, the published one first."""
    return [row for row in rows if row["kind"] == BASELINE and not row["changes"]]


def leading(rows: Sequence[Row]) -> list[Row]:
    """The published autoencoder, then the pairs of a network and a score that lead on the validation set."""
    networks = [row for row in rows if row["score"]]
    return networks[:1] + sorted(networks[1:], key=lambda row: -(row["validation"] or 0))[:LEADING]


def notable(rows: Sequence[Row]) -> list[Row]:
    """The published detector, the best of its other scores and of the refinements, and all other detectors."""
    published = published_network(rows)
    refined = [row for row in rows if row["score"] and row["changes"]]
    other = [row for row in rows if row not in refined and row not in published]
    return [*published[:1], *(best(group) for group in (published[1:], refined) if group), *other]


def cheap(rows: Sequence[Row]) -> list[Row]:
    """The published autoencoder, then the baselines and the shortcuts."""
    return [*published_network(rows)[:1], *(row for row in rows if row["family"] in {"baseline", "shortcut"})]
