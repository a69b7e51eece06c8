"""Tables of the data set, its division, the network's layers, and provenance."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas

from lib.presentation.tables.cells import framed
from lib.presentation.tables.markdown import DASH, literal, number


def class_counts(
    names: Sequence[str], counts: Sequence[int], normal: str | None = None, top: int | None = None
) -> pandas.DataFrame:
    """List the classes, largest first.

    Args:
        names: Class names, k of them.
        counts: Images in each class, same order.
        normal: The class that counts as normal; adds a column that says which classes are anomalies.
        top: Number of classes to list, the largest ones; the normal class is always listed.

    Returns:
        Columns `Class`, `Role` (with `normal`), `Images` and `Share` of all images; the rank is the index,
        from 1. Classes of equal size are in alphabetical order.

    Raises:
        ValueError: Lengths differ, or `normal` is not among the names.
    """
    if len(names) != len(counts):
        raise ValueError(f"{len(names)} class names for {len(counts)} counts; give one count per class")
    if normal is not None and normal not in names:
        raise ValueError(f"normal class {normal!r} is not among the {len(names)} classes")
    frame = pandas.DataFrame({"Class": list(names), "Images": np.asarray(counts, dtype=int)})
    frame["Share"] = frame["Images"] / max(frame["Images"].sum(), 1)
    if normal is not None:
        frame.insert(1, "Role", np.where(frame["Class"] == normal, "normal", "anomaly"))
    frame = frame.sort_values(["Images", "Class"], ascending=[False, True])
    frame.index = range(1, len(frame) + 1)
    if top is not None:
        frame = frame[(frame.index <= top) | (frame["Class"] == normal)]
    frame["Class"] = frame["Class"].map(literal)
    return frame


def parts(sizes: Mapping[str, int], seen: int = 0) -> pandas.DataFrame:
    """List the sets that the images are divided into, and the use of each.

    Args:
        sizes: Images in each set, as `lib.study.Study.parts` counts them. Missing or empty sets are left out, except
            fit and test.
        seen: Number of test images that the detectors are also fitted on.

    Returns:
        Columns `Set`, `Normal images`, `Anomalies` and `Use`.
    """
    test = "measuring every result of this report" + (f"; {number(seen)} are also in the fit set" if seen else "")
    rows = [
        ("Fit", sizes.get("fit", 0), None, "fitting the detectors"),
        ("Calibration", sizes.get("calibration", 0), None, "setting the threshold"),
        ("Validation", sizes.get("validation_normal", 0), sizes.get("validation_anomalies", 0), "choosing a detector"),
        ("Test", sizes.get("normal", 0), sizes.get("anomalies", 0), test),
        ("Left out", None, sizes.get("dropped", 0), "none: they could not be tested on"),
    ]
    listed = [row for row in rows if row[0] in ("Fit", "Test") or any(row[1:3])]
    names = ("Set", "Normal images", "Anomalies", "Use")
    return framed(dict(zip(names, zip(*listed, strict=True), strict=True)))


def layers(rows: Sequence[Mapping]) -> pandas.DataFrame:
    """List a network's layers with their output shapes and parameters, and a total.

    Args:
        rows: Dicts with `layer`, `output` (the shape without the batch dimension, text or a sequence of
            sizes) and `parameters`; a `part` such as `encoder` gets a column of its own.

    Returns:
        Columns `Part` (if any row has one), `Layer`, `Output shape` (text, `48 × 48 × 32`) and `Parameters`;
        the last row is the total.
    """
    columns = {
        "Part": [literal(row.get("part", "")) for row in rows] + [""],
        "Layer": [literal(row["layer"]) for row in rows] + ["**Total**"],
        "Output shape": [_shape(row["output"]) for row in rows] + [""],
        "Parameters": [int(row["parameters"]) for row in rows],
    }
    columns["Parameters"].append(sum(columns["Parameters"]))
    if not any(columns["Part"]):
        del columns["Part"]
    return framed(columns)


def provenance(record: Mapping) -> pandas.DataFrame:
    """List the parameters, versions and other inputs of a page.

    Args:
        record: Names and values; a nested dict is flattened (`versions / numpy`), a list is joined by commas.

    Returns:
        Columns `Item` and `Value`, both text; floats in their shortest exact form.
    """
    rows = list(_flat(record))
    return framed({"Item": [name for name, _ in rows], "Value": [value for _, value in rows]})


def _shape(shape) -> str:
    """An output shape as text, sizes joined by multiplication signs."""
    return shape if isinstance(shape, str) else " × ".join(str(size) for size in shape)


def _flat(record: Mapping, prefix: str = ""):
    """Yield names and texts of nested dicts, depth first."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} / ")
            continue
        parts = value if isinstance(value, list | tuple | set | frozenset) else [value]
        texts = [DASH if part is None else number(part) if isinstance(part, bool) else str(part) for part in parts]
        yield literal(f"{prefix}{name}"), literal(", ".join(texts)) or DASH
