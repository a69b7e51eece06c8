"""Execute notebooks with papermill, and check that each ran to its end.

papermill saves a notebook as complete when its kernel dies, and only warns of parameters that a notebook does not
declare; so a notebook gets the parameters that it declares, the verdict is ours, and papermill's metadata are removed.
"""

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import NoSuchKernel
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from lib.core import provenance
from lib.core.cache import replacing
from lib.core.characters import terminal
from lib.core.errors import UserError
from lib.core.formatting import clock
from lib.params import Parameters
from lib.report import uptodate, verdicts
from lib.report.kernel import LOG, START_SECONDS, Kernel
from lib.report.verdicts import Verdict

LOG_SECONDS = 30.0
OUTPUT_SECONDS = 60  # in which the last output of a cell has to come after its end
INTERRUPT_SECONDS = 2  # that an interrupted cell has to leave its traceback
BAR = "{desc:<15} {percentage:3.0f}% |{bar:20}| {n_fmt}/{total_fmt} cells, {elapsed}{postfix}"


class NotebookFailed(UserError):
    """A notebook did not run to its end.

    Attributes:
        verdict: which notebook could not be executed, and why.
    """

    def __init__(self, notebook: Path, verdict: Verdict, log: Path) -> None:
        place = f"{notebook.stem}.py" + (f", cell {verdict.cell}" if verdict.cell else "")
        written = verdict.verdict != verdicts.CELL_ERROR and log.is_file() and log.stat().st_size
        see = f"; see {log.name} beside the notebook" if written else ""
        super().__init__(f"{place}: {verdict.error}{see}")
        self.verdict = verdict


def convert(source: Path, target: Path, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a jupytext `.py` notebook to an `.ipynb`, not executed.

    Args:
        source: the notebook's text.
        target: the `.ipynb` to write.
        parameters: a whole parameter set.

    Returns:
        Those of the parameters that the notebook declares.
    """
    nbformat.write(uptodate.read(source), target)
    declared = papermill.inspect_notebook(target)
    return {name: parameters[name] for name in declared if name in parameters}


def execute(
    notebook: Path,
    parameters: Mapping[str, Any],
    cell_minutes: float = Parameters.model_fields["cell_minutes"].default,
    notebook_minutes: float = Parameters.model_fields["notebook_minutes"].default,
    kernel: Kernel | None = None,
) -> None:
    """Execute an `.ipynb` in place; on failure it is saved as far as it came.

    Args:
        notebook: as `convert` wrote it.
        parameters: those that it declares.
        cell_minutes: that a cell may run for; then it is interrupted, and its kernel is ended.
        notebook_minutes: that all cells together may run for.
        kernel: that executes it, after others; a new one if not given.

    Raises:
        NotebookFailed: an error in a cell, a dead kernel, a timeout, or a cell that was not executed.
        OSError: the notebook could not be saved.
    """
    if kernel is None:
        with Kernel(notebook.with_name(LOG)) as kernel:
            return execute(notebook, parameters, cell_minutes, notebook_minutes, kernel)
    attempt = _Attempt(kernel, cell_minutes * 60, notebook_minutes * 60)
    _log(f"{notebook.stem} ...")
    try:
        papermill.execute_notebook(  # without cwd, which changes that of this whole process; the kernel has its own
            notebook,
            notebook,
            dict(parameters),
            engine_name="report",
            kernel_name="python3",
            log_output=True,
            attempt=attempt,
            progress_bar={"desc": notebook.stem, "bar_format": BAR, "disable": None, "file": sys.stderr},
        )
    except (CellExecutionError, CellTimeoutError, DeadKernelError, NoSuchKernel, RuntimeError, OSError) as error:
        of_disk = isinstance(error, OSError) and not isinstance(error, CellTimeoutError)
        if of_disk and not (attempt.starting and kernel.process is None):
            raise
        _tidy(notebook)
        raise NotebookFailed(notebook, attempt.verdict(error), kernel.log) from None
    _tidy(notebook, timeless=provenance.source_date() is not None)
    if verdict := _unfinished(nbformat.read(notebook, as_version=4).cells):
        raise NotebookFailed(notebook, verdict, kernel.log)
    _log(f"{notebook.stem} took {clock(time.monotonic() - attempt.started)}")


@dataclass
class _Attempt:
    """One execution of a notebook, and the evidence of how it ended."""

    kernel: Kernel
    cell_seconds: float
    notebook_seconds: float
    started: float = field(default_factory=time.monotonic)
    begun: float = field(default_factory=time.monotonic)  # again when the kernel is there
    killings: int = field(default_factory=verdicts.killings)
    starting: bool = False
    cell: int | None = None
    exceeded: str = ""

    def seconds(self, _: object = None) -> float:
        """How long the next cell may run."""
        return max(min(self.cell_seconds, self.begun + self.notebook_seconds - time.monotonic()), 0.001)

    def too_long(self) -> str:
        """Which limit was exceeded."""
        if time.monotonic() - self.begun >= self.notebook_seconds:
            return f"the notebook ran for more than notebook_minutes, {self.notebook_seconds / 60:g} min"
        return f"the cell ran for more than cell_minutes, {self.cell_seconds / 60:g} min"

    def verdict(self, error: BaseException) -> Verdict:
        """The verdict after an exception."""
        if self.exceeded:
            return Verdict(verdicts.TIMED_OUT, self.cell, self.exceeded)
        if isinstance(error, CellExecutionError):
            return verdicts.of_error(error.ename, error.evalue, self.cell)
        if isinstance(error, CellTimeoutError):
            return Verdict(verdicts.TIMED_OUT, self.cell, f"its output did not arrive within {OUTPUT_SECONDS} s")
        if self.kernel.process is None:
            return Verdict(verdicts.KERNEL_DIED, None, verdicts.line(f"its kernel could not be started: {error}"))
        if self.cell is None and time.monotonic() - self.started >= START_SECONDS:
            return Verdict(verdicts.TIMED_OUT, None, f"its kernel did not start within {START_SECONDS} s")
        more = verdicts.killings() - self.killings
        return verdicts.of_dead_kernel(self.kernel.process.poll(), self.kernel.log, more, self.cell)


def _unfinished(cells: list[nbformat.NotebookNode]) -> Verdict | None:
    """Look for what papermill does not report: cells that were not executed, and errors that were not raised."""
    for index, cell in enumerate(cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            return Verdict(verdicts.CELL_ERROR, _number(cells, index), "the cell was not executed")
        for output in cell.outputs:
            if output.output_type == "error":
                return verdicts.of_error(output.ename, output.evalue, _number(cells, index))
    return None


def _number(cells: list[nbformat.NotebookNode], index: int) -> int:
    """Number of a cell in the notebook's text, from 1: without the cell that papermill puts in."""
    return 1 + index - sum("injected-parameters" in cell.metadata.get("tags", []) for cell in cells[:index])


def _tidy(path: Path, *, timeless: bool = False) -> None:
    """Remove papermill's metadata: the cells that it says are completed, times and folders; and its random cell id.

    Args:
        path: of the notebook.
        timeless: remove what else tells when and how fast cells ran: their own times, and progress bars.
    """
    notebook = nbformat.read(path, as_version=4)
    for part in (notebook, *notebook.cells):
        part.metadata.pop("papermill", None)
    for cell in notebook.cells:
        if timeless:
            cell.metadata.pop("execution", None)
        if timeless and cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "parameters"
    with replacing(path) as temporary:
        nbformat.write(notebook, temporary)


def _log(line: str) -> None:
    """Write a line to a log file; on a terminal the progress bar says the same."""
    if not sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)


