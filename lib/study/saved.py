"""A fitted detector with all that it needs in use: its threshold, calibration scores, and what normal images look like.

It lies in `run/detectors/<column>/`, and is read without the study's images.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from lib import detectors
from lib.core import cache, paths
from lib.core.errors import UserError
from lib.data import ImageSet, measurements
from lib.detectors import Detector, batches
from lib.params import LIMITS
from lib.study import heat_maps
from lib.study.fits import Fitted
from lib.study.run import Run
from lib.study.study import Study

EMBEDDED = 500  # calibration images whose embeddings are kept
THUMBNAILS = 5_000  # images fitted on whose pictures are kept
SIDE, QUALITY = 96, 85  # of a picture: longer side in pixels, and of the JPEG
CHUNK = 256  # images in memory at one time
# What reading may raise.
DAMAGED = (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Saved:
    """A detector as `export` saved it.

    Attributes:
        folder: where it lies.
        detector: the fitted detector.
        threshold: `value`, `rule`, `saw`, and `target` and `alpha`, the false alarm rate that it should keep to and
            the one that it aims at; these two only where it aims at one.
        calibration: scores that the threshold may have seen, float64 (n,); see `export`.
        calibrated: one row a calibration image: `id`, `score`, `group`, `height`, `width` (of the original, pixels),
            `brightness` and `sharpness`; no rows where the study holds no images out.
        embeddings: of the rows `embedded` of `calibrated`, float32 (k, D); None where the detector has none.
        scale: values of the detector's heat maps that are drawn as 0 and as 1; None where it has none.
        provenance: where it comes from, with `images`, how images have to be prepared, and `measured_at`, the size that
            they are measured at, pixels.
    """

    folder: Path
    detector: Detector
    threshold: Mapping[str, Any]
    calibration: np.ndarray
    calibrated: pd.DataFrame
    embeddings: np.ndarray | None
    scale: tuple[float, float] | None
    provenance: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> "Saved":
        """Reads a saved detector.

        Raises:
            UserError: a file is missing or cannot be read, or the detector was saved by an earlier version.
        """
        folder = Path(folder)
        try:
            scale = _if_there(folder / "heat_map.json", cache.read_json)
            return cls(
                folder=folder,
                detector=detectors.load(folder),
                threshold=cache.read_json(folder / "threshold.json"),
                calibration=np.load(folder / "calibration.npy"),
                calibrated=pd.read_parquet(folder / "calibration.parquet"),
                embeddings=_if_there(folder / "embeddings.npy", np.load),
                scale=scale and (scale["low"], scale["high"]),
                provenance=cache.read_json(folder / "provenance.json"),
            )
        except DAMAGED as error:
            raise _unreadable(folder, error) from None

    @cached_property
    def embedded(self) -> np.ndarray:
        """Rows of `calibrated` that have an embedding, int (k,)."""
        return batches.spaced(np.arange(len(self.calibrated)), EMBEDDED)

    @cached_property
    def _normal(self) -> dict[str, np.ndarray]:
        try:
            return _if_there(self.folder / "normal.npz", lambda path: dict(np.load(path))) or {}
        except DAMAGED as error:
            raise _unreadable(self.folder, error) from None

    def normal(self, index: int) -> tuple[str, bytes] | None:
        """Id and picture (JPEG) of an image fitted on, by what the detector's `nearest` says; None if none is kept."""
        if not 0 <= index < len(self._normal.get("ids", ())):
            return None
        ends = self._normal["ends"]
        start = ends[index - 1] if index else 0
        return str(self._normal["ids"][index]), self._normal["jpegs"][start : ends[index]].tobytes()


def size_of(detector: Detector, size: int) -> int:
    """Side of the images that a detector looks at, pixels; `size` where it does not say."""
    return getattr(detector, "size", None) or getattr(detector.options, "image_size", size)


