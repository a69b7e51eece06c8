"""Write the delivery of a study: collect the files, describe them, list their checksums, and pack them."""

import tempfile
from pathlib import Path

from lib.core import paths
from lib.core.cache import replacing, write_json
from lib.core.errors import UserError
from lib.params import Parameters
from lib.report.attempts import study_lock
from lib.report.delivery import archive, contents, crate, croissant, model_card
from lib.report.delivery.facts import Facts
from lib.study import Saved

CARD, CRATE, DATA = "model_card.md", "ro-crate-metadata.json", "croissant.json"


def deliver(params: Parameters, out: Path | None = None) -> Path:
    """Write one zip with all that a study's report, results and detector need.

    The zip is complete or not there: it is made beside its place under another name. The same report gives the same
    bytes. Before it is packed, the pages are checked for links to files that it does not hold, and the detector is
    loaded from it.

    Args:
        params: The study.
        out: The zip; default: `reports/<study>.zip`.

    Returns:
        The zip. All files in it are in one folder, named after the study.

    Raises:
        UserError: There is no complete report of these parameters, or the zip cannot be put there.
    """
    out = Path(out or paths.reports_folder() / f"{params.study}.zip").absolute()
    _check(out, paths.reports_folder() / params.study)
    with study_lock(params.study):
        report = contents.finished_report(params)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as temporary:
            folder = Path(temporary) / params.study
            contents.collect(report, params, folder)
            facts = Facts.of(folder)
            describe(facts)
            Saved.load(facts.detector)
            with replacing(out) as unfinished:
                archive.write(folder, unfinished, facts.date)
    return out


def describe(facts: Facts) -> None:
    """Write the descriptions of a folder that `contents.collect` filled, each of what is there before it."""
    folder = facts.folder
    if facts.params.images:
        croissant.write(facts, folder / DATA)
    (folder / CARD).write_text(model_card.model_card(facts), encoding="utf-8")
    write_json(folder / crate.WORKFLOW, crate.workflow(facts))
    write_json(folder / CRATE, crate.metadata(facts, unhashed=archive.SUMS))
    archive.write_sums(folder)


def _check(out: Path, report: Path) -> None:
    if out.suffix != ".zip" or out.is_dir():
        raise UserError(f"OUT={out}: must be a file that ends in .zip")
    if out.is_relative_to(report):
        raise UserError(f"OUT={out}: is in the folder of the report, which the next report replaces; choose another")
