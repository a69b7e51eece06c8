"""A small study of files in a folder, fitted once a session, with its saved detectors and some new files to score."""

import functools
import os
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from lib.core import paths
from lib.evaluation import comparison
from lib.evaluation.evaluate import threshold_record
from lib.params import Parameters
from lib.study import Run, Study, export, fit_all

HOSTILE = "=1+1 <b>&'é<img src=x onerror=alert(1)>.png"
COLUMNS = ("features_combined_32_px", "mean_image")  # one that can do everything, and one that can only score


def write(folder: Path, digit: int, start: int, stop: int, **changes) -> list[str]:
    """Writes digits as PNG files of 48 × 64 pixels; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle, names = load_digits(), []
    for number, image in enumerate(bundle.images[bundle.target == digit][start:stop]):
        pixels = np.kron(np.rint(image / 16 * 255), np.ones((6, 8))) * changes.get("gain", 1)
        names.append(f"{digit}_{number:03d}.png")
        Image.fromarray(pixels.astype(np.uint8)).save(folder / names[-1])
    return names


@functools.cache
def studied() -> tuple[Study, Run, Path]:
    """The study, its run in the reports' folder, and the folder of its images."""
    images = paths.cache_folder() / "small_folder"
    write(images / "parts" / "good", 8, 0, 150)
    write(images / "parts" / "bad", 3, 0, 30)
    params = Parameters(
        study="small_parts",
        title="Small <parts> & more",
        dataset="folder",
        images=str(images / "parts"),
        normal_class="good",
        detector="auto",
        protocol="holdout",
        image_size=32,
        threshold_rule="target_fpr",
        target_fpr=0.1,
        fit_share=0.3,
        calibration_share=0.5,
        validation_share=0.2,
        duplicates="keep",
        detectors=[{"combined": {"size": 32}}],
    )
    study, run = Study.open(params), Run(paths.reports_folder() / params.study / "run")
    fitted = fit_all(study, run)
    for column in COLUMNS:
        at, alpha, _ = comparison.calibrate(study, run, column)
        export(study, run, fitted[column], column, threshold_record(at) | {"target": 0.1, "alpha": alpha})
    run.update_metrics({"answer": {"column": COLUMNS[0]}})
    return study, run, images / "parts"


def new_images(folder: Path) -> Path:
    """Writes new files: 20 normal ones, 12 anomalies, one with a hostile name, and two that cannot be read."""
    write(folder / "good", 8, 150, 170)
    write(folder / "bad", 3, 30, 42)
    os.link(folder / "bad" / "3_000.png", folder / HOSTILE)
    (folder / "cut.png").write_bytes((folder / "good" / "8_000.png").read_bytes()[:70])
    (folder / "empty.jpg").write_bytes(b"")
    return folder
