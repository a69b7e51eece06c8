"""The six notebooks run as a person would run them: "Run all" on the defaults, from nothing, in order, offline."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
SECONDS = 600  # for all of them; a person waits a fraction of it


def convert(folder):
    """The notebooks as .ipynb files in a folder, with their kernel, under their own names."""
    folder.mkdir()
    for path in NOTEBOOKS:
        nbformat.write(jupytext.read(path), folder / f"{path.stem}.ipynb")
    return sorted(folder.glob("*.ipynb"))


def run_nbmake(notebooks, cache):
    """Runs notebooks through nbmake in one session; returns (messages of the failed by name, pytest's own output)."""
    record = cache.parent / "record.xml"
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", "--nbmake-timeout", str(SECONDS)]
    command += ["-p", "no:cacheprovider", f"--junitxml={record}", *map(str, notebooks)]
    environment = os.environ | {"ANOMALY_CACHE_DIR": str(cache)}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        command, cwd=notebooks[0].parent, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    cases = ElementTree.parse(record).iter("testcase")
    failed = {case.get("name"): case.find("failure") for case in cases}
    return failed, done.stdout


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """All of them, run once: the folder with outputs, what failed, what was said, and the project's files before."""
    assert NOTEBOOKS, "there are no notebooks"
    place = tmp_path_factory.mktemp("notebooks")
    before = listing()
    notebooks = convert(place / "run")
    failed, output = run_nbmake(notebooks, place / "cache")
    assert len(failed) == len(NOTEBOOKS), output
    return place / "run", failed, output, before


def listing():
    """What lies in the project's folder and among its notebooks, hidden files left out."""
    return {path for folder in (ROOT, ROOT / "notebooks") for path in folder.iterdir() if path.name[0] != "."}


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS] or ["none"])
def test_it_runs_to_its_end(executed, name):
    folder, failed, output, _ = executed
    assert all(failure is None for case, failure in failed.items() if name in case), output
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())
    assert not [each for each in outputs(notebook) if each.output_type == "error"]


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS] or ["none"])
def test_what_it_shows_is_described(executed, name):
    """Each figure has a caption and a description in words, each table a caption, and no number is missing."""
    notebook = nbformat.read(executed[0] / f"{name}.ipynb", as_version=4)
    shown = [each for each in outputs(notebook) if each.get("metadata", {}).get("report")]
    assert shown, "nothing is shown"
    values = [each for each in outputs(notebook) if each.output_type == "execute_result"]
    assert not values, "a cell ends with a bare value, which a page would print"
    for each in shown:
        report = each.metadata["report"]
        if report["kind"] in ("figure", "table"):
            assert report["label"] and report["caption"], report
        if report["kind"] == "figure":
            assert len(report["alt"].split()) >= 3 and {"image/png", "image/svg+xml"} & set(each.data), report["label"]
        words = " ".join([str(report.get("caption")), str(report.get("alt")), str(each.data.get("text/markdown"))])
        assert not {"nan", "inf", "NaN"} & set(words.replace("|", " ").split()), words[:500]


@pytest.mark.parametrize("name", [path.stem for path in NOTEBOOKS if path.stem[:2] > "02"])
def test_later_pages_only_read(executed, name):
    """They start without TensorFlow, and find every fit and score that they need where training left it."""
    run = "import runpy, sys; runpy.run_path(sys.argv[1]); print('tensorflow' in sys.modules, file=sys.stderr)"
    cache = executed[0].parent / "cache"
    done = subprocess.run(
        [sys.executable, "-c", run, str(ROOT / "notebooks" / f"{name}.py")],
        env=os.environ | {"ANOMALY_CACHE_DIR": str(cache)},
        capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "False"


def test_a_later_page_opens_on_its_own(executed, tmp_path):
    """Any page may be opened first: without a draft, it makes one. The fits are cached, so this is quick."""
    cache = executed[0].parent / "cache"
    shutil.copytree(cache, tmp_path / "cache", ignore=shutil.ignore_patterns("drafts"))
    alone = [path for path in convert(tmp_path / "run") if path.stem.startswith("04")]
    failed, output = run_nbmake(alone, tmp_path / "cache")
    assert len(failed) == 1 and not any(failure is not None for failure in failed.values()), output


def test_running_them_leaves_the_project_as_it_was(executed):
    """They write below the cache folder only; what is kept of a notebook is its text."""
    folder, _, _, before = executed
    assert {path.name for path in folder.iterdir()} == {f"{path.stem}.ipynb" for path in NOTEBOOKS}
    assert listing() == before
