"""`report`: execute and render a study into `reports/`."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.params import Parameters

PUBLISHED, EMBEDDED = "airplanes", "digits"


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("report", help="execute and render a study into reports/")
    parser.add_argument(
        "study",
        nargs="?",
        help=f"a name in params/, or a YAML file; default: {PUBLISHED}, or {EMBEDDED} if its images are unavailable",
    )
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Build the report of a study unless it is up to date.

    Without a study, this is the published one; where its images are unavailable, the embedded one with a notice.
    """
    from lib import params
    from lib.report.attempts import study_lock

    study = params.load(arguments.study or PUBLISHED)
    with study_lock(study.study):  # before the slow imports, so that a second command is told at once
        reason = "" if arguments.study or _is_current(study) else _why_unavailable(study)
        if not reason:
            _build(study)
            return
    from lib import data

    print(f"{reason}\nRendering the embedded study, {EMBEDDED}, instead.", file=sys.stderr)
    reason = reason.replace(str(data.data_folder()), "the data folder")  # no path of this machine in a report
    notice = (
        f"This is the embedded study, {EMBEDDED}, and not the published one, {PUBLISHED}, because its images are not "
        f"available: {reason}."
    )
    embedded = params.load(EMBEDDED)
    with study_lock(embedded.study):
        _build(embedded, notice)


def _why_unavailable(study: "Parameters") -> str:
    """Why the images of a study are neither on disk nor downloadable; empty if they are there now."""
    from lib import data

    if reason := data.missing(study):
        return reason
    try:
        data.load(study)
    except data.Unavailable as error:
        return str(error)
    return ""


def _build(study: "Parameters", notice: str = "") -> None:
    from lib.core import paths
    from lib.report import attempts

    attempts.clear(study.study)
    folder = paths.reports_folder() / study.study
    if _is_current(study, notice):
        from lib.report import uptodate

        if not uptodate.is_listed(folder):  # the process that made it was killed
            from lib.report import studies

            studies.write_index(folder.parent)
        print(f"{study.study}: nothing has changed; {paths.shown(folder)} is up to date")
        return
    print(_announcement(study), flush=True)  # at once: the imports that follow are slow
    from lib.report import build

    build.build(study, notice)
    print(f"{study.study}: {paths.shown(folder / 'report.pdf')} and {paths.shown(folder / 'index.html')}")


def _is_current(study: "Parameters", notice: str = "") -> bool:
    from lib.core import paths

    if not (paths.reports_folder() / study.study).exists():
        return False
    from lib.report import uptodate  # slow to import

    return uptodate.is_current(study, notice)


def _announcement(study: "Parameters") -> str:
    """What will be done, and how long it took before: here, or where the benchmark was run."""
    from lib.core import cache, paths
    from lib.core.formatting import clock
    from lib.report.early import SOON

    count = len([*paths.notebooks_folder().glob("[0-9][0-9]_*.py")])
    target = paths.shown(paths.reports_folder() / study.study)
    line = f"{study.study}: executing up to {count} notebooks, then rendering them into {target}"
    seconds = cache.read_object(paths.reports_folder() / study.study / "run" / "status.json").get("seconds")
    measured = cache.read_object(paths.ROOT / "benchmarks" / "profile.json").get(f"{study.study}, oneDNN on")
    if seconds:
        line += f"; the last report took {clock(seconds)}"
    elif measured:
        seconds = measured["seconds"]
        line += f"; it took {clock(seconds)} on {measured['cores']} cores"
    if not seconds or seconds > 2 * SOON:
        index = paths.shown(paths.reports_folder() / "index.html")
        line += f"\nFinished chapters can be read while others are made: {index}"
    return line
