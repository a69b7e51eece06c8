"""`deliver`: one zip with a study's report, results, detector and descriptions, to hand to someone else."""

import argparse
from pathlib import Path


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("deliver", help="one zip with a study's report, results and detector")
    parser.add_argument("study", help="a study whose report is there: a name in params/, or a YAML file")
    parser.add_argument("--out", type=Path, help="the zip to write; default: reports/<study>.zip")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Write the zip.

    Raises:
        UserError: there is no complete, up-to-date report of the study, or the zip cannot be written.
    """
    from lib import params
    from lib.core import paths
    from lib.report import delivery

    study = params.load(arguments.study)
    path = delivery.deliver(study, arguments.out)
    print(f"{study.study}: {paths.shown(path)} ({path.stat().st_size / 1e6:.1f} MB)")
    if named := delivery.absolute(study):
        print(f"It contains paths of this machine, since the parameter set names them: {', '.join(named)}")
