"""Build a study's report: execute its notebooks, render them, and replace the last report by the new one.

A report is made in a hidden folder beside the others, and takes its place only when it is complete.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from lib.core import paths, provenance
from lib.core.cache import lock, write_json
from lib.core.characters import readable
from lib.core.errors import UserError
from lib.core.formatting import clock
from lib.params import Parameters
from lib.presentation import explorer, first_page
from lib.report import uptodate
from lib.study import Run, Study


def build(params: Parameters, notice: str = "") -> Path:
    """Execute and render a study, and list it with the others in `index.html` beside its folder.

    Args:
        params: the study.
        notice: why this study is shown instead of another; printed on its cover.

    Returns:
        Its folder, with `index.html`, a page for each notebook, `report.pdf`, `notebooks/` and `run/`.

    Raises:
        UserError: the images are unavailable, a notebook failed, or a page could not be rendered. The last report
            stays; the unfinished one is in `<study>.failed`. Or only the PDF could not be made: then the new report is
            there without it, and says why.
    """
    from lib.report import studies

    with lock(f"report-{params.study}", wait=False):
        key = uptodate.report_key(params, notice)  # of the code as it is now, whatever is edited in the meantime
        study = Study.open(params)  # before any kernel starts: downloads and prepares images, checks the normal class
        folder = paths.reports_folder() / f".{params.study}.making"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "notebooks").mkdir(parents=True)
        started = time.monotonic()
        try:
            with _sigterm_as_interrupt():
                notebooks = _execute(study, folder)
                print(f"{'rendering':<15} after {clock(time.monotonic() - started)}", file=sys.stderr)
                pages, pdf_problem = _render(study, notebooks, notice, folder)
        except UserError as error:
            failed = _move_to_failed(folder, params, error)
            raise UserError(
                f"{error}\n{params.study}: no report was made; the unfinished one is in {paths.shown(failed)}"
            ) from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        status = {
            "status": "complete",
            "title": params.title,
            "key": key,
            "pages": [page.relative_to(folder).as_posix() for page in pages],
            "pdf": pdf_problem,
            "seconds": round(time.monotonic() - started, 1) if provenance.source_date() is None else None,
        }
        write_json(folder / "run" / "status.json", status)
        report = _replace(folder, paths.reports_folder() / params.study)
        studies.write_index(report.parent)
    if pdf_problem:
        index = paths.shown(report / "index.html")
        raise UserError(
            f"{params.study}: the pages are complete, {index}, but the PDF could not be made: {pdf_problem}"
        )
    return report


def _execute(study: Study, folder: Path) -> list[Path]:
    """Execute the notebooks into `folder`, or take them from the cache; return the executed notebooks."""
    from lib.report import execute

    run_folder, provenance, executed = folder / "run", study.provenance(), []
    os.environ["ANOMALY_RUN_FOLDER"] = str(run_folder)
    try:
        for source in uptodate.notebooks(study):
            target = folder / "notebooks" / f"{source.stem}.ipynb"
            parameters = execute.convert(source, target, study.params.model_dump())
            execution = uptodate.Execution(study.params.study, source, target, parameters, run_folder, provenance)
            if execution.restore():
                print(f"{source.stem} is up to date", file=sys.stderr)
            else:
                execute.execute(target, parameters)
                execution.save()
            executed.append(target)
    finally:
        del os.environ["ANOMALY_RUN_FOLDER"]
    return executed


def _render(study: Study, notebooks: list[Path], notice: str, folder: Path) -> tuple[list[Path], str]:
    """Render executed notebooks into `folder`; return the pages, the PDF last, and why there is no PDF, if so."""
    from lib.report.render.appendix import appendix
    from lib.report.render.document import read_chapters
    from lib.report.render.html import write_site
    from lib.report.render.model import ReportInfo

    run = Run(folder / "run")
    manifest = run.read("manifest")
    info = ReportInfo(
        title=study.params.title,
        study=study.params.study,
        notice=notice,
        generated=manifest["created"][:10],
        facts=tuple(_facts(study, manifest)),
        memo=first_page.memo(study, run),
    )
    chapters = read_chapters(notebooks, appendix(manifest, study.params.model_dump()))
    problem = _write_pdf(chapters, info, folder / "report.pdf")
    info = replace(info, pdf_problem=problem)
    explored = bool(len(study.anomalies))  # without anomalies there is nothing to trade false alarms against
    pages = write_site(chapters, info, folder, explorer=explored)
    if explored:
        pages.append(explorer.write_explorer(study, run, folder, info.generated))
    return ([*pages] if problem else [*pages, folder / "report.pdf"]), problem


def _write_pdf(chapters: list[Any], info: Any, path: Path) -> str:
    """Write the PDF; return why it could not be made, empty if it was. The pages are published either way."""
    from lib.report.render.pdf import write_pdf

    try:
        write_pdf(chapters, info, path)
    except (KeyboardInterrupt, SystemExit):
        raise
    except UserError as error:
        problem = str(error)
    except BaseException as error:  # a panic of Typst's compiler is no Exception
        problem = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
    else:
        return ""
    return " ".join(problem.split())


def _facts(study: Study, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    counts, versions = study.counts, manifest["versions"]
    yield "Data set", f"{manifest['data']['name']} {manifest['data']['version']}"
    yield "Images", f"{counts['images']:,} in {counts['classes']} classes"
    yield "Normal", f"class {readable(study.params.normal_class)}, {counts['normal']:,} images"
    yield "Anomalies", f"{counts['anomalies']:,} images of the other classes" if counts["anomalies"] else "none"
    yield "Protocol", study.params.protocol
    yield "Seed", str(study.params.seed)
    library = next(name for name in ("tensorflow", "tensorflow-cpu") if name in versions)
    yield "Computed with", f"TensorFlow {versions[library]}, Keras {versions['keras']}, Python {versions['python']}"
    yield "Device", f"{manifest['device']}; {manifest['machine']}"
    yield "Code", manifest["code"]["commit"] or f"files {manifest['code']['files']}"


def _move_to_failed(folder: Path, params: Parameters, error: UserError) -> Path:
    failed = folder.parent / f"{params.study}.failed"
    status = {"status": "failed", "title": params.title, "error": str(error).splitlines()[0]}
    write_json(folder / "run" / "status.json", status)
    shutil.rmtree(failed, ignore_errors=True)
    os.replace(folder, failed)
    return failed


def _replace(folder: Path, final: Path) -> Path:
    before = final.parent / f".{final.name}.before"
    shutil.rmtree(before, ignore_errors=True)
    if final.exists():
        os.replace(final, before)
    os.replace(folder, final)
    shutil.rmtree(before, ignore_errors=True)
    shutil.rmtree(final.parent / f"{final.name}.failed", ignore_errors=True)
    return final


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C, so that kernels are stopped and no unfinished files stay."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
