"""The leaderboard of a sweep as a report: a first page, one chapter and the appendix, as web pages and as a PDF."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.core import csv_files, paths, provenance
from lib.core.cache import write_json
from lib.evaluation import rankings
from lib.presentation import plots, show
from lib.presentation.memo import Memo
from lib.presentation.tables import sweeps as tables
from lib.presentation.tables.markdown import beside
from lib.presentation.text import sweeps as text
from lib.report.render.appendix import appendix
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import ReportInfo
from lib.report.render.pdf import write_pdf
from lib.study import Study
from lib.sweep.definition import Sweep, Task, study_file
from lib.sweep.outcome import Outcome

CHAPTER = "leaderboard"  # its page and its notebook
RESULTS = "run/results.csv"
STUDIES = "studies"  # folder of the parameter sets
FEW = 10  # studies that a sentence names
FILES = (
    (RESULTS, "one row for each detector in each study"),
    ("run/results.parquet", "the same as Parquet"),
    ("run/sweep.json", "what was asked for, and where it was computed"),
)


def write(sweep: Sweep, tasks: list[Task], found: Outcome, folder: Path) -> list[Path]:
    """Write everything that a sweep leaves.

    Args:
        sweep: the sweep.
        tasks: all of its tasks.
        found: what came out of them.
        folder: an empty folder; takes `index.html`, `leaderboard.html`, `appendix.html`, `report.pdf`, `run/` with the
            results, and `studies/` with a parameter set for each study, of which `make report` makes a report.

    Returns:
        The pages, the PDF last.
    """
    run, studies = folder / "run", folder / STUDIES
    for each in (run, studies, folder / "notebooks"):
        each.mkdir()
    csv_files.write(found.table, folder / RESULTS)
    found.table.to_parquet(run / "results.parquet", index=False)
    for task in {task.params.study: task for task in tasks}.values():
        values = study_file(task, studies)
        named = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        (studies / f"{task.params.study}.yaml").write_text(named, encoding="utf-8")
    manifest = Study.open(tasks[0].params).provenance()
    write_json(run / "sweep.json", {"sweep": sweep.name, "title": sweep.title, **_asked(sweep), "manifest": manifest})
    notebook = folder / "notebooks" / f"{CHAPTER}.ipynb"
    nbformat.write(new_notebook(cells=list(_cells(found))), notebook)
    facts = (
        ("Tasks", f"{len(tasks):,}"),
        ("Data set", f"{manifest['data']['name']} {manifest['data']['version']}"),
        ("Device", f"{manifest['device']}; {manifest['machine']}"),
        ("Code", manifest["code"]["commit"] or f"files {manifest['code']['files']}"),
    )
    info = ReportInfo(
        title=sweep.title,
        study=sweep.name,
        notice="",
        generated=manifest["created"][:10],
        facts=facts,
        memo=_memo(found, max(task.params.target_fpr for task in tasks)),
        kind="Sweep",
        origin=RESULTS,
        files=FILES,
    )
    chapters = read_chapters([notebook], appendix(manifest, tasks[0].params.model_dump()))
    pages = write_site(chapters, info, folder)
    write_pdf(chapters, info, folder / "report.pdf")
    return [*pages, folder / "report.pdf"]


def _asked(sweep: Sweep) -> dict[str, Any]:
    return {
        "studies": [dict(unit) for unit in sweep.units],
        "settings": [dict(setting) for setting in sweep.settings],
        "detectors": [{name: dict(options)} for name, options in sweep.entries],
        "source_date": provenance.source_date(),
    }


def _memo(found: Outcome, target: float) -> Memo:
    """The first page; `target` is the false positive rate that thresholds should aim at."""
    table, tasks = found.table, len(found.table)
    failures = int((table["error"] != "").sum())
    highest = float(table["alpha"].max())
    alpha = highest if highest > target else 0.0
    settings = len(found.names) > table["detector"].nunique()
    question = text.question(len(found.names), len(found.studies) + found.left_out, settings)
    if found.ranking is None:
        return Memo(question=question, answer=text.nothing(tasks, failures))
    return Memo(
        question=question,
        answer=text.winner(found.names, found.ranking),
        boxes=text.boxes(
            found.names, found.ranking, (found.studies[0], float(found.values[0, 0])), tasks - failures, tasks
        ),
        warnings=tuple(text.warnings(found.ranking, found.left_out, failures, alpha)),
    )


def _cells(found: Outcome) -> Iterator[nbformat.NotebookNode]:
    """The cells of the chapter; those with figures and tables have outputs and no code."""
    yield new_markdown_cell("# Leaderboard")
    if found.ranking is not None:
        yield new_markdown_cell("## Who wins")
        yield from _shown(lambda: _who_wins(found))
        yield new_markdown_cell("## Study by study")
        yield from _shown(lambda: _study_by_study(found))
    failures = found.table[found.table["error"] != ""]
    if len(failures):
        yield new_markdown_cell("## Failed tasks\n\nThe other tasks went on. `make sweep` tries these again.")
        rows = [row | {"address": _address(row["study"])} for row in failures.to_dict("records")]
        caption = f"Tasks that failed, with the reason: {len(rows)} of {len(found.table)}."
        yield from _shown(lambda: show.table(tables.failed(rows), label="tab-failed", caption=caption))
    yield new_markdown_cell(f"## How it was measured\n\n{text.METHOD}")


def _who_wins(found: Outcome) -> None:
    ranking, names = found.ranking, found.names
    show.prose(text.winner(names, ranking))
    caption = f"The detectors over {text.studies(ranking.studies)}, the best mean rank first."
    show.table(tables.ranking(names, ranking), label="tab-ranking", caption=caption)
    if curves := found.curves():
        setting, places, ranked = curves
        means, noises = (
            {name: [values[place] for place in own] for name, own in ranked.items()}
            for values in (ranking.means, ranking.noises)
        )
        words = setting.replace("_", " ")
        show.prose(text.by_setting(words, places, means, noises))
        caption = f"Mean AUROC by {words}, with 95 % intervals over the studies."
        show.figure(plots.by_setting(words.capitalize(), places, means), label="fig-setting", caption=caption)
    if ranking.pairs:
        caption = "Mean rank of each detector. Detectors beside the same bar do not clearly differ."
        show.figure(plots.mean_ranks(names, ranking.ranks, ranking.groups), label="fig-ranks", caption=caption)
        which = "Every two detectors" if len(ranking.pairs) <= tables.MOST_PAIRS else "The best detector and each other"
        caption = f"{which}: the mean difference of their AUROC, and the test over the studies."
        show.table(tables.pairs(names, ranking), label="tab-pairs", caption=caption)


def _study_by_study(found: Outcome) -> None:
    rows, best = [row | _reported(row["sets"]) for row in found.of_studies()], found.names[0]
    few = min(FEW, len(rows) // 2)
    if few:
        median = float(np.median(found.values[:, 0]))
        named = [beside(name, row["address"]) for name, row in zip(found.studies, rows, strict=True)]
        show.prose(text.by_study(named[:few], named[::-1][:few], best, median))
    if len(rows) >= 4 * FEW:
        images = np.array([row["fit"] for row in rows])
        show.prose(text.in_common(images, FEW, *rankings.correlation(found.values[:, 0], images)))
    columns = min(len(found.names), plots.MOST_DETECTORS)
    which = "each detector" if columns == len(found.names) else f"the {columns} detectors with the best mean ranks"
    caption = f"AUROC of {which} in each study, the study with the lowest AUROC of {text.inside(best)} first."
    drawn = min(len(rows), plots.MOST_STUDIES)
    caption += f" The first {drawn} of {len(rows)} studies." * (drawn < len(rows))
    show.figure(plots.by_study(found.studies, found.names, found.values), label="fig-studies", caption=caption)
    caption = "The studies, the worst first. On the web page each leads to its report, or to its parameter set where "
    caption += "there was no report yet: `make report STUDY=` and the path of that makes it."
    listed_rows = min(len(rows), tables.MOST_STUDIES)
    caption += f" The first {listed_rows} of {len(rows)}; all are in `results.csv`." * (listed_rows < len(rows))
    frame = tables.studies(found.studies, found.values[:, 0], rows, best)
    show.table(frame, label="tab-studies", caption=caption)


def _reported(sets: Sequence[str]) -> dict[str, str]:
    """Of the parameter sets of a study, the first with a report, or the first: its file, and where it leads to."""
    name = next((name for name in sets if _report(name).is_file()), sets[0])
    return {"file": f"{name}.yaml", "address": _address(name)}


def _address(study: str) -> str:
    """Where the name of a study leads to from here: its report, or its parameter set where there is none."""
    return f"../../{study}/index.html" if _report(study).is_file() else f"{STUDIES}/{study}.yaml"


def _report(study: str) -> Path:
    return paths.reports_folder() / study / "index.html"


def _shown(display: Callable[[], None]) -> Iterator[nbformat.NotebookNode]:
    """A cell with what a function displays."""
    with show.captured(draw=True) as outputs:
        display()
    shown_outputs = [
        new_output("display_data", data=bundle, metadata={"report": report})
        for bundle, report in outputs
        if report.get("kind") != "lab"
    ]
    yield new_code_cell("", outputs=shown_outputs, metadata={"origin": RESULTS})
