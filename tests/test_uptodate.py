"""A change executes the notebooks that depend on it and refits what depends on it, and nothing else."""

import json
import re
import shutil
import zipfile

import pytest

from lib import params
from lib.core import cache, paths
from lib.presentation import explorer, first_page
from lib.presentation.memo import Memo
from lib.report import build, execute, rendering, uptodate

# Keys


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the project's code, which a test may edit."""
    root = tmp_path / "project"
    for folder in ("lib", "notebooks", "params"):
        shutil.copytree(paths.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    shutil.copy(paths.ROOT / "requirements.lock", root)
    monkeypatch.setattr(paths, "ROOT", root)
    return root


def keys():
    """The key of each notebook's code, and that of a report."""
    return [uptodate.code_key(notebook) for notebook in uptodate.notebooks()], uptodate.report_key(
        params.load("digits")
    )


def append(path, line="\n"):
    path.write_bytes(path.read_bytes() + line.encode())


@pytest.mark.parametrize(
    "name",
    [
        "lib/__init__.py",
        "lib/study/study.py",
        "lib/detectors/baselines/pca.py",
        "lib/presentation/plots/report.mplstyle",
        "params/published/airplanes.json",
    ],
)
def test_code_and_figures_that_notebooks_read_are_in_the_key_of_every_notebook(copy, name):
    notebooks, report = keys()
    append(copy / name)
    changed, changed_report = keys()
    assert all(before != after for before, after in zip(notebooks, changed, strict=True)) and changed_report != report


def test_a_detector_that_is_found_by_walking_is_in_the_key(copy):
    notebooks, report = keys()
    (copy / "lib" / "detectors" / "baselines" / "new.py").write_text("")
    assert keys()[0] != notebooks and keys()[1] != report


@pytest.mark.parametrize("load", ["import lazy_loader as lazy", "from lazy_loader import attach"])
def test_a_package_that_loads_its_modules_lazily_counts_whole(copy, load):
    (copy / "lib" / "pictures").mkdir()
    for name, content in (("__init__.py", load), ("charts.py", "from lib import params"), ("maps.py", "")):
        (copy / "lib" / "pictures" / name).write_text(content)
    files = [path.relative_to(copy / "lib").as_posix() for path in cache.code_files("lib.pictures")]
    assert {"pictures/__init__.py", "pictures/charts.py", "pictures/maps.py", "params.py"} <= set(files)
    assert "data/__init__.py" not in files


def test_the_text_of_a_notebook_is_in_its_own_key_alone(copy):
    notebooks, report = keys()
    append(uptodate.notebooks()[1])
    changed, changed_report = keys()
    assert [before == after for before, after in zip(notebooks, changed, strict=True)].count(False) == 1
    assert changed_report != report


@pytest.mark.parametrize(
    "name", ["lib/report/render/templates/html/report.css", "lib/report/render/pdf.py", "requirements.lock"]
)
def test_rendering_is_in_the_key_of_the_report_and_of_no_notebook(copy, name):
    notebooks, report = keys()
    append(copy / name)
    assert keys()[0] == notebooks and keys()[1] != report


def test_commands_are_in_no_key(copy):
    before = keys()
    append(copy / "lib" / "commands" / "report.py")
    append(copy / "lib" / "__main__.py")
    assert keys() == before


def test_the_device_and_the_versions_are_in_the_key_of_the_report(monkeypatch):
    study = params.load("digits")
    before = uptodate.report_key(study)
    monkeypatch.setattr(uptodate.provenance, "device", lambda: "another")
    other_device = uptodate.report_key(study)
    monkeypatch.setattr(uptodate.provenance, "versions", lambda: {"keras": "0"})
    assert len({before, other_device, uptodate.report_key(study)}) == 3


# Cached executions, without a kernel


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Begins an execution of the first notebook in an empty folder."""
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "making"
    source = uptodate.notebooks()[0]

    def start(parameters=None, created="today", device="CPU", **files):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "run").mkdir(parents=True)
        for name, content in files.items():
            (folder / "run" / name).write_text(content)
        provenance = {"created": created, "code": {"commit": created}, "device": device}
        target = folder / "01.ipynb"
        return uptodate.Execution("digits", source, target, parameters or {}, folder / "run", provenance)

    return start


def finish(execution):
    """What an execution leaves: the notebook, the manifest, a file of the run, and one with the time in it."""
    assert not execution.restore()
    execution.target.write_text("executed")
    for name in ("manifest.json", "detectors/pca/provenance.json"):
        cache.write_json(execution.run_folder / name, execution.provenance | {"device_test": "passed"})
    (execution.run_folder / "scores.csv").write_text("0.1")
    execution.save()


def test_an_execution_is_restored_with_its_files_and_a_new_manifest(start):
    finish(start())
    again = start(created="tomorrow")
    assert again.restore()
    assert again.target.read_text() == "executed" and (again.run_folder / "scores.csv").read_text() == "0.1"
    manifest = json.loads((again.run_folder / "manifest.json").read_text())
    assert manifest == again.provenance | {"created": "tomorrow", "device_test": "passed"}
    assert json.loads((again.run_folder / "detectors/pca/provenance.json").read_text())["created"] == "today"


@pytest.mark.parametrize(
    "change", [{"parameters": {"seed": 2}}, {"device": "GPU"}, {"scores.csv": "0.2"}, {"params.json": "{}"}]
)
def test_an_execution_with_other_inputs_is_not_restored(start, change):
    finish(start({"seed": 1}, **{"scores.csv": "0.0"}))
    assert not start(**({"parameters": {"seed": 1}, "scores.csv": "0.0"} | change)).restore()


def test_files_that_hold_the_time_are_no_inputs(start):
    finish(start(**{"manifest.json": "today"}))
    assert start(**{"manifest.json": "tomorrow"}).restore()


def test_the_time_at_which_a_model_was_saved_is_no_input(start):
    def save(weights, date):
        execution = start()
        with zipfile.ZipFile(execution.run_folder / "model.keras", "w") as archive:
            archive.writestr("metadata.json", date)
            archive.writestr("model.weights.h5", weights)
        return execution

    finish(save("a", "today"))
    assert save("a", "tomorrow").restore() and not save("b", "today").restore()


def test_a_cached_execution_that_lost_a_file_is_not_restored(start, tmp_path):
    finish(start())
    (tmp_path / "cache/pages/digits" / uptodate.notebooks()[0].stem / "run/scores.csv").unlink()
    assert not start().restore()


def test_editing_a_report_does_not_change_the_cache(start):
    execution = start()
    finish(execution)
    execution.target.write_text("edited")
    (execution.run_folder / "scores.csv").write_text("edited")
    again = start()
    assert again.restore()
    assert again.target.read_text() == "executed" and (again.run_folder / "scores.csv").read_text() == "0.1"


# The project's own notebooks


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Builds the digits study from the first three notebooks, copied so that a test may edit them.

    Gives a function that takes changes of parameters and returns the notebooks executed, and how many fits and scores
    were made.
    """
    executed = []
    real = execute.execute
    (tmp_path / "notebooks").mkdir()
    for source in uptodate.notebooks()[:3]:
        shutil.copy(source, tmp_path / "notebooks")
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / "reports"))
    monkeypatch.setattr(paths, "notebooks_folder", lambda: tmp_path / "notebooks")
    monkeypatch.setattr(rendering, "read_chapters", lambda *_: [])  # the links of these three lead to later ones
    monkeypatch.setattr(rendering, "write_site", lambda *_, **__: [])  # rendering has tests of its own
    monkeypatch.setattr(rendering, "write_pdf", lambda *_: None)
    monkeypatch.setattr(first_page, "memo", lambda *_: Memo("A question?"))  # it needs all six notebooks
    monkeypatch.setattr(explorer, "write_explorer", lambda study, run, folder, _: folder / "index.html")
    monkeypatch.setattr(execute, "execute", lambda *given: (executed.append(given[0].stem[:2]), real(*given)))

    def cached(kind):
        return {path.name for path in (tmp_path / "cache" / kind).glob("[!.]*")}

    def make(**changes):
        executed.clear()
        fits, scores = cached("fits"), cached("scores")
        small = {"image_size": 16, "latent_dim": 4, "epochs": 1, "protocol": "holdout", "backbone": ""}
        small |= {"detectors": ["autoencoder"], "refinements": [], "seeds": []} | changes
        build.build(params.load("digits").model_copy(update=small))
        return executed.copy(), len(cached("fits") - fits), len(cached("scores") - scores)

    return make


def test_a_change_executes_and_fits_what_depends_on_it(make, tmp_path):
    report = tmp_path / "reports" / "digits"
    executed, everything, _ = make()
    assert executed == ["01", "02", "03"] and everything
    assert make() == ([], 0, 0)

    assert make(threshold=0.03) == (["02", "03"], 0, 0)
    assert json.loads((report / "run" / "params.json").read_text())["threshold"] == 0.03

    metrics = (report / "run" / "metrics.json").read_bytes()
    for name in ("02_training", "03_anomalies"):  # a caption
        notebook = tmp_path / "notebooks" / f"{name}.py"
        source = notebook.read_text(encoding="utf-8")
        edited = re.sub(r"caption=", r'caption="Now: " + ', source, count=1)
        assert edited != source
        notebook.write_text(edited, encoding="utf-8")
        assert make(threshold=0.03) == ([name[:2]], 0, 0)
        assert (report / "run" / "metrics.json").read_bytes() == metrics
        assert "Now: " in (report / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")

    executed, fits, _ = make(threshold=0.03, latent_dim=5)
    assert executed == ["02", "03"] and 0 < fits < everything  # a baseline has no latent vector
