"""Build a study's report: execute its notebooks, render them, and replace the last report by the new one.

A report is made in a hidden folder beside the others, and takes its place only when it is complete and on the disk,
with `run/status.json` written last. Each executed notebook is cached at once, so what was finished before a failure, an
interruption or a kill is not executed again. What is slow to import comes after the kernels have started.
"""

import os
import secrets
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.core import checksums, paths, provenance
from lib.core.cache import publish, write_json
from lib.core.errors import UserError
from lib.core.formatting import clock
from lib.core.imports import import_all
from lib.params import Parameters
from lib.report import verdicts
from lib.report.attempts import clear, study_lock
from lib.report.early import Early
from lib.report.kernels import Kernels
from lib.report.verdicts import Verdict

if TYPE_CHECKING:
    from lib.study import Study


def build(params: Parameters, notice: str = "") -> Path:
    """Execute and render a study, and list it with the others in `index.html` beside its folder.

    Args:
        params: the study.
        notice: why this study is shown instead of another; printed on its cover.

    Returns:
        Its folder, with `index.html`, a page for each notebook, `report.pdf`, `notebooks/` and `run/`.

    Raises:
        UserError: the images are unavailable, a notebook failed, or a page could not be rendered. The last report
            stays; the unfinished one is in `<study>.failed`, and the list of reports says what failed. Or only the PDF
            could not be made: then the new report is there without it, and says why.
        OSError: the disk; the last report stays.
    """
    reports = paths.reports_folder()
    provenance.source_date()  # refused before any work
    with study_lock(params.study), _signals_as_interrupt():
        clear(params.study)
        folder = reports / f".{params.study}.making.{secrets.token_hex(4)}"  # not the place of a killed run's kernel
        (folder / "notebooks").mkdir(parents=True)
        started = time.monotonic()
        found: dict[str, Verdict] = {}
        try:
            key, study, notebooks = _execute(params, notice, folder, found)
            print(f"{'rendering':<15} after {clock(time.monotonic() - started)}", file=sys.stderr)
            from lib.report.rendering import render

            pages, pdf_problem = render(study, notebooks, notice, folder)
            status = {
                "status": "complete",
                **_verdicts(found),
                "title": params.title,
                "notice": notice,
                "key": key,
                "pages": [page.relative_to(folder).as_posix() for page in pages],
                "pdf": pdf_problem,
                "seconds": None if provenance.source_date() is not None else round(time.monotonic() - started, 1),
                "files": checksums.of(folder),
            }
            write_json(folder / "run" / "status.json", status)
        except Exception as error:
            if not found:  # the images cannot be had
                raise
            failed = _move_to_failed(folder, params, error, found)
            if not isinstance(error, UserError):
                raise
            where = f"; the unfinished one is in {paths.shown(failed)}" if failed else ""
            raise UserError(f"{error}; {params.study}: no report was made{where}") from None
        else:
            from lib.report import studies

            with _without_interrupts():
                publish(folder, reports / params.study)
                shutil.rmtree(reports / f"{params.study}.failed", ignore_errors=True)
                studies.write_index(reports)
        finally:
            clear(params.study)
    if pdf_problem:
        index = paths.shown(reports / params.study / "index.html")
        raise UserError(
            f"{params.study}: the pages are complete, {index}, but the PDF could not be made: {pdf_problem}"
        )
    return reports / params.study


def _execute(
    params: Parameters, notice: str, folder: Path, found: dict[str, Verdict]
) -> tuple[str, "Study", list[Path]]:
    """Execute the notebooks; return the key of the report as well."""
    with Kernels(params, folder) as kernels, Early(folder, notice, found) as early:
        if not (paths.cache_folder() / "pages" / params.study).exists():  # nothing can be up to date
            kernels.start()
        import_all("lib.report.chapters")
        from lib.report import chapters, uptodate

        key = uptodate.report_key(params, notice)  # of the code as it is now, whatever is edited in the meantime
        return key, *chapters.execute_all(params, folder, found, kernels, early)


def _verdicts(found: dict[str, Verdict]) -> dict[str, Any]:
    """The verdict on each notebook, and on the whole that of the first that is not ok, as `status.json` has them."""
    failed = [each.verdict for each in found.values() if each.verdict != verdicts.OK]
    whole = next((each for each in failed if each != verdicts.NEVER_RAN), failed[0] if failed else verdicts.OK)
    return {"verdict": whole, "notebooks": {stem: verdict.record() for stem, verdict in found.items()}}


def _move_to_failed(folder: Path, params: Parameters, error: Exception, found: dict[str, Verdict]) -> Path | None:
    """Keep a failed attempt beside the reports and list it; None where the disk does not allow it."""
    from lib.report import studies

    failed = folder.parent / f"{params.study}.failed"
    status = {"status": "failed", **_verdicts(found), "title": params.title, "error": verdicts.in_a_line(error)}
    if status["verdict"] == verdicts.OK:
        status["verdict"] = verdicts.NOT_RENDERED
    try:
        shutil.rmtree(failed, ignore_errors=True)
        write_json(folder / "run" / "status.json", status)
        os.replace(folder, failed)
        studies.write_index(folder.parent)
    except OSError:
        return None
    return failed


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM and SIGHUP like Ctrl-C, so that kernels are stopped and no unfinished files stay."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    heard = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let these signals wait for the end of the block, so that what is published is also listed."""
    waiting = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
