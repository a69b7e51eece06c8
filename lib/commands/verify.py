"""`verify`: compare every number of a finished report with what its scores give."""

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.report.verification import Verification

MOST = 40  # differences that are printed
KINDS = {
    "metrics": "name their place in metrics.json",
    "cell": "name the cell of a notebook that computed them",
    "file": "name another file of the run",
    "alternative": "stand in the descriptions of figures",
    "explorer": "on the page that moves the threshold, from the scores in it",
    "written": "have no source: they were written in the text by hand",
}


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("verify", help="compare every number of a finished report with its scores")
    parser.add_argument("study", help="a name in params/, or a YAML file")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Verify a report.

    Returns:
        0 if every number is right, 1 if one is not.

    Raises:
        UserError: there is no complete report of the study.
    """
    from lib import params
    from lib.core import cache, paths
    from lib.core.errors import UserError

    named = params.load(arguments.study)
    folder = paths.reports_folder() / named.study
    try:
        status = cache.read_json(folder / "run" / "status.json")
    except (OSError, ValueError):
        status = {}
    if status.get("status") != "complete":
        raise UserError(f"{paths.shown(folder)}: no complete report; make one with make report STUDY={arguments.study}")
    from lib.report import rerun, verification
    from lib.study import Study

    print(f"{named.study}: computing its figures again from the scores, and its pages from the notebooks")
    study = Study.open(rerun.parameters(folder / "run"))
    result = verification.verify(folder, study, status.get("notice", ""))
    _say(result)
    return 1 if result.problems else 0


def _say(result: "Verification") -> None:
    total = sum(result.counts[kind] for kind in KINDS)
    print(f"{total:,} numbers on the web pages{'; the PDF was compared too' if result.pdf else '; there is no PDF'}")
    for kind, words in KINDS.items():
        print(f"  {result.counts[kind]:6,} {words}")
    for name, numbers in result.written.items():
        if numbers:
            print(f"         {name}: {', '.join(numbers)}")
    for line in result.problems[:MOST]:
        print(line, file=sys.stderr)
    more = len(result.problems) - MOST
    if more > 0:
        print(f"... and {more:,} more", file=sys.stderr)
    print("verified: every number is right" if not result.problems else f"{len(result.problems):,} differences")
