"""`reproduce`: make a finished report again from its manifest, and say of each figure whether it is the same."""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "reproduce",
        help="make a finished report again elsewhere and compare every figure",
        description="Make a finished report again in a fresh folder, with nothing taken from the cache, and compare "
        "every metric and score. Ends with 0 if nothing is different, 1 if something is, and 2 after an error.",
    )
    parser.add_argument("study", nargs="?", default="", help="a study whose report is there")
    parser.add_argument("--crate", default="", help="a zip that `make deliver` wrote, instead of a study")
    parser.add_argument("--images", default="", help="folder of the images, if not where the study says")
    parser.add_argument("--out", type=Path, help="folder for the second run and the result; new or empty")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Run the study again, compare, and write `reproduction.json` and `reproduction.txt`.

    Returns:
        0 if nothing is different, 1 if something is, 2 after an error, 130 if interrupted.
    """
    from lib.core.errors import UserError

    if bool(arguments.study) == bool(arguments.crate):
        raise UserError("reproduce: give a study or a crate, such as STUDY=digits or CRATE=digits.zip")
    folder = _own_folder(arguments.out, arguments.study or Path(arguments.crate).stem)
    try:
        return _compared(arguments, folder)
    except BaseException as error:
        if arguments.out is None:
            shutil.rmtree(folder, ignore_errors=True)
        if not isinstance(error, KeyboardInterrupt):
            raise
        print("stopped; the finished report is unchanged", file=sys.stderr)
        return 130


def _compared(arguments: argparse.Namespace, folder: Path) -> int:
    """Does what `run` says, in a folder of its own."""
    from lib.core import cache, paths, unpacking
    from lib.evaluation import reproduction
    from lib.presentation import reproduced
    from lib.report import rerun

    if arguments.crate:
        delivered = unpacking.unpack(Path(arguments.crate), folder / "crate")
        print(f"{arguments.crate}: {unpacking.check_sums(delivered):,} files are as listed", file=sys.stderr)
        finished = delivered / "run"
    else:
        finished = paths.reports_folder() / arguments.study / "run"
    rerun.check_finished(finished)
    params, manifest = rerun.parameters(finished, arguments.images), cache.read_json(finished / "manifest.json")
    before, changed = rerun.results(finished), rerun.changes(manifest)
    print(*reproduced.changes(changed), sep="\n", flush=True)
    with rerun.isolated(folder, manifest.get("source_date")):
        rerun.check_data(params, manifest)
        after = rerun.results(rerun.rerun(params))
    shutil.rmtree(folder / "cache", ignore_errors=True)
    found, noise = reproduction.compare(before, after), reproduction.seed_noise(before.metrics)
    record, lines = reproduced.record(params.study, found, noise, changed), reproduced.lines(params.study, found, noise)
    cache.write_json(folder / "reproduction.json", record)
    with cache.replacing(folder / "reproduction.txt") as text:
        text.write_text("\n".join([*reproduced.changes(changed), "", *lines]) + "\n", encoding="utf-8")
    print("", *lines, f"{paths.shown(folder)}: reproduction.json, reproduction.txt and the second run", sep="\n")
    return int(record["verdict"] == reproduction.DIFFERENT)


def _own_folder(out: Path | None, name: str) -> Path:
    """The folder of the second run: the one named, which has to be new or empty, or a temporary one."""
    from lib.core.errors import UserError

    if out is None:
        return Path(tempfile.mkdtemp(prefix=f"reproduce-{re.sub(r'[^A-Za-z0-9_]', '_', name)[:60]}-"))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"OUT={out}: is there already and not an empty folder; name a new one")
    out.mkdir(parents=True, exist_ok=True)
    return out.absolute()
