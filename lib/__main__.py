"""The command line, a thin face over the rooms: `python -m lib report [STUDY]`."""

import argparse
import sys

from lib.core import paths
from lib.core.errors import UserError

PUBLISHED, EMBEDDED = "airplanes", "digits"


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Returns:
        0 if all went well, 2 with one clear line on standard error if something is a person's to mend, 130 if
        interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m lib", description="Notebook reports for image anomaly detection.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="execute and render a study into reports/")
    report.add_argument("study", nargs="?", help="a name in params/, or a YAML file; default: airplanes, else digits")
    report.set_defaults(run=lambda given: _report(given.study))
    show = commands.add_parser("params", help="print a study's whole parameter set, as papermill takes it")
    show.add_argument("study")
    show.set_defaults(run=lambda given: _params(given.study))
    given = parser.parse_args(arguments)
    try:
        given.run(given)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; what was fitted is kept, and the last whole report stays", file=sys.stderr)
        return 130
    return 0


def _report(study: str | None) -> None:
    from lib import params

    if study:
        _build(params.load(study), notice="")
        return
    from lib import data
    from lib.report import status

    wanted = params.load(PUBLISHED)
    if status.current(wanted):
        _build(wanted, notice="")
        return
    reason = data.missing(wanted)
    if not reason:
        try:
            data.load(wanted)
        except data.Unavailable as error:
            reason = str(error)
    if not reason:
        _build(wanted, notice="")
        return
    print(f"{reason}\nRendering the embedded study, {EMBEDDED}, instead.", file=sys.stderr)
    notice = (
        f"This is the embedded study, {EMBEDDED}, and not the published one, {PUBLISHED}, because its images could not "
        f"be had: {_on_paper(reason)}."
    )
    _build(params.load(EMBEDDED), notice)


def _build(chosen, notice: str) -> None:
    from lib.report import status

    where = paths.reports_folder() / chosen.study
    if status.current(chosen, notice):
        print(f"{chosen.study}: nothing has changed; {paths.shown(where)} is up to date")
        return
    from lib.report import build, studies

    folder = build.build(chosen, notice)
    studies.write_index(folder.parent)
    print(f"{chosen.study}: {paths.shown(folder / 'report.pdf')} and {paths.shown(folder / 'index.html')}")


def _params(study: str) -> None:
    import yaml

    from lib import params

    print(yaml.safe_dump(params.load(study).model_dump(), sort_keys=False, allow_unicode=True), end="")


def _on_paper(reason: str) -> str:
    """A reason without the folders of one machine."""
    from lib import data

    return reason.replace(str(data.data_folder()), "the data folder")


if __name__ == "__main__":
    sys.exit(main())
