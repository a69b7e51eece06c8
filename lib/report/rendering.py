"""Write the pages and the PDF of a study from its executed notebooks and its run folder."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from lib.core import traced
from lib.core.characters import readable
from lib.core.errors import UserError
from lib.presentation import explorer, first_page
from lib.presentation.memo import Memo
from lib.presentation.text.first_page import question
from lib.report.render.appendix import appendix
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import Chapter, ReportInfo
from lib.report.render.pdf import write_pdf
from lib.study import Run, Study


def render(study: Study, notebooks: Sequence[Path], notice: str, folder: Path) -> tuple[list[Path], str]:
    """Render executed notebooks into a folder.

    Args:
        study: of the report.
        notebooks: the executed notebooks, in the order of the chapters.
        notice: printed on the cover.
        folder: takes the pages; its `run/` is the run folder.

    Returns:
        The pages, the PDF last, and why there is no PDF, if so.
    """
    run = Run(folder / "run")
    manifest = run.read("manifest")
    info = _info(study, run, manifest, notice, first_page.memo(study, run))
    chapters = read_chapters(notebooks, _appendix(study, manifest))
    explored = bool(len(study.anomalies))  # without anomalies there is nothing to trade false alarms against
    typesetting, stop = Event(), Event()
    with ThreadPoolExecutor(1) as pool:  # Typst computes outside Python, so that both take the time of one
        pdf = pool.submit(_write_pdf, chapters, info, folder / "report.pdf", typesetting, stop)
        try:
            typesetting.wait()
            pages = write_site(chapters, info, folder, explorer=explored)
            if explored:
                pages.append(explorer.write_explorer(study, run, folder, info.generated))
            problem = pdf.result()
        except BaseException:
            stop.set()
            raise
    if problem:  # the pages say so
        write_site(chapters, replace(info, pdf_problem=problem), folder, explorer=explored)
    return ([*pages] if problem else [*pages, folder / "report.pdf"]), problem


def render_finished(
    study: Study, notebooks: Sequence[Path], to_come: Sequence[Path], notice: str, folder: Path
) -> list[Path]:
    """Render the pages of the first chapters while others are still to come.

    Args:
        study: of the report.
        notebooks: the executed notebooks, in the order of the chapters.
        to_come: the texts of the others.
        notice: printed on the cover.
        folder: as for `render`.

    Returns:
        The pages and their pictures.
    """
    run, manifest = Run(folder / "run"), study.provenance()  # the run folder has none before fits begin
    info = replace(
        _info(study, run, manifest, notice, Memo(question(study.params, study.counts["anomalies"]))),
        to_come=len(to_come),
        files=(),  # they are whole when the report is
    )
    return write_site(read_chapters(notebooks, _appendix(study, manifest), to_come), info, folder)


def _info(study: Study, run: Run, manifest: dict[str, Any], notice: str, memo: Memo) -> ReportInfo:
    return ReportInfo(
        title=study.params.title,
        study=study.params.study,
        notice=notice,
        generated=manifest["created"][:10],
        facts=tuple(_facts(study, manifest)),
        memo=memo,
        metrics=run.read("metrics") if (run.folder / "metrics.json").is_file() else {},
    )


def _appendix(study: Study, manifest: dict[str, Any]) -> Any:
    return appendix(manifest, study.params.model_dump())


def _write_pdf(chapters: Sequence[Chapter], info: ReportInfo, path: Path, typesetting: Event, stop: Event) -> str:
    """Write the PDF; return why it could not be made, empty if it was. The pages are published either way."""
    try:
        write_pdf(chapters, info, path, typesetting, stop)
    except (KeyboardInterrupt, SystemExit):
        raise
    except UserError as error:
        problem = str(error)
    except BaseException as error:  # a panic of Typst's compiler is no Exception
        problem = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
    else:
        return ""
    finally:
        typesetting.set()
    return " ".join(problem.split())


@traced.marks
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
