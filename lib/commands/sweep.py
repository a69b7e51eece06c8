"""`sweep`: many studies at once, and one leaderboard of them."""

import argparse


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("sweep", help="fit and test many detectors in many studies; one leaderboard")
    parser.add_argument("sweep", help="a name in params/sweeps/, or a YAML file")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler; default: workers on this machine")
    parser.add_argument("--results", default="", help="URL that workers write results to, such as s3://bucket/sweeps")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Carry out the sweep, or what is left of it.

    Returns:
        1 if a task failed, else 0.

    Raises:
        UserError: something in the file is wrong, the URL or the images cannot be had, or the scheduler does not
            answer.
    """
    from lib import sweep

    return sweep.carry_out(sweep.load(arguments.sweep), arguments.scheduler, arguments.results)
