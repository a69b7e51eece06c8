"""The files of a delivery that are there already: the report, its run folder, the parameters, the lock, the licence."""

import html
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from lib.core import cache, paths
from lib.core.errors import UserError
from lib.params import LIMITS, Parameters
from lib.report import uptodate

OF_THE_SUITE = ("requirements.lock", "LICENSE")
TEXT = {".csv", ".html", ".ipynb", ".json", ".svg", ".txt"}
HEAD = """\
# The whole parameter set of this study. To make the report again, in a checkout of the suite:
#   python -m lib report path/to/params.yaml
"""
IMAGES = """\
# `images` is where they were for the report; a relative path starts at its params/. Write where they are now.
"""
_LINK = re.compile(r"""\b(?:href|src)=(?:"([^"]*)"|'([^']*)')""")


def finished_report(params: Parameters) -> Path:
    """The folder of a study's report, complete and up to date.

    Raises:
        UserError: There is none; the line says why, and what to do.
    """
    folder = paths.reports_folder() / params.study
    cure = f"run `make report STUDY={params.study}` first"
    failed = folder.with_name(f"{params.study}.failed")
    if not (folder / "run" / "status.json").is_file():
        what = f"its last run failed, see {paths.shown(failed)}" if failed.is_dir() else "there is no report of it"
        raise UserError(f"STUDY={params.study}: {what}; {cure}")
    try:
        status, made_with = (cache.read_json(folder / "run" / f"{name}.json") for name in ("status", "params"))
    except (OSError, ValueError):
        status = made_with = {}
    if status.get("status") != "complete" or status.get("pdf"):
        what = f"its report is not complete{', the PDF could not be made' if status.get('pdf') else ''}"
    elif changed := _changed(params.model_dump(exclude=LIMITS), made_with):
        what = f"its report was made with another {changed}"
    elif any(uptodate.is_current(params, notice) for notice in ("", "made instead of another study")):
        return folder
    else:
        what = "its report is older than the code, the packages or the images, or a page of it is missing"
    raise UserError(f"STUDY={params.study}: {what}; {cure}")


def _changed(values: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    """The first parameter that differs; empty if none does."""
    return next((key for key in values if values[key] != before.get(key)), "")


def collect(report: Path, params: Parameters, folder: Path) -> None:
    """Copy all that is there already into the folder of a delivery.

    Of the saved detectors only the one that the report answers with is copied. Folders of this machine are taken out of
    all texts, but for those that the parameter set names.

    Raises:
        UserError: A page links to a file that is not there; or the report has no such detector.
    """
    column = cache.read_json(report / "run" / "metrics.json").get("answer", {}).get("column", "")
    if not column or not (report / "run" / "detectors" / column).is_dir():
        raise UserError(f"STUDY={params.study}: its report saved no detector {column!r}; make the report again")
    hide = _Places(report, params)
    for path in sorted(report.rglob("*")):
        inside = path.relative_to(report)
        hidden = any(part.startswith(".") for part in inside.parts)
        other = inside.parts[:2] == ("run", "detectors") and column not in inside.parts[2:3]
        if hidden or other or not path.is_file():
            continue
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in TEXT:
            (folder / inside).write_bytes(hide(path.read_bytes().decode("utf-8")).encode("utf-8"))
        else:
            shutil.copyfile(path, folder / inside)
    for name in OF_THE_SUITE:
        shutil.copyfile(paths.ROOT / name, folder / name)
    text = yaml.safe_dump(params.model_dump(), sort_keys=False, allow_unicode=True)
    (folder / "params.yaml").write_text(HEAD + (IMAGES if params.images else "") + text, encoding="utf-8")
    if missing := sorted(dangling(folder)):
        raise UserError(
            f"STUDY={params.study}: {missing[0][0]} links to {missing[0][1]}, which is not there; make the report again"
        )


def absolute(params: Parameters) -> list[str]:
    """The absolute paths that a parameter set names; they are in its report as they are."""
    return sorted(text for text in _texts(params.model_dump()) if re.match(r"[/~].", text))


def dangling(folder: Path) -> Iterator[tuple[str, str]]:
    """Pages of a folder, each with an address that it links to and that is no file in the folder."""
    for page in folder.glob("*.html"):
        text = re.sub(r"(?s)<script\b.*?</script>", "", page.read_text(encoding="utf-8"))
        for match in _LINK.finditer(text):
            address = html.unescape(match[1] or match[2] or "")
            target = (folder / unquote(re.split("[?#]", address)[0])).resolve()
            if re.match(r"[a-z]+:", address) or address.startswith("#") or not address:
                continue
            if not target.is_file() or not target.is_relative_to(folder.resolve()):
                yield page.name, address


class _Places:
    """Takes the folders of this machine out of a text; what the parameter set says stays."""

    def __init__(self, report: Path, params: Parameters):
        reports = re.escape(str(report.parent))
        self.names = {
            str(paths.cache_folder()): ".cache",
            str(paths.ROOT): ".",
            str(Path(sys.prefix)): ".venv",
            str(Path.home()): "~",
            str(report.parent): "reports",
        }
        self.names = {name: words for name, words in self.names.items() if len(Path(name).parts) > 1}
        kept = [re.escape(text) for text in absolute(params)]
        own = rf"{reports}/\.?{re.escape(params.study)}(?:\.\w+)?/"  # where the report is, and where it was made
        places = sorted(map(re.escape, self.names), key=len, reverse=True)
        self.pattern = re.compile(rf"(?<![\w.~-])(?:(?P<kept>{'|'.join(kept) or '(?!)'})|(?P<own>{own})|"
                                  rf"(?P<place>{'|'.join(places)})(?![\w-]))")  # fmt: skip

    def __call__(self, text: str) -> str:
        return self.pattern.sub(
            lambda match: match[0] if match["kept"] else "" if match["own"] else self.names[match["place"]], text
        )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(part)
