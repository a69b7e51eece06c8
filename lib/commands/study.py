"""`study`: look at a folder of images, say whether they are enough, and write a parameter set for them."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lib.core.traced import plain

if TYPE_CHECKING:
    from lib.evaluation.proposal import Proposal


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser("study", help="make a study of a folder of images, and say whether they are enough")
    parser.add_argument("name", help="name of the study: small letters, digits and _")
    parser.add_argument("images", help="a folder of images, or a manifest (.csv or .parquet)")
    parser.add_argument("--normal", metavar="CLASS", help="the normal class; default: good, ok or normal")
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Write `params/NAME.yaml` and print what the images allow.

    Raises:
        UserError: the name, the images or the normal class will not do, or the images cannot be divided; then no file
            is written.
    """
    from lib.core import paths
    from lib.core.errors import UserError
    from lib.evaluation import proposal, readiness
    from lib.presentation import text

    proposed = proposal.propose(arguments.name, arguments.images, arguments.normal or None)
    findings = readiness.readiness(proposed.study)
    _show(proposed, [text.readiness_cells(finding) for finding in findings])
    print(_wrapped(text.readiness(findings)))
    if proposed.reason:
        raise UserError(f"{arguments.name}: no parameter set is written: {proposed.reason}")
    path = paths.shown(proposal.write(proposed))
    print(f"Written: {path}, with a comment on every key. Next: make report STUDY={arguments.name}")


def _show(proposed: "Proposal", rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Print what was found, the images by class and part, and the checks."""
    from lib.core.characters import readable
    from lib.presentation import tables, text

    study, images = proposed.study, proposed.study.images
    print(_wrapped(readable(f"{images.finding} {study.grouping} Normal: {study.params.normal_class}.")), "\n")
    if not proposed.reason:
        counts = tables.parts_by_class(study.class_names, study.params.normal_class, study.split)
        counts["Class"] = counts["Class"].map(readable)
        print(_table(counts.columns, counts.astype(str).to_numpy().tolist()), "\n")
    short = [(colour, subject, text.plain(f"{found}: {meaning}")) for subject, found, colour, meaning in rows]
    print(_table(("Verdict", "Check", "Found"), short), "\n")


def _wrapped(sentences: str) -> str:
    import textwrap

    return textwrap.fill(plain(sentences), _width(), break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size().columns, 120)


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for the terminal; the last column takes the width that is left."""
    from tabulate import tabulate

    rows = plain(list(rows))
    used = sum(max(len(str(cell)) for cell in column) + 2 for column in list(zip(headers, *rows, strict=True))[:-1])
    limits = [None] * (len(headers) - 1) + [max(_width() - used, 24)]
    return tabulate(
        rows,
        list(headers),
        tablefmt="simple",
        disable_numparse=True,
        maxcolwidths=limits,
        colalign=["left"] * len(headers),
    )
