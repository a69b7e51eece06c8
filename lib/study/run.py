"""The run folder: what a study's notebooks leave for one another, for the pages and for people's scripts."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib.core import csv_files, paths, traced
from lib.core.cache import replacing, write_json
from lib.core.errors import UserError, did_you_mean

METRICS = "run/metrics.json#"  # where its numbers are, as a page refers to them
FORMAT = 2  # of the run folder; 2 has one leaderboard, and all scores in one table


@dataclass(frozen=True)
class Run:
    """A study's run folder.

    Attributes:
        folder: where `params.json`, `manifest.json`, `fits.json`, `scores.parquet`, `metrics.json`, `history.csv`,
            `split.csv`, `arrays/` and `detectors/` lie.
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

    @classmethod
    def reported(cls, study: str, variable: str) -> "Run":
        """The run of the report of a study, complete or not.

        Args:
            study: its name, as a user gave it.
            variable: where it was given, such as `STUDY`.

        Raises:
            UserError: there is no such report.
        """
        if re.fullmatch(r"\w+", study) and (paths.reports_folder() / study / "run" / "metrics.json").is_file():
            return cls(paths.reports_folder() / study / "run")
        folders = [path.parts[-3] for path in paths.reports_folder().glob("*/run/metrics.json")]
        hint = did_you_mean(study, sorted(name for name in folders if re.fullmatch(r"\w+", name)))
        raise UserError(f"{variable}: there is no report of {study}{hint}; run `make report STUDY={study}` first")

    @property
    def complete(self) -> bool:
        """Whether training has ended here, in the form that this code reads."""
        return (self.folder / "fits.json").is_file() and self.read("fits").get("format") == FORMAT

    def write(self, name: str, value: Any) -> None:
        """Writes `<name>.json`."""
        write_json(self.folder / f"{name}.json", traced.plain(value))

    def read(self, name: str) -> Any:
        """Reads `<name>.json`; the numbers of `metrics.json` know where they stand there, see `lib.core.traced`.

        Raises:
            UserError: it is not there.
        """
        path = self.folder / f"{name}.json"
        if not path.is_file():
            raise UserError(f"{paths.shown(path)}: not there; run 02_training first, or `make report`")
        value = json.loads(path.read_text(encoding="utf-8"))
        return traced.trace(value, METRICS) if name == "metrics" else value

    def update_metrics(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Lays `values` over `metrics.json`, key by key at every depth; returns them, their numbers traced to there."""
        path = self.folder / "metrics.json"
        self.write("metrics", _merged(self.read("metrics") if path.is_file() else {}, values))
        return traced.trace(values, METRICS)

    def keep_table(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Writes the rows of a table into `metrics.json`, as `tables/<name>`.

        Returns:
            The table, whose `attrs` say where its rows are; see `lib.core.traced.rows`.
        """
        self.update_metrics({"tables": {name: frame.astype(object).where(frame.notna(), None).to_dict("records")}})
        frame.attrs["ref"] = f"{METRICS}/tables/{name}"
        return frame

    def fits(self, role: str | None = None) -> dict[str, dict[str, Any]]:
        """What was fitted, by column of `scores.parquet`; see `_record` in `lib.study.training`.

        Args:
            role: only those of this role: `study`, `leaderboard`, `seed` or `float32`; see `lib.study.training`.
        """
        records = self.read("fits")["fits"]
        return {column: record for column, record in records.items() if role is None or role in record["roles"]}

    def scores(self) -> pd.DataFrame:
        """The scores: one row an image (`id`, `class_name`, `label`, `fitted`, `part`), one column a detector."""
        return pd.read_parquet(self.folder / "scores.parquet")

    def scores_of(self, column: str) -> np.ndarray:
        """One column of `scores`, float64 (N,).

        Raises:
            UserError: there is no such column.
        """
        try:
            return pd.read_parquet(self.folder / "scores.parquet", columns=[column])[column].to_numpy()
        except (OSError, ValueError, KeyError):
            raise UserError(f"{paths.shown(self.folder)}: no scores of '{column}'; run 02_training again") from None

    def write_scores(self, frame: pd.DataFrame) -> None:
        """Writes `scores.parquet`.

        Raises:
            ValueError: a score is missing, which a comparison would silently count as normal.
        """
        if frame.isna().to_numpy().any():
            raise ValueError("scores: an image has no score")
        self.write_table("scores.parquet", frame)

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Writes a `.csv` or `.parquet` file."""
        with replacing(self.folder / name) as temporary:
            if name.endswith(".csv"):
                csv_files.write(frame, temporary)
            else:
                frame.to_parquet(temporary, index=False)

    def history(self, column: str) -> dict[str, list[float]]:
        """The history of a fit: one list a curve, one value an epoch."""
        rows = pd.read_csv(self.folder / "history.csv")
        own = rows[rows["detector"] == column].drop(columns=["detector", "epoch"]).dropna(axis="columns")
        return own.to_dict(orient="list")

    def detector(self, name: str) -> Path:
        """The folder of one saved detector."""
        return self.folder / "detectors" / name

    def write_arrays(self, kind: str, column: str, **arrays: np.ndarray) -> None:
        """Writes what scoring left besides scores: `examples`, `latent_use`, `left_out`, `heat_maps`, `first_page`."""
        with replacing(self.folder / "arrays" / f"{kind}-{column}.npz") as temporary:
            np.savez(temporary, **arrays)

    def arrays(self, kind: str, column: str) -> dict[str, np.ndarray]:
        """What `write_arrays` wrote; empty if nothing was."""
        path = self.folder / "arrays" / f"{kind}-{column}.npz"
        if not path.is_file():
            return {}
        with np.load(path) as arrays:
            return dict(arrays)

    def examples(self, column: str, indices: np.ndarray) -> np.ndarray:
        """The stored reconstructions of some images, uint8 (n, H, W, C), in the order asked for.

        Raises:
            KeyError: the reconstruction of one of them was not stored.
        """
        examples = self.arrays("examples", column)
        place = {int(index): row for row, index in enumerate(examples["indices"])}
        return examples["reconstructions"][[place[int(index)] for index in indices]]

    def spread(self, column: str) -> float:
        """How much a detector's stored reconstructions differ between images.

        Returns:
            Standard deviation over images, mean over pixels and channels; 0 to 0.5 for values in [0, 1]. It is 0
            if all reconstructions are the same picture.
        """
        return float((self.arrays("examples", column)["reconstructions"] / 255.0).std(axis=0).mean())


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if nested else value
    return merged
