"""Make a finished report again, in a folder of its own, from what its run folder says of it."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from lib.core import cache, paths, provenance
from lib.core.errors import UserError
from lib.evaluation.reproduction import Results
from lib.params import Parameters

NEEDED = ("params.json", "manifest.json", "metrics.json", "fits.json", "scores.parquet")


def check_finished(run: Path) -> None:
    """Check that a run folder has all that a comparison needs.

    Raises:
        UserError: a file is missing, or the report was not finished.
    """
    if missing := [name for name in NEEDED if not (run / name).is_file()]:
        raise UserError(f"{paths.shown(run)}: no finished report ({missing[0]} is missing); run make report first")
    status = cache.read_json(run / "status.json") if (run / "status.json").is_file() else {}
    if status.get("status", "complete") != "complete":
        raise UserError(f"{paths.shown(run)}: the report is not complete ({status['status']}); run make report first")


def parameters(run: Path, images: str = "") -> Parameters:
    """The parameters of a run.

    Args:
        run: the run folder.
        images: another place of the images than the run names; only of a study of files.

    Raises:
        UserError: they are not those of this version, or the images are not where they are said to be.
    """
    values = cache.read_json(run / "params.json")
    if images and values.get("dataset") != "folder":
        raise UserError(f"IMAGES={images}: this study's images are the data set {values.get('dataset')}, not a folder")
    if images:
        values["images"] = str(Path(images).expanduser().absolute())
    try:
        params = Parameters.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, problem["loc"]))
        raise UserError(
            f"{paths.shown(run / 'params.json')}: {key}: {problem['msg']}; made by another version"
        ) from None
    if params.dataset == "folder":
        place = Path(os.path.normpath(paths.params_folder() / Path(params.images).expanduser()))
        if not place.exists():
            raise UserError(
                f"{params.study}: its images are needed at {place} (images: {params.images}), and are not there; put "
                "them there, or name their folder: IMAGES=folder"
            )
    return params


def results(run: Path) -> Results:
    """What a run folder holds to compare."""
    return Results(
        cache.read_json(run / "metrics.json"),
        pd.read_parquet(run / "scores.parquet"),
        cache.read_json(run / "fits.json")["fits"],
    )


def changes(manifest: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What differs between the machine, code and versions of a manifest and those of now: name, then, now."""
    now, found = provenance.record(), []
    for name in ("device", "machine"):
        found.append((name, str(manifest.get(name, "unknown")), now[name]))
    code = manifest.get("code", {})
    found.append(("commit", code.get("commit") or "unknown", now["code"]["commit"] or "unknown"))
    found.append(("code files", code.get("files", "unknown"), now["code"]["files"]))
    then = manifest.get("versions", {})
    for package in dict.fromkeys([*then, *now["versions"]]):
        found.append((package, then.get(package, "none"), now["versions"].get(package, "none")))
    return [each for each in found if each[1] != each[2]]


@contextlib.contextmanager
def isolated(folder: Path, source_date: int | None) -> Iterator[None]:
    """Caches and reports of the block go into `folder`, dated as `source_date` says; the environment is put back."""
    before = dict(os.environ)
    os.environ |= {"ANOMALY_CACHE_DIR": str(folder / "cache"), "ANOMALY_REPORTS_DIR": str(folder / "reports")}
    os.environ.pop("SOURCE_DATE_EPOCH", None)
    if source_date is not None:
        os.environ["SOURCE_DATE_EPOCH"] = str(source_date)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def check_data(params: Parameters, manifest: Mapping[str, Any]) -> None:
    """Prepare the images of a study, and check that they are those of a manifest.

    Raises:
        UserError: they are not there, or others.
    """
    from lib import data

    images, wanted = data.load(params), manifest["data"]
    if images.fingerprint == wanted["fingerprint"]:
        return
    renamed = f"; the folder was called {wanted['name']!r}" if images.name != wanted["name"] else ""
    raise UserError(
        f"{params.study}: the images are not those of the report (fingerprint {images.fingerprint}, in the manifest "
        f"{wanted['fingerprint']}{renamed}), so nothing can be reproduced; give the same images"
    )


def rerun(params: Parameters) -> Path:
    """Make the report anew; returns its run folder.

    Raises:
        UserError: a notebook failed.
    """
    from lib.report import build

    try:
        build.build(params)
    except UserError:
        if not (paths.reports_folder() / params.study / "run" / "metrics.json").is_file():
            raise  # else only the PDF is missing, which holds no further figures
    return paths.reports_folder() / params.study / "run"
