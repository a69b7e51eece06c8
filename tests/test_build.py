"""Executing and building: told truly when it fails, whole when it succeeds, nothing lost either way."""

import json
import textwrap
import time

import nbformat
import pytest

from lib import params
from lib.core import paths
from lib.core.errors import UserError
from lib.report import build, execute, status

HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A page

# %% tags=["parameters"]
study: str = "digits"  # the study
threshold: float = 0.5  # the threshold

# %%
"""


def notebook(folder, name: str, body: str):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(HEADER + textwrap.dedent(body), encoding="utf-8")
    return path


def test_a_notebook_gets_the_parameters_it_declares_and_no_others(tmp_path):
    source = notebook(tmp_path / "in", "01_a", "print(study, threshold, 'epochs' in globals())")
    execute.execute(source, tmp_path / "out.ipynb", params.load("airplanes").model_dump())
    printed = nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs[0].text
    assert printed.split() == ["airplanes", "0.02", "False"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("1 / 0", "01_a.py, cell 3: ZeroDivisionError: division by zero"),
        ("import os\nos._exit(1)", "01_a.py: its kernel died"),
        ("import time\ntime.sleep(60)", "01_a.py: a cell ran for more than"),
    ],
    ids=["error", "dead kernel", "timeout"],
)
def test_a_notebook_that_did_not_end_well_is_never_taken_for_one_that_did(tmp_path, monkeypatch, body, words):
    monkeypatch.setattr(execute, "CELL_TIMEOUT", 5)
    source = notebook(tmp_path / "in", "01_a", body)
    with pytest.raises(execute.NotebookFailed) as failed:
        execute.execute(source, tmp_path / "out.ipynb", {})
    assert words in str(failed.value) and "\n" not in str(failed.value)
    assert (tmp_path / "out.ipynb").is_file()


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """A small suite of one notebook in place of the five."""
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / "reports"))
    folder = tmp_path / "notebooks"
    monkeypatch.setattr(paths, "notebooks_folder", lambda: folder)

    def write(body):
        notebook(
            folder,
            "01_a",
            """
            from lib import judgement, params, show
            from lib.study import Study
            chosen = Study.open(params.collect({**globals(), "image_size": 16, "epochs": 1, "latent_dim": 4}))
            run = chosen.begin()
            """
            + body,
        )

    write('chosen.train(run, "autoencoder"); judgement.judge(chosen, run, "autoencoder")')
    return tmp_path / "reports", write


def test_a_report_is_whole_current_and_survives_a_failure(suite):
    reports, write = suite
    study = params.load("digits")
    assert not status.current(study)
    folder = build.build(study)
    assert {"index.html", "01_a.html", "report.pdf", "notebooks", "run"} == {path.name for path in folder.iterdir()}
    assert (folder / "report.pdf").read_bytes()[:5] == b"%PDF-"
    assert status.current(study)
    assert not status.current(study.model_copy(update={"threshold": 0.5}))
    assert not status.current(study, "shown in place of another")

    started = time.monotonic()
    assert status.current(study)
    assert time.monotonic() - started < 2

    write("raise RuntimeError('no luck')")
    assert not status.current(study)
    with pytest.raises(UserError, match="no luck"):
        build.build(study)
    assert (folder / "report.pdf").is_file()  # the one before stays
    failed = reports / "digits.failed"
    assert json.loads((failed / "run" / "status.json").read_text())["status"] == "failed"
    assert (failed / "notebooks" / "01_a.ipynb").is_file()
    assert not list(reports.glob(".*"))


def test_a_page_that_is_gone_makes_the_report_out_of_date(suite):
    study = params.load("digits")
    folder = build.build(study)
    (folder / "report.pdf").unlink()
    assert not status.current(study)


def test_what_stands_in_for_another_study_says_so_on_its_pages(suite):
    folder = build.build(params.load("digits"), notice="Shown because the other could not be had.")
    assert "Shown because the other could not be had." in (folder / "index.html").read_text(encoding="utf-8")