class _Client(PapermillNotebookClient):
    """Keeps what tells how an execution ended, and shows what a cell last wrote to standard error.

    That is the epoch, the loss, the time left. On a terminal it stands behind the progress bar; a log file gets a line
    at most every `LOG_SECONDS`.
    """

    _logged = 0.0

    def __init__(self, nb_man: Any, attempt: _Attempt, **options: Any) -> None:
        limits = {"timeout_func": attempt.seconds, "timeout": max(int(attempt.cell_seconds), 1)}
        super().__init__(nb_man, km=attempt.kernel.manager, **limits, **options)
        self.attempt = attempt

    def execute(self) -> nbformat.NotebookNode:
        """Execute the notebook in the kernel, which stays."""
        kernel = self.attempt.kernel
        self.attempt.starting = True
        kernel.clear()
        kernel.start()
        self.attempt.starting = False
        self.kc = kernel.client
        try:
            return super().execute()
        finally:
            kernel.client = self.kc

    def papermill_execute_cells(self) -> None:
        """Execute the cells; papermill's own would mark one as completed that was not.

        The notebook is saved after the last one, or after a failure, and not twice a cell.
        """
        self.attempt.begun = time.monotonic()
        path, self.nb_man.output_path = self.nb_man.output_path, None
        try:
            for index, cell in enumerate(self.nb.cells):
                self.attempt.cell = _number(self.nb.cells, index)
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
                self.nb_man.cell_complete(cell, cell_index=index)
        finally:
            self.nb_man.output_path = path

    async def _async_handle_timeout(self, timeout: float, cell: nbformat.NotebookNode | None = None) -> None:
        self.attempt.exceeded = self.attempt.too_long()
        with contextlib.suppress(Exception):
            await self.km.interrupt_kernel()  # for the traceback, which says where it hung
            await asyncio.sleep(INTERRUPT_SECONDS)
        raise CellTimeoutError(self.attempt.exceeded)

    def log_output_message(self, output: nbformat.NotebookNode) -> None:
        if output.output_type != "stream" or output.name != "stderr":
            return
        lines = [line.strip() for line in re.split(r"[\r\n]", output.text) if line.strip()]
        if not lines:
            return
        if sys.stderr.isatty() and self.nb_man.pbar:
            self.nb_man.pbar.set_postfix_str(terminal(re.sub(r"\[[# ]*\] ", "", lines[-1])[:80]))
        elif time.monotonic() - self._logged >= LOG_SECONDS:
            self._logged = time.monotonic()
            print(f"    {terminal(lines[-1])}", file=sys.stderr, flush=True)


class _Engine(NBClientEngine):
    """papermill's own engine with `_Client`."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, log_output=False, attempt=None, **_):
        client = _Client(
            nb_man,
            attempt,
            startup_timeout=START_SECONDS,
            iopub_timeout=OUTPUT_SECONDS,
            kernel_name=kernel_name,
            log_output=log_output,
        )
        return client.execute()


papermill_engines.register("report", _Engine)
