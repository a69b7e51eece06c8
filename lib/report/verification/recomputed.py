"""A report's figures computed again from its scores: the cells of its chapters, without kernels, figures and fits."""

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from lib.core import cache
from lib.presentation import show
from lib.report import uptodate
from lib.report.kernels import FITTING
from lib.study import Run, Study, about

NOT_FROM_SCORES = ("pixels",)  # of metrics.json: measured on heat maps while fitting
SHOWN = ("figure", "table", "prose", "nothing")

Outputs = dict[str, list[dict[str, Any]]]  # of the cells of a notebook, by id


@dataclass(frozen=True)
class Recomputed:
    """What a run's scores give.

    Attributes:
        metrics: as `metrics.json` should be.
        outputs: by the stem of each notebook that was executed again, what its cells show.
        failures: why a notebook cannot be executed again, one line each.
    """

    metrics: dict[str, Any]
    outputs: dict[str, Outputs]
    failures: list[str]


def recompute(study: Study, run: Run) -> Recomputed:
    """Compute everything again that a report says about the scores of its run, in a copy of the run folder.

    Args:
        study: of the report.
        run: its run folder, which stays as it is.
    """
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        copy = Run(Path(temporary) / "run")
        shutil.copytree(run.folder, copy.folder, ignore=shutil.ignore_patterns("detectors", "metrics.json"))
        kept = {key: value for key, value in run.read("metrics").items() if key in NOT_FROM_SCORES}
        copy.update_metrics({**about(study), **kept})
        outputs, failures = {}, []
        with _run_folder(copy.folder):
            for path in _chapters(study):
                try:
                    outputs[path.stem] = executed(path, study.params.model_dump())
                except Exception as error:  # what files that were changed make of a cell is not known beforehand
                    why = " ".join(f"{type(error).__name__}: {error}".split())
                    failures.append(f"notebooks/{path.stem}.ipynb: cannot be executed again with these files: {why}")
        return Recomputed(cache.read_json(copy.folder / "metrics.json"), outputs, failures)


def _chapters(study: Study) -> list[Path]:
    return [path for path in uptodate.notebooks(study) if path.stem != FITTING]


def executed(path: Path, parameters: Mapping[str, Any]) -> Outputs:
    """Execute the code of a notebook, without its figures; what each cell shows in a report, by the cell's id."""
    cells = run_cells(uptodate.read(path), path.stem, parameters, draw=False)
    return {cell.id: [_said(*output) for output in shown if output[1]["kind"] in SHOWN] for cell, shown in cells}


def run_cells(
    notebook: nbformat.NotebookNode, name: str, parameters: Mapping[str, Any], *, draw: bool
) -> Iterator[tuple[nbformat.NotebookNode, show.Outputs]]:
    """Execute the code of a notebook in this process, cell by cell.

    Args:
        notebook: of `lib.report.uptodate.read`.
        name: of the notebook, for errors.
        parameters: a whole parameter set; the notebook takes those that it declares.
        draw: whether figures are drawn.

    Yields:
        Each cell of code, with what it showed.
    """
    names: dict[str, Any] = {"__name__": "notebook"}
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        with show.captured(draw=draw) as shown, contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell.source, f"{name}, cell {number}", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {name: value for name, value in parameters.items() if name in names}
        yield cell, shown


def of_notebook(path: Path) -> Outputs:
    """What the cells of an executed notebook show in a report, by the cell's id."""
    outputs: Outputs = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            shown = [output for output in cell.outputs if output.get("metadata", {}).get("report")]
            pairs = [(output.get("data", {}), output.metadata.report) for output in shown]
            outputs[cell.id] = [_said(bundle, about) for bundle, about in pairs if about["kind"] in SHOWN]
    return outputs


def _said(bundle: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """What an output says in words and numbers, and where it has its numbers from."""
    return {"markdown": bundle.get("text/markdown", ""), **{key: about[key] for key in sorted(about)}}


@contextlib.contextmanager
def _run_folder(folder: Path) -> Iterator[None]:
    before = os.environ.get("ANOMALY_RUN_FOLDER")
    os.environ["ANOMALY_RUN_FOLDER"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("ANOMALY_RUN_FOLDER")
        if before is not None:
            os.environ["ANOMALY_RUN_FOLDER"] = before
