"""What is up to date: one mechanism of content keys decides for whole reports and for single notebooks.

The execution of a notebook depends on its text, the parameters that it declares, the code of `lib` that it imports,
the published figures, the data, the versions of the libraries, the device, `SOURCE_DATE_EPOCH`, and what the notebooks
before it left in the run folder. If none of these changed, the executed notebook and the files that it wrote are taken
from the cache, which holds the last execution of each notebook of each study. Rendering depends on the executed
notebooks, the parameters, the code and templates of `lib/report`, and `requirements.lock`; so after a change of a
template the report is rendered again and nothing is executed.
"""

import contextlib
import os
import platform
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib import data
from lib.core import cache, checksums, paths, provenance
from lib.params import Parameters
from lib.study import Study

if TYPE_CHECKING:
    import nbformat

UNDECISIVE = ("manifest.json", "provenance.json")  # they hold the time and the commit, and no result depends on them
NOTEBOOK = "notebook.ipynb"  # the name of an executed notebook in the cache
WALKED = ("detectors", "data/sources")  # folders of lib whose modules are found by walking, not by imports


OF_PUBLISHED = {"03_anomalies", "04_evaluation", "05_refinement"}  # they examine the published detectors
OF_INSPECTION = {"03_inspection"}  # it examines the detector that the parameter set names


def notebooks(study: Study | None = None) -> list[Path]:
    """The text of a study's notebooks, in order; of every study's if none is given.

    Detectors are only compared where there are anomalies to compare them by.
    """
    left_out: set[str] = set()
    if study is not None:
        left_out |= OF_PUBLISHED if study.params.inspects else OF_INSPECTION
        left_out |= set() if len(study.anomalies) else {"06_comparison"}
    texts = sorted(paths.notebooks_folder().glob("[0-9][0-9]_*.py"))
    return [path for path in texts if path.stem not in left_out]


def read(text: Path) -> "nbformat.NotebookNode":
    """A notebook, of its text; jupytext's ids of cells are random, and pages should be the same every time."""
    import jupytext  # not where nothing is executed

    notebook = jupytext.read(text)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"c{number:03d}"
    return notebook


def is_current(params: Parameters, notice: str = "") -> bool:
    """Whether a study's report is there, complete with its PDF, and made from these parameters and this code."""
    folder = paths.reports_folder() / params.study
    status = cache.read_object(folder / "run" / "status.json")
    files = status.get("files")
    if status.get("pdf") or not status.get("pages") or not isinstance(files, dict):
        return False
    return status.get("key") == report_key(params, notice) and checksums.of(folder, files) == files


def is_listed(folder: Path) -> bool:
    """Whether the page beside a report's folder lists the report that is there now."""
    try:
        return status_key(folder) in (folder.parent / "index.html").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def status_key(folder: Path) -> str:
    """A key of a report's `status.json`, and so of all its files."""
    return cache.files_key([folder / "run" / "status.json"])


def report_key(params: Parameters, notice: str = "") -> str:
    """A key of everything that a report depends on but images of data sets with a version, which its parameters name.

    Of the notice it holds only whether there is one: the reason in it may be worded differently each time.
    """
    versions = {"python": platform.python_version(), **provenance.versions()}
    code = code_key(*notebooks())
    own = [params.model_dump(), data.state(params), provenance.source_date()]
    return cache.content_key(*own, code, _rendering_key(), versions, provenance.device(), bool(notice))


def code_key(*notebooks: Path) -> str:
    """A key of the texts of notebooks, the code that they import, and the published figures."""
    published = (paths.params_folder() / "published").glob("*.json")
    return cache.files_key([*cache.code_files("lib", *notebooks, *walked()), *published])


def walked() -> list[Path]:
    """The modules that no module imports by its name: those of `WALKED`."""
    return [path for folder in WALKED for path in (paths.ROOT / "lib" / folder).rglob("*.py")]


def _rendering_key() -> str:
    folder = paths.ROOT / "lib" / "report"
    left_out = {"__pycache__", "delivery", "verification"}  # what is done with a finished report
    files = [path for path in folder.rglob("*") if path.is_file() and not left_out & {*path.parts}]
    code = cache.code_files(*[path for path in files if path.suffix == ".py"])
    return cache.files_key([*{*files, *code}, paths.ROOT / "requirements.lock"])


@dataclass(frozen=True)
class Execution:
    """One notebook of one study, to be executed or taken from the cache.

    Attributes:
        study: name of the study.
        source: the notebook's text.
        target: where the executed notebook goes.
        parameters: those that the notebook declares, by name.
        run_folder: as the notebooks before this one left it.
        provenance: what `Study.provenance` returns.
    """

    study: str
    source: Path
    target: Path
    parameters: Mapping[str, Any]
    run_folder: Path
    provenance: Mapping[str, Any]

    @cached_property
    def _files_before(self) -> dict[str, str]:
        return hashes(self.run_folder)

    @cached_property
    def key(self) -> str:
        """A key that is equal for executions with equal results; read it before the notebook is executed."""
        lasting = {name: value for name, value in self.provenance.items() if name not in ("created", "code")}
        files = {name: value for name, value in self._files_before.items() if Path(name).name not in UNDECISIVE}
        return cache.content_key(code_key(self.source), dict(self.parameters), lasting, files)

    @property
    def _cached(self) -> Path:
        return paths.cache_folder() / "pages" / self.study / self.source.stem

    def restore(self) -> bool:
        """Copy the cached execution to where a new one would have left its files.

        Returns:
            Whether there was one with the same key.
        """
        key = self.key  # computed first: restoring changes the run folder
        if problem := checksums.problem(self._cached):
            if self._cached.exists():
                print(f"{paths.shown(self._cached)}: {problem}; it is executed again", file=sys.stderr)
            return False
        record = cache.read_json(self._cached / "execution.json")
        files = record["files"]
        if record["key"] != key:
            return False
        for name in files:
            copy(self._cached / name, self.target if name == NOTEBOOK else self.run_folder / name.removeprefix("run/"))
        manifest = self.run_folder / "manifest.json"
        if "run/manifest.json" in files:  # the notebook may have added to it, such as the test of the device
            cache.write_json(manifest, cache.read_json(manifest) | self.provenance)
        return True

    def save(self) -> None:
        """Cache the execution that has just succeeded, in place of the last one."""
        names = [name for name, value in hashes(self.run_folder).items() if self._files_before.get(name) != value]
        with cache.replacing_folder(self._cached) as folder:
            copy(self.target, folder / NOTEBOOK)
            for name in names:
                copy(self.run_folder / name, folder / "run" / name)
            files = [NOTEBOOK, *(f"run/{name}" for name in names)]
            cache.write_json(folder / "execution.json", {"key": self.key, "files": files})
            checksums.write(folder)


def hashes(folder: Path) -> dict[str, str]:
    """A hash of every file of a run folder, by relative path; of a fitted model without the time of saving."""
    return {path.relative_to(folder).as_posix(): _hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _hash(path: Path) -> str:
    if path.suffix == ".keras":  # an archive, in which only the metadata hold the time of saving
        with zipfile.ZipFile(path) as archive:
            return cache.content_key(
                [(part.filename, part.CRC) for part in archive.infolist() if part.filename != "metadata.json"]
            )
    return checksums.of_file(path)


def copy(source: Path, target: Path) -> None:
    """Copy a file; a fitted model, which is large and never edited, is linked where the file system allows it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if source.suffix == ".keras":
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
