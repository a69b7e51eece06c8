"""Two finished reports on one page, `reports/comparisons/<A>_and_<B>.html`."""

from contextlib import ExitStack
from pathlib import Path

from pydantic import ValidationError

from lib import data
from lib.core import cache, checksums, paths
from lib.core.errors import UserError
from lib.evaluation.paired import Finished
from lib.params import Parameters
from lib.presentation import compared
from lib.report import rerun, studies
from lib.report.attempts import study_lock
from lib.study import Run


def compare(first: str, second: str) -> Path:
    """Write the page of two studies.

    Both reports are checked before anything is computed.

    Args:
        first: Name of a study with a complete report, A.
        second: Name of another, B.

    Returns:
        The page.

    Raises:
        UserError: The names are equal; a report is missing, not complete or being made; or the images of one are no
            longer those that it was made of.
    """
    if first == second:
        raise UserError(f"STUDIES: {first} is named twice; name two different studies")
    for name in (first, second):
        Run.reported(name, "STUDIES")  # first, since a lock makes a file for any name
    with ExitStack() as locks:
        for name in sorted((first, second)):
            locks.enter_context(study_lock(name))
        params = [_check_complete(name) for name in (first, second)]
        opened = tuple(_opened(*each) for each in zip((first, second), params, strict=True))
        page = paths.reports_folder() / studies.COMPARISONS / f"{first}_and_{second}.html"
        compared.write_page(opened, page)
    studies.write_index(paths.reports_folder())
    return page


def _check_complete(name: str) -> Parameters:
    """Check that a report is complete, with all that the page needs; returns the parameters that it was made with."""
    run, cure = _run(name), f"run `make report STUDY={name}` first"
    status = cache.read_object(run.folder / "status.json")
    if status.get("status") != "complete":
        raise UserError(f"STUDIES: the report of {name} is not complete; {cure}")
    needed = [*rerun.NEEDED, "split.csv"]
    if missing := [file for file in needed if not (run.folder / file).is_file()]:
        raise UserError(f"STUDIES: the report of {name} has no {missing[0]}; {cure}")
    recorded = status.get("files", {})
    now = checksums.of(run.folder.parent, [f"run/{file}" for file in needed])
    if damaged := [file for file in now if now[file] != recorded.get(file)]:
        raise UserError(f"STUDIES: the report of {name} has a {damaged[0]} that was changed or damaged since; {cure}")
    answer = cache.read_object(run.folder / "metrics.json").get("answer", {})
    if not run.complete or answer.get("column") not in run.fits():
        raise UserError(f"STUDIES: the report of {name} is of another version, or has no answer; {cure}")
    try:
        return Parameters.model_validate(run.read("params"))
    except ValidationError:
        raise UserError(f"STUDIES: the parameters of {name} are of another version; {cure}") from None


def _opened(name: str, params: Parameters) -> Finished:
    """A study with the images that its report was made of."""
    finished = Finished(params, _run(name), data.load(params))
    if finished.images.fingerprint != finished.manifest["data"]["fingerprint"]:
        raise UserError(
            f"STUDIES: the images of {name} have changed since its report, or are prepared in another way now; run "
            f"`make report STUDY={name}` first"
        )
    return finished


def _run(name: str) -> Run:
    return Run(paths.reports_folder() / name / "run")
