"""Whether a study's report is up to date, told without importing anything heavy."""

import json

from lib.core import paths
from lib.core.cache import code_key, content_key
from lib.params import Parameters


def current(params: Parameters, notice: str = "") -> bool:
    """Whether a study's report is there, whole, and made from these parameters and this code."""
    folder = paths.reports_folder() / params.study
    try:
        status = json.loads((folder / "run" / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    pages = [folder / page for page in status.get("pages", [])]
    return status.get("key") == key(params, notice) and bool(pages) and all(page.is_file() for page in pages)


def key(params: Parameters, notice: str) -> str:
    """A key, equal for reports that would be the same; the wording of the notice's reason does not matter."""
    return content_key(params.model_dump(), code_key(), bool(notice))
