"""Whether the numbers of a finished report are those that were computed.

From the scores everything is computed again: `metrics.json` and what the cells of the notebooks show. From the
notebooks the pages and the PDF are written again. Then every number is compared, and each difference is one line.
"""

import os
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lib.core import cache, checksums, provenance
from lib.core.errors import UserError
from lib.report import uptodate
from lib.report.verification import comparing, pages, recomputed
from lib.report.verification.pages import Number
from lib.study import METRICS, Run, Study

EXPLORER, PDF = "explorer.html", "report.pdf"
FLOAT_NOISE = 1e-9  # relative; figures of another machine or other versions of libraries may differ by so much


@dataclass(frozen=True)
class Said:
    """What a report says.

    Attributes:
        metrics: `metrics.json`.
        outputs: what the cells of its notebooks show, by the notebook's stem.
        pages: numbers by the name of each web page.
        data: what the explorer computes with.
        pdf: numbers of the PDF.
        failures: what could not be computed or written again, one line each.
    """

    metrics: dict[str, Any]
    outputs: dict[str, recomputed.Outputs]
    pages: dict[str, list[Number]]
    data: str = ""
    pdf: list[Number] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verification:
    """What came of it.

    Attributes:
        problems: one line a difference; none where the report is right.
        counts: how many numbers there are of each kind, see `kind_of`.
        written: the numbers without a source, by page.
        pdf: whether there is a PDF.
    """

    problems: list[str]
    counts: Counter[str]
    written: dict[str, list[str]]
    pdf: bool


def verify(folder: Path, study: Study, notice: str = "") -> Verification:
    """Read a finished report again and compare every number with what its scores give.

    Args:
        folder: of the report.
        study: of the report.
        notice: on its cover.
    """
    found = said(folder)
    changed = [f"{name}: not the file that was written; its checksum differs" for name in changed_files(folder)]
    return Verification(
        [*changed, *differences(found, expected(folder, study, notice), _noise(folder))],
        Counter(kind_of(name, number) for name, page in found.pages.items() for number in page if number.stated),
        {name: [number.stated for number in page if _is_written(name, number)] for name, page in found.pages.items()},
        bool(found.pdf),
    )


def changed_files(folder: Path) -> list[str]:
    """The files of a report that are not those whose checksums its status holds."""
    recorded = cache.read_json(folder / "run" / "status.json").get("files", {})
    now = checksums.of(folder, recorded)
    return [name for name, checksum in recorded.items() if now.get(name) != checksum]


def said(folder: Path) -> Said:
    """What the files of a report say."""
    names = sorted(path.name for path in folder.glob("*.html"))
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    return Said(
        cache.read_json(folder / "run" / "metrics.json"),
        {path.stem: recomputed.of_notebook(path) for path in sorted((folder / "notebooks").glob("*.ipynb"))},
        {name: pages.of_html(text) for name, text in texts.items()},
        pages.data_of(texts.get(EXPLORER, "")),
        list(pages.in_text(pages.of_pdf(folder / PDF))) if (folder / PDF).is_file() else [],
    )


def expected(folder: Path, study: Study, notice: str = "") -> Said:
    """What a report has to say by the scores and the executed notebooks in its folder."""
    from lib.report.rendering import render

    again = recomputed.recompute(study, Run(folder / "run"))
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        made = Path(temporary)
        (made / "run").mkdir()
        for path in (folder / "run").iterdir():
            if path.name != "metrics.json":
                os.symlink(path.absolute(), made / "run" / path.name)
        cache.write_json(made / "run" / "metrics.json", again.metrics)
        notebooks = [folder / "notebooks" / f"{path.stem}.ipynb" for path in uptodate.notebooks(study)]
        failures = list(again.failures)
        try:
            render(study, notebooks, notice, made)
        except (UserError, LookupError) as error:
            failures.append(f"the pages cannot be written again with these files: {' '.join(str(error).split())}")
        written = said(made)
    return Said(again.metrics, again.outputs, written.pages, written.data, written.pdf, failures)


def differences(found: Said, right: Said, noise: float = 0.0) -> list[str]:
    """Every difference between what a report says and what it has to say."""
    lines = [*right.failures, *comparing.metrics(found.metrics, right.metrics, relative=noise)]
    for stem, outputs in right.outputs.items():
        lines += comparing.outputs(stem, found.outputs.get(stem, {}), outputs)
    for name in sorted({*found.pages, *right.pages}):
        lines += comparing.numbers(name, found.pages.get(name, []), right.pages.get(name, []))
    lines += [f"{EXPLORER}: its data are not the scores and figures of the run"] * (found.data != right.data)
    lines += comparing.numbers(PDF, found.pdf, right.pdf)
    for name, page in found.pages.items():
        sourced = [number for number in page if f"{METRICS}/" in number.ref]
        lines += filter(None, (comparing.of_source(name, number, found.metrics) for number in sourced))
    return lines


def kind_of(name: str, number: Number) -> str:
    """`metrics` (its place in `metrics.json` is named), `cell`, `file`, `explorer`, or the kind of the page."""
    if number.ref:
        return "metrics" if "#/" in number.ref else "file" if number.ref.startswith("run/") else "cell"
    return "explorer" if name == EXPLORER and number.kind == "written" else number.kind


def _is_written(name: str, number: Number) -> bool:
    return bool(number.stated) and kind_of(name, number) == "written"


def _noise(folder: Path) -> float:
    """How far figures may differ here: not at all where the report was made with these versions on such a machine."""
    manifest, here = cache.read_json(folder / "run" / "manifest.json"), provenance.record()
    same = all(manifest.get(key) == here[key] for key in ("machine", "versions", "device"))
    return 0.0 if same else FLOAT_NOISE
