"""`compare`: one page that compares two finished reports."""

import argparse


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("compare", help="one page that compares two finished reports")
    parser.add_argument("studies", nargs=2, metavar="study", help="a study whose report is there")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Write the page.

    Raises:
        UserError: a report is missing or not complete, or its images are not there.
    """
    from lib.core import paths
    from lib.report import side_by_side

    first, second = arguments.studies
    page = side_by_side.compare(first, second)
    print(f"{first} and {second}: {paths.shown(page)} ({page.stat().st_size / 1e6:.1f} MB)")
