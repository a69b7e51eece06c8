"""The run folder: what a study's notebooks leave for one another, for the pages and for people's scripts."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.core import paths
from lib.core.cache import replacing, write_json
from lib.core.errors import UserError


@dataclass(frozen=True)
class Run:
    """A study's run folder.

    Attributes:
        folder: where `params.json`, `manifest.json`, `scores.parquet`, `metrics.json` and `detectors/` lie.
    """

    folder: Path

    @classmethod
    def of(cls, study: str) -> "Run":
        """The run that a notebook of `study` reads and writes.

        It is the folder that `ANOMALY_RUN_FOLDER` names (set by `make report`), else a draft in the cache, so
        that trying things out by hand never changes a finished report.
        """
        named = os.environ.get("ANOMALY_RUN_FOLDER")
        return cls(Path(named) if named else paths.cache_folder() / "drafts" / study)

    @property
    def exists(self) -> bool:
        """Whether training has left its scores here."""
        return (self.folder / "scores.parquet").is_file()

    def write(self, name: str, value: Any) -> None:
        """Writes `<name>.json`."""
        write_json(self.folder / f"{name}.json", value)

    def read(self, name: str) -> Any:
        """Reads `<name>.json`.

        Raises:
            UserError: it is not there.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            raise UserError(f"{paths.shown(path)}: not there; run 02_training first, or `make report`")
        return json.loads(path.read_text(encoding="utf-8"))

    def update_metrics(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Lays `values` over `metrics.json`, key by key at every depth, and returns the whole."""
        path = self.folder / "metrics.json"
        merged = _laid_over(self.read("metrics") if path.is_file() else {}, values)
        self.write("metrics", merged)
        return merged

    def scores(self) -> pd.DataFrame:
        """The scores: one row an image (`id`, `class_name`, `label`, `fitted`), one column a detector."""
        return pd.read_parquet(self.folder / "scores.parquet")

    def write_scores(self, frame: pd.DataFrame) -> None:
        """Writes `scores.parquet`.

        Raises:
            ValueError: a score is missing, which a comparison would silently count as normal.
        """
        if frame.isna().to_numpy().any():
            raise ValueError("scores: an image has no score")
        with replacing(self.folder / "scores.parquet") as temporary:
            frame.to_parquet(temporary, index=False)

    def detector(self, name: str) -> Path:
        """The folder of one fitted detector's files."""
        return self.folder / "detectors" / name

    def spread(self, name: str) -> float:
        """How much a detector's kept reconstructions differ between images.

        Returns:
            Standard deviation over images, mean over pixels and channels; 0 to 0.5 for values in [0, 1]. It is 0
            if the detector paints one picture whatever it is shown.
        """
        with np.load(self.detector(name) / "examples.npz") as kept:
            return float((kept["reconstructions"] / 255.0).std(axis=0).mean())

    def write_history(self, name: str, history: Mapping[str, list[float]]) -> None:
        """Lays a detector's history, one row an epoch, over those in `history.csv`."""
        path = self.folder / "history.csv"
        rows = pd.DataFrame({"detector": name, "epoch": range(1, len(history["loss"]) + 1), **history})
        if path.is_file():
            before = pd.read_csv(path)
            rows = pd.concat([before[before["detector"] != name], rows], ignore_index=True)
        with replacing(path) as temporary:
            rows.to_csv(temporary, index=False)

    def history(self, name: str) -> dict[str, list[float]]:
        """A detector's history: one list a curve, one value an epoch."""
        rows = pd.read_csv(self.folder / "history.csv")
        mine = rows[rows["detector"] == name].drop(columns=["detector", "epoch"]).dropna(axis="columns")
        return mine.to_dict(orient="list")

    def keep(self, name: str, file: Path) -> None:
        """Copies a file into a detector's folder."""
        folder = self.detector(name)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / file.name) as temporary:
            shutil.copyfile(file, temporary)

    def write_examples(self, name: str, indices: np.ndarray, reconstructions: np.ndarray) -> None:
        """Keeps the reconstructions that pages show: image indices, and uint8 images (n, H, W, C)."""
        folder = self.detector(name)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / "examples.npz") as temporary:
            np.savez(temporary, indices=indices, reconstructions=reconstructions)

    def examples(self, name: str, indices: np.ndarray) -> np.ndarray:
        """The kept reconstructions of some images, uint8 (n, H, W, C), in the order asked for.

        Raises:
            KeyError: the reconstruction of one of them was not kept.
        """
        with np.load(self.detector(name) / "examples.npz") as kept:
            place = {int(index): row for row, index in enumerate(kept["indices"])}
            return kept["reconstructions"][[place[int(index)] for index in indices]]


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _laid_over(merged[key], value) if nested else value
    return merged
