"""Execute the notebooks of a study, or take them from the cache.

Where there are two kernels, the second one executes `SECOND`, which read nothing that the notebooks beside them leave.
It does so in a copy of the run folder; what it leaves there is then put into the first one.
"""

import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from lib import data
from lib.core.cache import read_object
from lib.core.errors import UserError
from lib.core.imports import import_all
from lib.params import Parameters
from lib.report import execute, uptodate, verdicts
from lib.report.early import Early
from lib.report.kernel import Kernel
from lib.report.kernels import FITTING, Kernels
from lib.report.verdicts import Verdict
from lib.study import Run, Study

SECOND = {"05_refinement", "06_comparison"}


def execute_all(
    params: Parameters, folder: Path, found: dict[str, Verdict], kernels: Kernels, early: Early
) -> tuple[Study, list[Path]]:
    """Open a study and execute its notebooks.

    Args:
        params: the study.
        folder: of its report; takes the executed notebooks.
        found: takes the verdict on each notebook, once the study is open: its images are downloaded and prepared, and
            the normal class is checked.
        kernels: are started where a notebook is executed.
        early: shows what is finished.

    Returns:
        The study, and the executed notebooks.

    Raises:
        NotebookFailed: one could not be executed; of several, the first.
    """
    if not data.prepared(params):  # imports take as long as to prepare images
        kernels.start()
    study = Study.open(params)
    sources = uptodate.notebooks(study)
    found |= {source.stem: Verdict(verdicts.NEVER_RAN) for source in sources}
    provenance, places = study.provenance(), range(len(kernels.all))
    lanes = [_Lane(study, provenance, folder / "notebooks", found, kernels, early, place) for place in places]
    first = lanes[0]
    first.execute([source for source in sources if source.stem < FITTING])
    imports = Thread(target=_import_renderers, daemon=True)  # while fits are made and this process has nothing to do
    imports.start()
    first.execute([source for source in sources if source.stem == FITTING])
    rest = [source for source in sources if source.stem > FITTING]
    beside = [source for source in rest if source.stem in SECOND and len(lanes) > 1 and not params.inspects]
    if beside:
        shutil.copytree(*kernels.run_folders, copy_function=lambda *pair: uptodate.copy(*map(Path, pair)))
        _side_by_side(first, [source for source in rest if source not in beside], lanes[1], beside)
    else:
        first.execute(rest)
    imports.join()
    return study, [folder / "notebooks" / f"{source.stem}.ipynb" for source in sources]


@dataclass(frozen=True)
class _Lane:
    """One of the kernels, which executes notebooks of a study one after the other, in a run folder."""

    study: Study
    provenance: Mapping[str, Any]
    folder: Path
    found: dict[str, Verdict]
    kernels: Kernels
    early: Early
    place: int

    @property
    def kernel(self) -> Kernel:
        return self.kernels.all[self.place]

    @property
    def run_folder(self) -> Path:
        return self.kernels.run_folders[self.place]

    def execute(self, sources: list[Path]) -> None:
        params = self.study.params
        for source in sources:
            target = self.folder / f"{source.stem}.ipynb"
            try:
                parameters = execute.convert(source, target, params.model_dump())
                execution = uptodate.Execution(
                    params.study, source, target, parameters, self.run_folder, self.provenance
                )
                if execution.restore():
                    print(f"{source.stem} is up to date", file=sys.stderr)
                else:
                    if source.stem <= FITTING:
                        self.kernels.start()
                    execute.execute(target, parameters, params.cell_minutes, params.notebook_minutes, self.kernel)
                    execution.save()
            except execute.NotebookFailed as failed:
                self.found[source.stem] = failed.verdict
                raise
            except Exception as error:
                self.found[source.stem] = Verdict(verdicts.STOPPED, error=verdicts.in_a_line(error))
                raise
            self.found[source.stem] = Verdict(verdicts.OK)
            self.early.show(self.study)

    def wait_and_execute(self, sources: list[Path]) -> None:
        """Execute notebooks when what the kernel was given to do before is done."""
        self.kernels.renew(self.place)
        self.execute(sources)


def _side_by_side(first: _Lane, sources: list[Path], second: _Lane, beside: list[Path]) -> None:
    """Execute notebooks in two lanes, which begin with the same files; the first run folder takes what changed."""
    files, metrics = uptodate.hashes(first.run_folder), read_object(first.run_folder / "metrics.json")
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(second.wait_and_execute, beside)
        try:
            first.execute(sources)
            with suppress(UserError):  # it is raised where the pages are written
                from lib.report.render.document import read_ahead

                done = [stem for stem, verdict in sorted(first.found.items()) if verdict.verdict == verdicts.OK]
                read_ahead([first.folder / f"{stem}.ipynb" for stem in done])
            pending.result()
        except (KeyboardInterrupt, SystemExit):
            second.kernels.kill()  # else the pool would wait for it
            raise
    for name, value in uptodate.hashes(second.run_folder).items():
        if name == "metrics.json":
            changed = _changes(metrics, read_object(second.run_folder / name))
            Run(first.run_folder).update_metrics(changed)
        elif value != files.get(name):
            uptodate.copy(second.run_folder / name, first.run_folder / name)
    shutil.rmtree(second.run_folder)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What was added or changed, at every depth."""
    found = {}
    for key, value in after.items():
        if isinstance(value, Mapping) and isinstance(before.get(key), Mapping):
            if changed := _changes(before[key], value):
                found[key] = changed
        elif key not in before or before[key] != value:
            found[key] = value
    return found


def _import_renderers() -> None:
    """Import what `render` needs, which takes seconds, while the kernel is busy."""
    import_all("lib.report.rendering", "lib.report.studies")
