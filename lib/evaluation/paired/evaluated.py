"""A detector of a finished study on the images that it was tested on."""

from dataclasses import dataclass

import pandas as pd

from lib.core import csv_files
from lib.evaluation.paired.finished import Finished


@dataclass(frozen=True)
class Evaluated:
    """A detector on its test set.

    Attributes:
        study: name of the study.
        column: of the detector's scores in `scores.parquet`; also its folder in `run/detectors/`, if it was saved.
        detector: its label.
        threshold: a score strictly above it is flagged.
        table: one row a test image: `id`, `class_name`, `label` (0 normal, 1 anomaly), `file` (SHA-256 of the image
            file), `score`, and `fitted`, whether the detector was fitted on the image.
    """

    study: str
    column: str
    detector: str
    threshold: float
    table: pd.DataFrame


def answered(finished: Finished) -> Evaluated:
    """The detector that a report answers with, at the threshold of the answer."""
    answer = finished.metrics["answer"]
    return _tested(finished, answer["column"], answer["threshold"]["value"])


def published(finished: Finished) -> dict[str, Evaluated]:
    """The published detectors of a study, each at its threshold, by column; empty if the study has none."""
    records = finished.metrics.get("detectors", {})
    return {column: _tested(finished, column, record["threshold"]["value"]) for column, record in records.items()}


def _tested(finished: Finished, column: str, threshold: float) -> Evaluated:
    run = finished.run
    fit, frame = run.fits()[column], run.scores()
    if "leaderboard" in fit["roles"]:  # fitted and tested with images held out
        test, fitted = frame["part"] == "test", frame["part"] == "fit"
    else:
        split = csv_files.read(run.folder / "split.csv")
        test, fitted = frame["id"].isin(split.loc[split["part"] == "test", "id"]), frame["fitted"]
    table = frame[["id", "class_name", "label"]].assign(
        file=frame["id"].map(finished.files), score=frame[column].astype(float), fitted=fitted
    )
    return Evaluated(finished.name, column, fit["label"], float(threshold), table[test].reset_index(drop=True))
