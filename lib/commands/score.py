"""`score`: score new images with the detector that a report recommends."""

import argparse
import re
import sys
from pathlib import Path


def add(subparsers) -> argparse.ArgumentParser:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "score",
        help="score new images with the detector that a report recommends",
        description="Score new images. Ends with 0 if nothing is flagged, 1 if something is, and 2 after an error.",
    )
    parser.add_argument("study", help="a study whose report is there")
    parser.add_argument("images", help="a folder, one file, a list of files (.txt) or a manifest (.csv, .parquet)")
    parser.add_argument("--out", type=Path, help="table to write, .csv or .parquet; beside it a page, .html")
    parser.add_argument("--detector", default="", help="another saved detector than the recommended one")
    parser.add_argument("--threshold", type=float, help="another threshold than that of the report")
    parser.add_argument("--scheduler", default="", help="address of a Dask scheduler whose workers score the images")
    parser.add_argument("--fdr", type=float, help="false discovery rate of a list of discoveries, such as 0.1")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Score the images, write the table and the page, and print a summary.

    Returns:
        0 if nothing is flagged, 1 if something is, 2 after an error, 130 if interrupted.
    """
    from lib.core.errors import UserError

    out = arguments.out or _default(arguments.study, arguments.images)
    try:
        return int(_score(arguments, out) > 0)
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"score: {error.filename or out}: {error.strerror or error}; nothing was written") from None
    except KeyboardInterrupt:
        print("stopped; the same command goes on with the images that are not scored yet", file=sys.stderr)
        return 130


def _score(arguments: argparse.Namespace, out: Path) -> int:
    """Does what `run` says; returns how many images are flagged."""
    from lib.core import paths
    from lib.core.characters import readable
    from lib.evaluation import scoring
    from lib.presentation import scored as presented

    scoring.check_output(out, arguments.images)
    scorer = scoring.Scorer.of(arguments.study, arguments.detector)
    print(f"{arguments.study}: scoring with {readable(scorer.saved.provenance['label'])}", file=sys.stderr)
    if arguments.scheduler:
        from lib.sweep import shards

        scorer.check(arguments.threshold, arguments.fdr)
        shards.score(scorer, arguments.study, arguments.detector, arguments.images, out, arguments.scheduler)
    scored = scorer.run(arguments.images, arguments.threshold, arguments.fdr, beside=out)
    drift = scorer.drift(scored)
    page = out.with_suffix(".html")
    presented.write_page(scorer, scored, drift, page, arguments.fdr)
    scoring.write(scored.table, out)
    scoring.clear(out)
    for line in presented.unreadable(scored):
        print(readable(line), file=sys.stderr)
    print(*map(readable, presented.summary(scorer, scored, drift, arguments.fdr)), sep="\n")
    print(f"{paths.shown(out)} and {paths.shown(page)}")
    return scored.flagged


def _default(study: str, images: str) -> Path:
    """`reports/<study>.scores/<name of the images>.csv`: not in the report's folder, which the next report replaces."""
    from lib.core import paths

    name = re.sub(r"[^\w.-]+", "_", Path(images).absolute().stem).strip("._") or "images"
    return paths.reports_folder() / f"{study}.scores" / f"{name}.csv"