def export(study: Study, run: Run, fitted: Fitted, column: str, threshold: dict[str, Any]) -> None:
    """Saves a fitted detector, ready for use, into `detectors/<column>/` of the run folder.

    `calibration.npy` holds the scores that the threshold may have seen: of the calibration set, then, where there are
    any, of the images fitted on, each left out in turn. The other files are described in `Saved`. What a detector
    cannot do, it has no file of.

    Args:
        study: with the split that it was fitted on.
        run: the run.
        fitted: the detector.
        column: its name in the run.
        threshold: `value`, `rule` and `saw`, as JSON keeps them, and where it aims at a rate, `target` and `alpha`.
    """
    ids, detector = study.images.table["id"].to_numpy(), fitted.spec.create()
    with cache.replacing_folder(run.detector(column)) as making:
        if any(hasattr(detector, name) for name in ("embed", "heatmap")) or not fitted.copied(making):
            detector = fitted.detector(study)
            detector.save(making)
        size = size_of(detector, study.images.size)
        cache.write_json(making / "threshold.json", threshold)
        left_out = run.arrays("left_out", column).get("scores", np.empty(0))
        np.save(making / "calibration.npy", np.r_[fitted.scores[study.split.calibration], left_out])
        _calibrated(study, fitted, size).to_parquet(making / "calibration.parquet", index=False)
        if hasattr(detector, "embed") and len(study.split.calibration):
            rows = batches.spaced(study.split.calibration, EMBEDDED)
            parts = [detector.embed(images) for images in _chunks(study.images, rows)]
            np.save(making / "embeddings.npy", np.concatenate(parts))
        if hasattr(detector, "heatmap") and len(study.split.calibration):
            low, high = heat_maps.scale(study, detector)
            cache.write_json(making / "heat_map.json", {"low": low, "high": high})
        if hasattr(detector, "nearest"):
            np.savez(making / "normal.npz", **_pictures(study, size))
        cache.write_json(
            making / "provenance.json",
            {
                "label": fitted.spec.label,
                "column": column,
                "images": study.images.preparation,
                "measured_at": size,
                "fitted_on": ids[study.split.fit].tolist(),
                "calibrated_on": ids[study.split.calibration].tolist(),
                "params": study.params.model_dump(exclude=LIMITS),
                **run.read("manifest"),
            },
        )


def _calibrated(study: Study, fitted: Fitted, size: int) -> pd.DataFrame:
    """`Saved.calibrated`."""
    rows = study.split.calibration
    facts = study.images.table.iloc[rows][["id", "height", "width"]].reset_index(drop=True)
    measured = measurements.of(study.images.at(size), rows)[["brightness", "sharpness"]]
    facts.insert(1, "score", fitted.scores[rows])
    facts.insert(2, "group", study.images.column("group")[rows].astype(str))
    return pd.concat([facts, measured], axis=1)


def _pictures(study: Study, size: int) -> dict[str, np.ndarray]:
    """Ids and pictures of the images fitted on, in the order of the detector, which is ascending: `normal.npz`.

    The pictures are JPEGs one after another in `jpegs`, uint8; `ends` has where each ends.
    """
    rows = np.sort(study.split.fit)[:THUMBNAILS]
    jpegs = [
        thumbnail(picture, (row.height, row.width))
        for images in _chunks(study.images, rows)
        for picture, row in zip(images.pixels(size), images.table.itertuples(), strict=True)
    ]
    return {
        "ids": study.images.table["id"].to_numpy()[rows].astype(str),
        "ends": np.cumsum([len(jpeg) for jpeg in jpegs]),
        "jpegs": np.frombuffer(b"".join(jpegs), np.uint8),
    }


def thumbnail(picture: np.ndarray, shape: tuple[int, int], side: int = SIDE) -> bytes:
    """A small JPEG of a prepared image, in the proportions of its original.

    Args:
        picture: uint8 (H, W, C), C 1 or 3.
        shape: height and width of the original.
        side: longer side of the JPEG, pixels.
    """
    height, width = (max(round(side * length / max(shape)), 1) for length in shape)
    small = Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture)
    buffer = io.BytesIO()
    small.resize((width, height), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _chunks(images: ImageSet, rows: np.ndarray) -> Iterator[ImageSet]:
    for start in range(0, len(rows), CHUNK):
        yield images.take(rows[start : start + CHUNK])


def _unreadable(folder: Path, error: Exception) -> UserError:
    missing = isinstance(error, FileNotFoundError)  # that of pyarrow has the name as its text
    reason = f"no {Path(error.filename or str(error)).name}" if missing else " ".join(str(error).split())[:160]
    return UserError(f"{paths.shown(folder)}: not a detector that this version saved ({reason}); run make report again")


def _if_there(path: Path, read) -> Any:
    return read(path) if path.is_file() else None
