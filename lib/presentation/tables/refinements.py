"""Tables of what changing a detector does, what became of recommendations, and how healthy VAEs are."""

from collections.abc import Mapping, Sequence

import pandas

from lib.presentation.tables.cells import framed, part_of, reading, with_interval
from lib.presentation.tables.markdown import literal


def refinements(rows: Sequence[Mapping]) -> pandas.DataFrame:
    """Set refined detectors side by side, each with its difference to the baseline.

    Args:
        rows: Each has `name`; `validation`, the AUROC by which it was chosen, or None; `auroc` (a metric) on images
            held out; `difference`, the metric that `lib.evaluation.metrics.auroc_difference` makes of it and the baseline, or
            None for the baseline itself; and `seconds`.

    Returns:
        Columns `Refinement`, `AUROC, validation`, `AUROC, held out` and `Difference` with their 95 % intervals,
        `Reading` (`higher` or `lower` where the interval leaves out 0, else `no clear difference`) and `Seconds`;
        None where something is missing.
    """
    return framed(
        {
            "Refinement": [_text(row, "name") for row in rows],
            "AUROC, validation": [_float(row, "validation") for row in rows],
            "AUROC, held out": [with_interval(row.get("auroc")) for row in rows],
            "Difference": [with_interval(row.get("difference"), sign=True) for row in rows],
            "Reading": [_reading(row.get("difference")) for row in rows],
            "Seconds": [_float(row, "seconds") for row in rows],
        },
        decimals={"AUROC, validation": 3, "Seconds": 1},
    )


def recommendations(rows: Sequence[Mapping]) -> pandas.DataFrame:
    """Tell what became of each recommendation.

    Args:
        rows: Each has `recommendation`; `verdict`: `helped`, `hurt`, `within noise` or `not tried`; `tried` and `best`,
            in words; and `difference`, a metric.

    Returns:
        Columns `Recommendation`, `Verdict`, `Difference of AUROC` with its 95 % interval, `Best on validation` and
        `Tried`; None where something is missing.
    """
    return framed(
        {
            "Recommendation": [_text(row, "recommendation") for row in rows],
            "Verdict": [_text(row, "verdict") for row in rows],
            "Difference of AUROC": [with_interval(row.get("difference"), sign=True) for row in rows],
            "Best on validation": [_text(row, "best") for row in rows],
            "Tried": [_text(row, "tried") for row in rows],
        }
    )


def health(rows: Sequence[Mapping]) -> pandas.DataFrame:
    """List whether the latent values of VAEs are in use.

    Args:
        rows: Each has `model`; `beta`, the weight of the KL; `kl`, in nats an image; `active`, how many latent values
            carry something, of `latent`; `share` of the weighted KL in the loss, 0 to 1; and `alarms`, in words.

    Returns:
        Columns `Model`, `β` (text, since four decimals may not hold it), `KL, nats an image`, `Active values`, `Latent
        values`, `KL share of the loss` and `Alarms`; None where something is missing.
    """
    betas = [_float(row, "beta") for row in rows]
    return framed(
        {
            "Model": [_text(row, "model") for row in rows],
            "β": [None if beta is None else f"{beta:g}" for beta in betas],
            "KL, nats an image": [_float(row, "kl") for row in rows],
            "Active values": [_int(row, "active") for row in rows],
            "Latent values": [_int(row, "latent") for row in rows],
            "KL share of the loss": [_float(row, "share") for row in rows],
            "Alarms": [_text(row, "alarms") for row in rows],
        },
        decimals={"KL, nats an image": 2},
    )


def _text(row: Mapping, key: str) -> str | None:
    """Words as they are written, whatever Markdown would make of them."""
    return None if row.get(key) is None else literal(str(row[key]))


def _float(row: Mapping, key: str) -> float | None:
    return None if row.get(key) is None else float(row[key])


def _int(row: Mapping, key: str) -> int | None:
    return None if row.get(key) is None else int(row[key])


def _reading(difference: Mapping | None) -> str | None:
    """Put a difference in words; None where it has no interval."""
    if part_of(difference, "low") is None or part_of(difference, "high") is None:
        return None
    return reading({**difference, "chance": 0.0})
