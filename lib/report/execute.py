"""Executes a study's notebooks with papermill, and judges by itself whether each ran to its end.

papermill saves a notebook as complete when its kernel dies, and only warns of parameters that a notebook does not
declare; so what each notebook takes is read here, and its outputs are looked at before they are believed.
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

from lib.core import paths
from lib.core.errors import UserError
from lib.core.formatting import clock

LOG_SECONDS = 30.0
CELL_TIMEOUT = 4 * 3600  # seconds; a cell that hangs fails in the end, and no fit of this suite takes so long


class NotebookFailed(UserError):
    """A notebook did not run to its end."""


def notebooks() -> list[Path]:
    """The notebooks of every study, in order."""
    return sorted(paths.notebooks_folder().glob("[0-9][0-9]_*.py"))


def execute(source: Path, target: Path, parameters: Mapping[str, Any]) -> None:
    """Executes one notebook.

    Args:
        source: a jupytext `.py` notebook.
        target: the executed `.ipynb`; its folder must exist. Also written, as far as it came, on failure.
        parameters: a whole parameter set; the notebook is given those it declares.

    Raises:
        NotebookFailed: an error in a cell, a dead kernel, a timeout, or a cell that never ran.
    """
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number:03d}"  # jupytext's are random, and pages should be the same every time
    nbformat.write(notebook, target)
    log = target.with_suffix(".log")
    started = time.monotonic()
    if not sys.stderr.isatty():
        print(f"{source.stem} ...", file=sys.stderr, flush=True)
    try:
        papermill.execute_notebook(
            target,
            target,
            {key: parameters[key] for key in declared(notebook) if key in parameters},
            engine_name="report",
            kernel_name="python3",
            cwd=str(paths.notebooks_folder()),
            execution_timeout=CELL_TIMEOUT,
            log_output=True,
            kernel_log=log,
            progress_bar={"desc": source.stem, "bar_format": _bar(), "disable": None, "file": sys.stderr},
        )
    except PapermillExecutionError as error:
        line = " ".join(f"{error.ename}: {error.evalue}".split())
        raise NotebookFailed(f"{source.name}, cell {error.cell_index + 1}: {line[:300]}") from None
    except DeadKernelError:
        raise NotebookFailed(
            f"{source.name}: its kernel died; most often memory has run out, and {log.name} beside the notebook "
            "has its last words"
        ) from None
    except CellTimeoutError:
        raise NotebookFailed(f"{source.name}: a cell ran for more than {CELL_TIMEOUT // 3600} hours") from None
    except RuntimeError as error:
        raise NotebookFailed(f"{source.name}: {' '.join(str(error).split())[:300]}") from None
    _believe(source, target)
    log.unlink()
    if not sys.stderr.isatty():
        print(f"{source.stem} took {clock(time.monotonic() - started)}", file=sys.stderr, flush=True)


def taken(source: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a study's parameters that a notebook declares."""
    return {key: parameters[key] for key in declared(jupytext.read(source)) if key in parameters}


def declared(notebook: nbformat.NotebookNode) -> list[str]:
    """Names that a notebook's `parameters` cell sets."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    return re.findall(r"(?m)^(\w+)\s*[:=]", cells[0].source) if cells else []


def _believe(source: Path, target: Path) -> None:
    """Looks for what papermill does not tell: cells that never ran, and errors that nobody raised."""
    for number, cell in enumerate(nbformat.read(target, as_version=4).cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            raise NotebookFailed(f"{source.name}: stopped before cell {number + 1}")
        for output in cell.outputs:
            if output.output_type == "error":
                raise NotebookFailed(f"{source.name}, cell {number + 1}: {output.ename}: {output.evalue}")


def _bar() -> str:
    return "{desc:<15} {percentage:3.0f}% |{bar:20}| {n_fmt}/{total_fmt} cells, {elapsed}{postfix}"


class _Client(PapermillNotebookClient):
    """Shows what a cell last wrote to standard error: the epoch, the loss, the time left.

    On a terminal it stands behind the progress bar; in a log file it becomes a line now and then.
    """

    _logged = 0.0

    def log_output_message(self, output: nbformat.NotebookNode) -> None:
        if output.output_type != "stream" or output.name != "stderr":
            return
        last = [part.strip() for part in re.split(r"[\r\n]", output.text) if part.strip()]
        if not last:
            return
        if sys.stderr.isatty() and self.nb_man.pbar:
            self.nb_man.pbar.set_postfix_str(re.sub(r"\[[# ]*\] ", "", last[-1])[:80])
        elif time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            print(f"    {last[-1]}", file=sys.stderr, flush=True)


class _Engine(NBClientEngine):
    """papermill's own engine with `_Client` in it, and what the kernel process itself writes kept off the terminal."""

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
