"""What the descriptions of a delivery say, read from its folder."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import params
from lib.core import cache, provenance
from lib.evaluation import metrics, thresholds
from lib.params import Parameters
from lib.study import Run

EPOCH = datetime(1980, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Facts:
    """A delivery in the making.

    Attributes:
        folder: With all that `contents.collect` put there.
        params: Of the study.
        metrics: `metrics.json`.
        manifest: `manifest.json`.
        status: `status.json`.
        scores: `scores.parquet`, one row an image: `id`, `class_name`, `label`, `part` and the `score` of the detector
            that the report answers with.
    """

    folder: Path
    params: Parameters
    metrics: dict[str, Any]
    manifest: dict[str, Any]
    status: dict[str, Any]
    scores: pd.DataFrame

    @classmethod
    def of(cls, folder: Path) -> "Facts":
        """Read the folder of a delivery."""
        run = Run(folder / "run")
        figures = cache.read_json(run.folder / "metrics.json")
        columns = ["id", "class_name", "label", "part", figures["answer"]["column"]]
        scores = pd.read_parquet(run.folder / "scores.parquet", columns=columns)
        scores.columns = [*columns[:-1], "score"]
        read = params.load(folder / "params.yaml").model_copy(update={"images": run.read("params")["images"]})
        return cls(folder, read, figures, run.read("manifest"), run.read("status"), scores)

    @property
    def answer(self) -> dict[str, Any]:
        """The `answer` of `metrics.json`: the detector of the first page, its threshold and its figures."""
        return self.metrics["answer"]

    @property
    def detector(self) -> Path:
        """The folder of the detector of the first page."""
        return Run(self.folder / "run").detector(self.answer["column"])

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Of the saved detector; see `lib.study.Saved`."""
        return cache.read_json(self.detector / "provenance.json")

    @cached_property
    def threshold(self) -> dict[str, Any]:
        """Of the saved detector; see `lib.study.Saved`."""
        return cache.read_json(self.detector / "threshold.json")

    def count(self, part: str, label: int) -> int:
        """Images of one part of the division that the detector was fitted and tested with; label 1 for anomalies."""
        return int(((self.scores["part"] == part) & (self.scores["label"] == label)).sum())

    @cached_property
    def test(self) -> pd.DataFrame:
        """The rows of `scores` in the test set, with `flagged`."""
        test = self.scores[self.scores["part"] == "test"]
        return test.assign(flagged=thresholds.decide(test["score"], self.answer["threshold"]["value"]))

    @cached_property
    def classes(self) -> pd.DataFrame:
        """The anomalous classes of the test set, of `lib.evaluation.metrics.by_class`; hardest first."""
        labels, scores, names = (self.test[column].to_numpy() for column in ("label", "score", "class_name"))
        if not labels.any():
            return pd.DataFrame()
        return metrics.by_class(labels, scores, np.asarray(names, object), self.answer["threshold"]["value"])

    def wrong(self, label: int, most: int) -> list[str]:
        """Ids of test images with the wrong decision, the clearest mistakes first; label 1 for missed anomalies."""
        rows = self.test[(self.test["label"] == label) & (self.test["flagged"] != bool(label))]
        return rows.sort_values(["score", "id"], ascending=[bool(label), True])["id"].head(most).tolist()

    @cached_property
    def shortcuts(self) -> list[dict[str, Any]]:
        """Rows of the leaderboard that do not look at what an image shows, best AUROC first."""
        rows = [row for row in self.metrics.get("leaderboard", {}).values() if row["family"] == "shortcut"]
        return sorted((row for row in rows if row["auroc"]), key=lambda row: -row["auroc"]["value"])

    @property
    def started(self) -> datetime | None:
        """When the run began, in UTC; None where the manifest does not say."""
        try:
            return datetime.fromisoformat(self.manifest["created"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def ended(self) -> datetime | None:
        """When the run ended; None where no time was recorded."""
        seconds = self.status.get("seconds")
        return self.started + timedelta(seconds=round(seconds)) if self.started and seconds else None

    @property
    def date(self) -> datetime:
        """The date of every file in the zip: `SOURCE_DATE_EPOCH`, else that of the run."""
        given = provenance.source_date()
        return self.started or EPOCH if given is None else datetime.fromtimestamp(given, UTC)
