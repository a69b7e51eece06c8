"""Makes a study's report: executes, renders, and moves the whole into place.

A report is made in a folder of its own beside the others and replaces the one before only when it is whole.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.core import paths
from lib.core.cache import lock, write_json
from lib.core.errors import UserError
from lib.core.formatting import clock
from lib.params import Parameters
from lib.presentation import text
from lib.report.status import key
from lib.study.run import Run
from lib.study.study import Study


def build(params: Parameters, notice: str = "") -> Path:
    """Executes and renders a study.

    Args:
        params: the study.
        notice: why this study is shown in place of another; printed on its cover.

    Returns:
        Its folder, with `index.html`, a page a notebook, `report.pdf`, `notebooks/` and `run/`.

    Raises:
        UserError: its images cannot be had, a notebook failed, or a page could not be rendered. The report that was
            there before stays; what was made lies in `<study>.failed`.
    """
    with lock(f"report-{params.study}", wait=False):
        opened = Study.open(params)  # before any kernel starts: downloads, prepares, and checks the normal class
        reports = paths.reports_folder()
        reports.mkdir(parents=True, exist_ok=True)
        making = reports / f".{params.study}.making"
        shutil.rmtree(making, ignore_errors=True)
        (making / "notebooks").mkdir(parents=True)
        started = time.monotonic()
        try:
            with _interruptible():
                pages = _make(opened, notice, making, started)
        except UserError as error:
            kept = _keep_failed(params, making, error)
            raise UserError(
                f"{error}\n{params.study}: no report made; what there is lies in {paths.shown(kept)}"
            ) from None
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
        Run(making / "run").write(
            "status",
            {
                "status": "complete",
                "title": params.title,
                "key": key(params, notice),
                "pages": [page.relative_to(making).as_posix() for page in pages],
                "seconds": round(time.monotonic() - started, 1),
            },
        )
        return _put_in_place(making, reports / params.study)


def _make(opened: Study, notice: str, making: Path, started: float) -> list[Path]:
    from lib.report import execute, kept
    from lib.report.render.document import ReportInfo, read_chapters
    from lib.report.render.html import write_site
    from lib.report.render.pdf import write_pdf

    run = Run(making / "run")
    os.environ["ANOMALY_RUN_FOLDER"] = str(run.folder)
    origin, executed = opened.provenance(), []
    try:
        for source in execute.notebooks():
            target = making / "notebooks" / f"{source.stem}.ipynb"
            taken = execute.taken(source, opened.params.model_dump())
            step = kept.Step(opened.params.study, source, target, taken, run, origin)
            if step.restore():
                print(f"{source.stem} kept from before", file=sys.stderr)
            else:
                execute.execute(source, target, taken)
                step.keep()
            executed.append(target)
    finally:
        del os.environ["ANOMALY_RUN_FOLDER"]
    print(f"{'rendering':<15} after {clock(time.monotonic() - started)}", file=sys.stderr)
    manifest, figures = run.read("manifest"), run.read("metrics")
    info = ReportInfo(
        title=opened.params.title,
        description=text.description(opened.params),
        study=opened.params.study,
        notice=notice,
        generated=manifest["created"][:10],
        facts=tuple(_facts(opened, manifest)),
        headline=tuple(text.headline(opened.params, figures)),
    )
    chapters = read_chapters(executed)
    pages = write_site(chapters, info, making)
    write_pdf(chapters, info, making / "report.pdf")
    return [*pages, making / "report.pdf"]


def _facts(opened: Study, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    counts, versions = opened.counts, manifest["versions"]
    yield "Data set", f"{manifest['data']['name']} {manifest['data']['version']}"
    yield "Images", f"{counts['images']:,} in {counts['classes']} classes"
    yield "Normal", f"class {opened.params.normal_class}, {counts['normal']:,} images"
    yield "Anomalies", f"{counts['anomalies']:,} images of the other classes"
    yield "Protocol", opened.params.protocol
    yield "Seed", str(opened.params.seed)
    library = next(name for name in ("tensorflow", "tensorflow-cpu") if name in versions)
    yield "Computed with", f"TensorFlow {versions[library]}, Keras {versions['keras']}, Python {versions['python']}"
    yield "Device", f"{manifest['device']}; {manifest['machine']}"
    yield "Code", manifest["code"]["commit"] or f"files {manifest['code']['files']}"


def _keep_failed(params: Parameters, making: Path, error: UserError) -> Path:
    kept = making.parent / f"{params.study}.failed"
    write_json(
        making / "run" / "status.json",
        {"status": "failed", "title": params.title, "error": str(error).splitlines()[0]},
    )
    shutil.rmtree(kept, ignore_errors=True)
    os.replace(making, kept)
    return kept


def _put_in_place(making: Path, final: Path) -> Path:
    before = final.parent / f".{final.name}.before"
    shutil.rmtree(before, ignore_errors=True)
    if final.exists():
        os.replace(final, before)
    os.replace(making, final)
    shutil.rmtree(before, ignore_errors=True)
    shutil.rmtree(final.parent / f"{final.name}.failed", ignore_errors=True)
    return final


@contextmanager
def _interruptible() -> Iterator[None]:
    """Makes a polite kill (SIGTERM) end like Ctrl-C, so that kernels are stopped and nothing half-made is left."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
