"""Write the page that lists all reports in a folder."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lib.core.cache import content_key, read_object, replacing
from lib.core.locks import lock
from lib.presentation.text import detector_name
from lib.report import uptodate, verdicts
from lib.report.render.html import environment, frame

TITLE, INDEX = "Reports", "index.html"
SWEEPS, COMPARISONS = "sweeps", "comparisons"  # folders in that of reports
WORDS = {
    verdicts.OK: "ok",
    verdicts.CELL_ERROR: "error in a cell",
    verdicts.TIMED_OUT: "time limit exceeded",
    verdicts.KERNEL_DIED: "kernel died",
    verdicts.OUT_OF_MEMORY: "out of memory",
    verdicts.STOPPED: "stopped",
    verdicts.NEVER_RAN: "never ran",
}


def write_index(reports: Path) -> Path:
    """Write the page that lists every study in a folder.

    A study is a sub-folder with `run/status.json`, which has `status` ("complete" or "failed") and perhaps `title`,
    `error`, `notebooks` (the verdict on each) and `pdf` (why there is no PDF); the rest is read from `metrics.json`,
    `manifest.json` and `params.json` beside it. What is missing or damaged is left out, and so are folders whose names
    begin with a dot: they are unfinished, and listed only where `lib.report.early` says so. Leaderboards of sweeps and
    comparisons of two studies are listed below them.

    Args:
        reports: the folder of the studies' folders; made if missing.

    Returns:
        The page, `index.html` in `reports`.
    """
    reports = Path(reports)
    with lock(f"index-{content_key(str(reports.absolute()))}"):  # another study may be finished at the same time
        for left in reports.glob(f".{INDEX}.*"):  # of a killed process
            left.unlink(missing_ok=True)
        found = sorted(path.parent.parent for path in reports.glob("*/run/status.json"))
        found = [folder for folder in found if folder.name[0] != "."]
        found += sorted(path.parent for path in reports.glob(f".*.making.*/{verdicts.UNFINISHED}"))
        studies = [_study(folder) for folder in sorted(found, key=_name)]
        others = [each for each in (("Sweeps", _sweeps(reports)), ("Comparisons", _comparisons(reports))) if each[1]]
        text = environment().get_template("studies.html.j2").render(site=frame(TITLE), studies=studies, others=others)
        page = reports / INDEX
        with replacing(page) as temporary:
            temporary.write_text(text.rstrip() + "\n", encoding="utf-8")
    return page


def _sweeps(reports: Path) -> list[tuple[str, str]]:
    """Title and address of each leaderboard."""
    folders = sorted(path.parent for path in (reports / SWEEPS).glob("*/index.html") if path.parent.name[0] != ".")
    return [
        (
            str(read_object(folder / "run" / "sweep.json").get("title") or folder.name),
            f"{SWEEPS}/{quote(folder.name)}/index.html",
        )
        for folder in folders
    ]


def _comparisons(reports: Path) -> list[tuple[str, str]]:
    """Names of the studies and address of each comparison."""
    pages = sorted(path for path in (reports / COMPARISONS).glob("*.html") if path.name[0] != ".")
    return [(page.stem.replace("_and_", " and "), f"{COMPARISONS}/{quote(page.name)}") for page in pages]


def _name(folder: Path) -> str:
    """Name of the study, with `.failed` where it failed; of a report in the making, such as `.digits.making.1f2e`."""
    return folder.name.split(".")[1] if folder.name[0] == "." else folder.name


def _study(folder: Path) -> dict[str, Any]:
    """One study as the template needs it."""
    early = read_object(folder / verdicts.UNFINISHED)
    status, metrics = early or read_object(folder / "run" / "status.json"), read_object(folder / "run" / "metrics.json")
    params, manifest = read_object(folder / "run" / "params.json"), read_object(folder / "run" / "manifest.json")
    state = str(status.get("status") or "unfinished")
    reason = str(status.get("error") or "no reason given") if state == "failed" else ""
    if status.get("pdf"):
        reason = f"The PDF could not be made: {status['pdf']}"
    base = quote(folder.name)
    pages = [path for path in sorted(folder.glob("[0-9][0-9]_*.html")) if path.is_file()]
    links = [(path.stem[3:].replace("_", " ").capitalize(), f"{base}/{quote(path.name)}") for path in pages]
    more = [("Appendix", "appendix.html"), ("Move the threshold", "explorer.html"), ("PDF", "report.pdf")]
    links += [(words, f"{base}/{name}") for words, name in more if (folder / name).is_file()]
    return {
        "name": _name(folder),
        "anchor": f"{_name(folder)}.making" if early else folder.name,
        "key": "" if early else uptodate.status_key(folder),
        "title": str(status.get("title") or params.get("title") or metrics.get("study") or folder.name),
        "pending": bool(early),
        "badge": "" if state == "complete" else state,
        "error": " ".join(reason.split()),
        "verdicts": list(_verdicts(folder, _object(status.get("notebooks")))) if state == "failed" else [],
        "page": f"{base}/index.html" if (folder / "index.html").is_file() else "",
        "facts": _facts(metrics, manifest),
        "detectors": [_detector(name, values) for name, values in _object(metrics.get("detectors")).items()],
        "links": links,
    }


def _verdicts(folder: Path, notebooks: dict[str, Any]) -> Iterator[dict[str, str]]:
    """A row for each notebook of a failed study."""
    for stem, record in notebooks.items():
        verdict = _object(record)
        executed = folder / "notebooks" / f"{stem}.ipynb"
        ran = executed.is_file() and verdict.get("verdict") != verdicts.NEVER_RAN
        cell = f"Cell {verdict['cell']}: " if verdict.get("cell") else ""
        yield {
            "notebook": stem,
            "page": f"{quote(folder.name)}/notebooks/{quote(executed.name)}" if ran else "",
            "verdict": WORDS.get(str(verdict.get("verdict")), "unknown"),
            "error": f"{cell}{verdict.get('error', '')}",
        }


def _facts(metrics: dict[str, Any], manifest: dict[str, Any]) -> list[str]:
    dataset = _object(metrics.get("dataset"))
    facts = [str(dataset["name"])] if dataset.get("name") else []
    if isinstance(dataset.get("images"), int):
        facts.append(f"{dataset['images']:,} images")
    facts += [str(metrics["protocol"])] if metrics.get("protocol") else []
    return [*facts, str(manifest["created"])[:10]] if manifest.get("created") else facts


def _detector(name: str, values: Any) -> dict[str, str]:
    auroc = _object(_object(values).get("auroc"))
    value, low, high = (auroc.get(key) for key in ("value", "low", "high"))
    known = isinstance(value, int | float)
    bounded = isinstance(low, int | float) and isinstance(high, int | float)
    return {
        "name": detector_name(name),
        "auroc": f"{value:.4f}" if known else "–",
        "interval": f"{low:.4f} to {high:.4f}" if known and bounded else "–",
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
