"""`params`: print a study's parameter set."""

import argparse


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("params", help="print a study's whole parameter set, as papermill takes it")
    parser.add_argument("study", help="a name in params/, or a YAML file")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Print the parameter set as YAML."""
    import yaml

    from lib import params

    values = params.load(arguments.study).model_dump()
    print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), end="")
