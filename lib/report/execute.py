"""Execute notebooks with papermill, and check that each ran to its end.

papermill saves a notebook as complete when its kernel dies, and only warns of parameters that a notebook does not
declare; so a notebook gets the parameters that it declares, and its cells are checked afterwards.
"""

import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from lib.core import paths, provenance
from lib.core.errors import UserError
from lib.core.formatting import clock

LOG_SECONDS = 30.0
CELL_TIMEOUT = 4 * 3600  # seconds; longer than any fit of this suite, so only a cell that hangs reaches it
BAR = "{desc:<15} {percentage:3.0f}% |{bar:20}| {n_fmt}/{total_fmt} cells, {elapsed}{postfix}"


class NotebookFailed(UserError):
    """A notebook did not run to its end."""


def convert(source: Path, target: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a jupytext `.py` notebook to an `.ipynb`, not executed.

    Args:
        source: the notebook's text.
        target: the `.ipynb` to write.
        parameters: a whole parameter set.

    Returns:
        Those of the parameters that the notebook declares.
    """
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number:03d}"  # jupytext's ids are random, and pages should be the same every time
    nbformat.write(notebook, target)
    declared = papermill.inspect_notebook(target)
    return {name: parameters[name] for name in declared if name in parameters}


def execute(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Execute an `.ipynb` in place; on failure it is saved as far as it came.

    Args:
        notebook: as `convert` wrote it.
        parameters: those that it declares.

    Raises:
        NotebookFailed: an error in a cell, a dead kernel, a timeout, or a cell that was not executed.
    """
    log = notebook.with_suffix(".log")
    started = time.monotonic()
    _log(f"{notebook.stem} ...")
    try:
        papermill.execute_notebook(
            notebook,
            notebook,
            dict(parameters),
            engine_name="report",
            kernel_name="python3",
            cwd=str(paths.notebooks_folder()),
            execution_timeout=CELL_TIMEOUT,
            log_output=True,
            kernel_log=log,
            progress_bar={"desc": notebook.stem, "bar_format": BAR, "disable": None, "file": sys.stderr},
        )
    except PapermillExecutionError as error:
        raise _failed(notebook, f"{error.ename}: {error.evalue}", error.cell_index + 1) from None
    except DeadKernelError:
        problem = f"its kernel died; a common cause is too little memory, see {log.name} beside the notebook"
        raise _failed(notebook, problem) from None
    except CellTimeoutError:
        raise _failed(notebook, f"a cell ran for more than {CELL_TIMEOUT // 3600} hours") from None
    except RuntimeError as error:
        raise _failed(notebook, str(error)) from None
    _check(notebook)
    if provenance.source_date() is not None:
        _remove_times(notebook)
    log.unlink()
    _log(f"{notebook.stem} took {clock(time.monotonic() - started)}")


def _check(notebook: Path) -> None:
    """Look for what papermill does not report: cells that were not executed, and errors that were not raised."""
    for number, cell in enumerate(nbformat.read(notebook, as_version=4).cells, start=1):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            raise _failed(notebook, f"stopped before cell {number}")
        for output in cell.outputs:
            if output.output_type == "error":
                raise _failed(notebook, f"{output.ename}: {output.evalue}", number)


def _remove_times(notebook: Path) -> None:
    """Remove what tells when and where cells ran, and their progress bars; give papermill's own cell a lasting id."""
    written = nbformat.read(notebook, as_version=4)
    written.metadata.pop("papermill", None)
    for cell in written.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected"
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    nbformat.write(written, notebook)


def _failed(notebook: Path, problem: str, cell: int | None = None) -> NotebookFailed:
    place = f"{notebook.stem}.py" + (f", cell {cell}" if cell else "")
    return NotebookFailed(f"{place}: {' '.join(problem.split())[:300]}")


def _log(line: str) -> None:
    """Write a line to a log file; on a terminal the progress bar says the same."""
    if not sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


class _Client(PapermillNotebookClient):
    """Shows what a cell last wrote to standard error: the epoch, the loss, the time left.

    On a terminal it stands behind the progress bar; a log file gets a line at most every `LOG_SECONDS`.
    """

    _logged = 0.0

    def log_output_message(self, output: nbformat.NotebookNode) -> None:
        if output.output_type != "stream" or output.name != "stderr":
            return
        lines = [line.strip() for line in re.split(r"[\r\n]", output.text) if line.strip()]
        if not lines:
            return
        if sys.stderr.isatty() and self.nb_man.pbar:
            self.nb_man.pbar.set_postfix_str(re.sub(r"\[[# ]*\] ", "", lines[-1])[:80])
        elif time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            print(f"    {lines[-1]}", file=sys.stderr, flush=True)


class _Engine(NBClientEngine):
    """papermill's own engine with `_Client`; what the kernel's process writes goes to a file, not to the terminal."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man, kernel_name, log_output=False, execution_timeout=None, kernel_log=None, **_
    ):
        client = _Client(
            nb_man,
            timeout=execution_timeout,
            startup_timeout=120,
            kernel_name=kernel_name,
            log_output=log_output,
        )
        with open(kernel_log, "wb") as log:
            return client.execute(stdout=log, stderr=log)


papermill_engines.register("report", _Engine)
