"""Scores, decisions and p-values of new images, in memory that does not grow with the size of the images."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib.core import cache
from lib.core.errors import UserError, did_you_mean
from lib.core.formatting import count
from lib.data import ImageSet, NewImages, files, measurements
from lib.detectors import batches
from lib.evaluation import discoveries, drift, thresholds
from lib.evaluation.scoring.chunks import Chunks
from lib.study import Run, Saved, device, highest_scoring

# A network may round the features of an image differently by the number of images that it is given at once (a batch of
# one differs by 4e-7). So a detector is always given `BLOCK` images, the last one repeated where there are fewer.
BLOCK = 64
CHUNK = 256  # images in memory at one time
DECISIONS = ("normal", "flagged")


@dataclass(frozen=True)
class Scored:
    """New images with their scores.

    Attributes:
        table: what `Scorer.score` returns; its first rows are the files of `images`, in their order.
        measured: one row an image with a score, in the same order: `height` and `width` of the original in pixels,
            `brightness` and `sharpness`.
        images: the images, to be read again.
    """

    table: pd.DataFrame
    measured: pd.DataFrame
    images: NewImages

    @cached_property
    def places(self) -> np.ndarray:
        """Places in `table` of the images with a score, int (k,)."""
        return np.flatnonzero(self.table["score"].notna())

    @property
    def scores(self) -> np.ndarray:
        """The scores there are, float64 (k,)."""
        return self.table["score"].to_numpy()[self.places]

    @property
    def flagged(self) -> int:
        """How many images are flagged."""
        return int((self.table["decision"] == DECISIONS[1]).sum())

    def highest(self, most: int) -> np.ndarray:
        """Places in `table` of the images with the highest scores, highest first."""
        return self.places[highest_scoring(self.scores, most)]

    def read(self, places: np.ndarray, size: int) -> Iterator[ImageSet]:
        """The images at some places of `table`, prepared again, at most `CHUNK` at one time and in the order given.

        Images that can no longer be read are left out.
        """
        return _some(self.images, places).chunks(size, CHUNK)


class Scorer:
    """A saved detector that scores new images.

    Attributes:
        saved: the detector with its threshold, calibration scores and provenance.
    """

    def __init__(self, saved: Saved):
        self.saved = saved

    @classmethod
    def of(cls, study: str, detector: str = "") -> Self:
        """The recommended detector of the report of a study, or the one named.

        Args:
            study: name of the study.
            detector: name of a folder of `reports/<study>/run/detectors/`; empty: the one that the report recommends.

        Raises:
            UserError: there is no such report or no such detector, or it cannot be used; one line.
        """
        run = Run.reported(study, "STUDY")
        names = sorted(path.parent.name for path in run.folder.glob("detectors/*/detector.json"))
        column = detector or run.read("metrics").get("answer", {}).get("column", "")
        if column not in names:
            what = f"DETECTOR={detector}: is" if detector else f"STUDY={study}: its detector {column!r} is"
            raise UserError(
                f"{what} not among the saved detectors{did_you_mean(column, names)}; there are {', '.join(names)}"
            )
        return cls(device.tested(lambda: Saved.load(run.detector(column))))

    @property
    def size(self) -> int:
        """Side of the images that are prepared and measured, pixels."""
        return self.saved.provenance["measured_at"]

    def score(
        self,
        images: str | Path | Sequence[str],
        threshold: float | None = None,
        fdr: float | None = None,
    ) -> pd.DataFrame:
        """Score images.

        Args:
            images: a folder, one file, a list of files, a text file of them (`.txt`), or a manifest (`.csv` or
                `.parquet`) with a column `path` and, where the detector knows groups, `group`.
            threshold: instead of the saved one; it changes the decisions and nothing else.
            fdr: false discovery rate of the column `discovery`; None for no such column.

        Returns:
            One row a file, sorted by name, folders that cannot be read last: `file`; `score`, higher is more abnormal;
            `threshold`; `decision`, `flagged` where the score is above the threshold, else `normal`; `p_value`, see
            `lib.evaluation.discoveries`; `discovery`, `yes` or `no`; and `problem`, why a file could not be read. Such
            a file has no score.

        Raises:
            UserError: there are no images, or none can be read; this version prepares images otherwise than those that
                the detector was fitted on; a number is out of range.
        """
        return self.run(images, threshold, fdr).table

    def score_images(self, images: ImageSet, threshold: float | None = None, fdr: float | None = None) -> pd.DataFrame:
        """Score images in memory; see `score`. The column `file` has their ids.

        Raises:
            UserError: they are prepared otherwise than those that the detector was fitted on.
        """
        self.check(threshold, fdr)
        rules, size = self.saved.provenance["images"], self.size
        if images.channels != rules["channels"]:
            raise UserError(f"images: have {images.channels} channels, and the detector needs {rules['channels']}")
        if images.size != size and images.preparation != rules:
            raise UserError(
                f"images: {images.size} px, and the detector looks at images of {size} px ({rules['resize']}); give "
                "images of that size, or files"
            )
        frame = pd.DataFrame({"file": images.table["id"], "score": self._scores(images), "problem": ""})
        return self._decided(frame, threshold, fdr)

    def run(
        self,
        images: str | Path | Sequence[str],
        threshold: float | None = None,
        fdr: float | None = None,
        beside: Path | None = None,
    ) -> Scored:
        """Score images; see `score`.

        Args:
            images: the images.
            threshold: instead of the saved one.
            fdr: false discovery rate.
            beside: the file that the table is for; finished chunks are kept beside it, so that a run that is stopped
                does not score them again. `clear` removes them.
        """
        self.check(threshold, fdr)
        (new, kept), parts = self.opened(images, beside), []
        with tqdm(total=len(new), desc="Scoring", unit="image", disable=None) as bar:
            for number in range(chunks_of(new)):
                parts.append(self.part(new, kept, number))
                bar.update(len(parts[-1]))
        others = pd.DataFrame(new.unreadable, columns=["file", "problem"])  # such as links to folders
        frame = pd.concat([*parts, others], ignore_index=True)
        unreadable = frame["score"].isna()
        if unreadable.all():
            first = frame.iloc[0]
            raise UserError(
                f"IMAGES={images}: none of {count(len(frame), 'file')} can be read; the first: {first['file']}: "
                f"{first['problem']}"
            )
        measured = frame.loc[~unreadable, ["height", "width", "brightness", "sharpness"]].reset_index(drop=True)
        return Scored(self._decided(frame, threshold, fdr), measured, new)

    def opened(self, images: str | Path | Sequence[str], beside: Path | None) -> tuple[NewImages, Chunks]:
        """The images, and their finished chunks; see `run`."""
        new = NewImages.of(images, self.saved.provenance["images"])
        return new, self._kept(new, beside)

    def part(self, new: NewImages, kept: Chunks, number: int) -> pd.DataFrame:
        """A chunk of the images, of `chunks_of`, from 0; it is scored and kept if it is not finished.

        The chunks can be made by several processes at once: none depends on another.

        Returns:
            One row a file: `file`, `score`, `problem`, and the columns of `Scored.measured`.
        """
        part = kept.get(number)
        if part is None:
            start = number * CHUNK
            part = self._chunk(_some(new, np.arange(start, min(start + CHUNK, len(new)))))
            kept.put(number, part)
        return part

    def drift(self, scored: Scored) -> drift.Drift:
        """Compare the images with the calibration images."""
        saved, scores = self.saved, scored.scores
        own = drift.in_bulk(saved.calibrated["score"].to_numpy()[saved.embedded], saved.calibration)
        bulk = scored.places[drift.in_bulk(scores, saved.calibration)]
        embeddings = calibrated = None
        if saved.embeddings is not None and min(len(bulk), own.sum()) >= drift.ENOUGH:
            read = scored.read(batches.spaced(bulk, drift.ROWS), self.size)
            parts = [saved.detector.embed(images) for images in read]
            embeddings, calibrated = np.concatenate(parts) if parts else None, saved.embeddings[own]
        return drift.of(scores, saved.calibration, scored.measured, saved.calibrated, embeddings, calibrated)

    def false_alarms(self, threshold: float) -> float | None:
        """Expected share of normal images that a threshold flags; None without calibration scores.

        At a threshold that was set by conformal calibration on these scores, it is the exact expectation.
        """
        above = int(thresholds.decide(self.saved.calibration, threshold).sum())
        return (1 + above) / (len(self.saved.calibration) + 1) if len(self.saved.calibration) else None

    def check(self, threshold: float | None, fdr: float | None) -> None:
        """Check the numbers that `run` takes.

        Raises:
            UserError: one is out of range.
        """
        if threshold is not None and not math.isfinite(threshold):
            raise UserError(f"THRESHOLD={threshold}: must be a finite number")
        if fdr is not None and not 0 < fdr < 1:
            raise UserError(f"FDR={fdr:g}: must be more than 0 and less than 1")
        if fdr is not None and not len(self.saved.calibration):
            raise UserError(f"FDR={fdr:g}: the detector has no calibration scores; set `protocol: holdout`")

    def _kept(self, new: NewImages, beside: Path | None) -> Chunks:
        detector = self.saved.detector
        scoring = {name: getattr(detector.options, name) for name in detector.options.scoring}
        state = files.state(new.root, new.files), new.group.tolist()
        return Chunks(beside, cache.content_key(detector.key(), scoring, new.preparation, self.size, state))

    def _chunk(self, new: NewImages) -> pd.DataFrame:
        columns = ["score", "height", "width", "brightness", "sharpness"]
        parts = [pd.DataFrame(columns=["file", *columns]).astype(dict.fromkeys(columns, float))]
        for images in new.chunks(self.size, CHUNK):
            facts = images.table[["height", "width"]].astype(float)
            facts = facts.assign(file=images.table["id"], score=self._scores(images))
            parts.append(pd.concat([facts, measurements.of(images)[["brightness", "sharpness"]]], axis=1))
        frame = pd.DataFrame({"file": new.files}).merge(pd.concat(parts[-1:]), on="file", how="left")
        reasons = dict(new.unreadable)
        return frame.assign(problem=[reasons.get(file, "") for file in frame["file"]])

    def _scores(self, images: ImageSet) -> np.ndarray:
        """Scores that do not depend on which images are scored together, float64 (N,)."""
        scores = np.empty(len(images))
        for start in range(0, len(images), BLOCK):
            rows = np.arange(start, start + BLOCK).clip(max=len(images) - 1)
            scores[start : start + BLOCK] = self.saved.detector.score(images.take(rows))[: len(images) - start]
        return scores

    def _decided(self, frame: pd.DataFrame, threshold: float | None, fdr: float | None) -> pd.DataFrame:
        at = float(self.saved.threshold["value"] if threshold is None else threshold)
        scores = frame["score"].to_numpy(float)
        known = np.isfinite(scores)
        decision = np.full(len(frame), "", object)
        decision[known] = np.array(DECISIONS, object)[thresholds.decide(scores[known], at).astype(int)]
        p_values = discoveries.p_values(scores, self.saved.calibration)
        columns: dict[str, Any] = {"score": scores, "threshold": at, "decision": decision, "p_value": p_values}
        if fdr is not None:
            listed = discoveries.benjamini_hochberg(p_values, fdr)
            columns["discovery"] = np.where(known, np.where(listed, "yes", "no"), "")
        return frame[["file"]].assign(**columns, problem=frame["problem"])


def chunks_of(new: NewImages) -> int:
    """The number of chunks of images."""
    return -(-len(new) // CHUNK)


def _some(new: NewImages, places: np.ndarray) -> NewImages:
    """Some of the images, in the order given."""
    return replace(new, table=new.table.iloc[places].reset_index(drop=True), unreadable=[])
