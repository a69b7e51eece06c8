"""Sentences about fitting: the network, its loss, and further fits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lib.core.formatting import count, percent
from lib.evaluation.warnings import FALLING, recent_decrease
from lib.presentation.text.terms import detector_name

NOT_TIMED = (
    "Run times are not recorded in this report: `SOURCE_DATE_EPOCH` was set, so that it is the same, byte for byte, "
    "whenever it is made."
)


def timed(records: Iterable[Mapping[str, Any]]) -> bool:
    """Whether run times are recorded.

    Args:
        records: Each with `seconds`: a number, or one by part, or None in their place.
    """
    measured = [record["seconds"] for record in records]
    return None not in [part for each in measured for part in (each.values() if isinstance(each, Mapping) else [each])]


def with_seconds(caption: str, records: Iterable[Mapping[str, Any]]) -> str:
    """The caption of a table, and what its seconds are or that it has none; `records` as in `timed`."""
    return f"{caption} " + (
        "Seconds are of the fit and of scoring every image." if timed(records) else "Run times are not recorded."
    )


def network(rows: Sequence[Mapping[str, Any]], shape: Sequence[int], latent: int) -> str:
    """The size of the latent vector against that of an image, and the layer with the most parameters."""
    total = sum(row["parameters"] for row in rows)
    largest = max(rows, key=lambda row: row["parameters"])
    values = shape[0] * shape[1] * shape[2]
    return (
        f"An image has {values:,} values, the latent vector {latent:,} ({percent(latent / values)}). Of the network's "
        f"{total:,} parameters, {percent(largest['parameters'] / total)} are in one layer: {largest['layer']} of the "
        f"{largest['part']}."
    )


def learning(name: str, history: Mapping[str, Sequence[float]]) -> str:
    """The change of the loss during a fit, and whether more epochs may help."""
    loss = history["loss"]
    text = (
        f"In {count(len(loss), 'epoch')} the loss of the {detector_name(name)} on the fit set changed from "
        f"{loss[0]:.4f} to {loss[-1]:.4f}."
    )
    decrease = recent_decrease(loss)
    if decrease is None:
        return text
    if decrease > FALLING:
        return (
            text + f" Over the last four epochs the loss fell by {percent(decrease)}; more epochs may lower it further."
        )
    return text + (
        f" Over the last four epochs the loss changed by {percent(abs(decrease))}; more epochs would change it little."
    )


def fits(records: Mapping[str, Mapping[str, Any]], saved: Sequence[str]) -> str:
    """How many detectors were fitted, how long it took, and which of them are saved for use.

    Args:
        records: Of `lib.study.Run.fits`.
        saved: Names of the detectors in the run folder's `detectors/`.
    """
    networks = {
        str((record["kind"], record["options"] | {"score": ""}, record["roles"])) for record in records.values()
    }
    text = f"{count(len(records), 'set')} of scores come from {count(len(networks), 'fit')}."
    text += " These detectors are saved in the run folder under `detectors/`, each with its threshold and its "
    return text + "calibration scores, ready to score new images:\n\n" + "\n".join(f"- `{name}`" for name in saved)
