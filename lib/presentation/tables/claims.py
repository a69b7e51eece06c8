"""Tables of claims about mistakes, and of correlations of attributes with the score."""

from collections.abc import Sequence

import pandas

from lib.core import traced
from lib.core.formatting import percent
from lib.data.attributes import DESCRIPTIONS
from lib.evaluation.claims import UNMEASURABLE, Share, Verdict, with_parts
from lib.presentation.tables.cells import framed
from lib.presentation.tables.markdown import literal, number


def claims(verdicts: Sequence[Verdict]) -> pandas.DataFrame:
    """List the verdicts on claims that can be measured, the conditions of a claim before the claim itself.

    Args:
        verdicts: What `lib.evaluation.claims.check_claims` returns.

    Returns:
        Columns `Claim`, `Share of the group` and `Share of the others` (`61.2 % [54.0, 68.1]`), `Probability higher`
        (`0.63 [0.58, 0.68]`, above 0.5 in the claimed direction) and `Verdict`, all text.
    """
    parts = [verdict for verdict in with_parts(verdicts) if verdict.word != UNMEASURABLE]
    return framed(
        {
            "Claim": [literal(f"{verdict.claim.subject}: {verdict.claim.statement}") for verdict in parts],
            "Share of the group": [_share(verdict.share) for verdict in parts],
            "Share of the others": [_share(verdict.others) for verdict in parts],
            "Probability higher": [_interval(verdict.effect) for verdict in parts],
            "Verdict": [verdict.word for verdict in parts],
        }
    )


def associations(frame: pandas.DataFrame, top: int | None = None) -> pandas.DataFrame:
    """List correlations with attributes as rows and groups of images as columns.

    Args:
        frame: What `lib.evaluation.claims.associations` returns.
        top: Number of attributes to list, those with the strongest correlation in any group; all by default.

    Returns:
        Column `Attribute` and one column per group, largest group first, `0.62 [0.57, 0.66]`; None if a group has no
        value.
    """
    names = list(dict.fromkeys(frame["attribute"]))[:top]
    cells = {(row["group"], row["attribute"]): _interval(row) for row in traced.rows(frame)}
    sizes = dict(zip(frame["group"], frame["n"], strict=True))
    columns = {"Attribute": [DESCRIPTIONS.get(name, name) for name in names]}
    for group in sorted(sizes, key=lambda group: -sizes[group]):
        columns[group[:1].upper() + group[1:]] = [cells.get((group, name)) for name in names]
    return framed(columns)


def _share(share: Share) -> str:
    return f"{percent(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _interval(metric) -> str | None:
    if metric is None:
        return None
    value, low, high = (number(metric[key], ".2f") for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
