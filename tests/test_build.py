"""Notebooks are executed and checked; a report is replaced only by a complete one."""

import html
import json
import re
import textwrap
import time

import nbformat
import pytest

from lib import params
from lib.core import paths
from lib.core.errors import UserError
from lib.presentation import explorer, first_page
from lib.presentation.memo import Memo
from lib.report import build, early, execute, rendering, uptodate
from lib.report.render.model import RenderError
from lib.report.verdicts import UNFINISHED

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
thresholds: list = [
    0.5,
]

# %%
"""
BEGIN = """
from lib import params
from lib.study import Run, Study
run = Run.of(study)
run.write("manifest", Study.open(params.load(study)).provenance())
run.write("metrics", {"threshold": threshold})
"""


def notebook(folder, name, body):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(HEADER + textwrap.dedent(body), encoding="utf-8")
    return path


def run(source, target, parameters):
    execute.execute(target, execute.convert(source, target, parameters))


def test_a_notebook_gets_the_parameters_it_declares_and_no_others(tmp_path):
    source = notebook(tmp_path / "in", "01_a", "print(study, threshold, len(thresholds) > 1, 'epochs' in globals())")
    run(source, tmp_path / "01_a.ipynb", params.load("airplanes").model_dump())
    printed = nbformat.read(tmp_path / "01_a.ipynb", 4).cells[-1].outputs[0].text
    assert printed.split() == ["airplanes", "0.02", "True", "False"]


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Two small notebooks instead of the project's; gives their folder and the list of those executed."""
    folder, executed = tmp_path / "notebooks", []
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / "reports"))
    monkeypatch.setattr(paths, "notebooks_folder", lambda: folder)
    monkeypatch.setattr(first_page, "memo", lambda *_: Memo("A question?"))  # it needs all six notebooks
    monkeypatch.setattr(explorer, "write_explorer", lambda study, run, folder, _: folder / "index.html")
    real = execute.execute
    monkeypatch.setattr(execute, "execute", lambda *given: (executed.append(given[0].stem[:2]), real(*given)))
    notebook(folder, "01_a", BEGIN)
    notebook(folder, "02_b", "print('a caption')")
    return folder, executed


def test_a_report_is_complete_and_current_and_survives_a_failure(suite):
    folder, executed = suite
    study = params.load("digits")
    assert not uptodate.is_current(study)
    report = build.build(study, notice="Shown instead of another.")
    assert {path.name for path in report.iterdir()} == {
        *("index.html", "01_a.html", "02_b.html", "appendix.html", "report.pdf", "notebooks", "run")
    }
    assert (report / "report.pdf").read_bytes()[:5] == b"%PDF-"
    assert "Shown instead of another." in (report / "index.html").read_text(encoding="utf-8")
    started = time.monotonic()
    assert uptodate.is_current(study, "Shown for another reason.")
    assert time.monotonic() - started < 2
    assert not uptodate.is_current(study)  # without a notice
    assert not uptodate.is_current(study.model_copy(update={"threshold": 0.5}), "Shown instead of another.")

    notebook(folder, "02_b", "raise RuntimeError('no luck')")
    assert not uptodate.is_current(study, "Shown instead of another.")
    with pytest.raises(UserError, match="no luck"):
        build.build(study)
    assert (report / "report.pdf").is_file()  # of the last report
    failed = report.with_name("digits.failed")
    assert json.loads((failed / "run" / "status.json").read_text())["status"] == "failed"
    assert (failed / "notebooks" / "02_b.ipynb").is_file()
    assert not list(report.parent.glob(".*"))

    notebook(folder, "02_b", "print('a caption')")
    executed.clear()
    build.build(study)  # the failed execution was not cached, and did not replace the one before
    assert executed == [] and uptodate.is_current(study) and not failed.exists()
    (report / "report.pdf").unlink()
    assert not uptodate.is_current(study)


def test_only_notebooks_that_depend_on_a_change_are_executed(suite):
    folder, executed = suite

    def built(**changes):
        executed.clear()
        return build.build(params.load("digits").model_copy(update=changes)), executed.copy()

    report, first = built()
    assert first == ["01", "02"]
    notebook(folder, "02_b", "print('another caption')")
    assert built()[1] == ["02"]
    assert "another caption" in (report / "02_b.html").read_text(encoding="utf-8")
    assert built(title="Another title")[1] == []  # declared by no notebook, so the report is only rendered again
    assert "Another title" in (report / "index.html").read_text(encoding="utf-8")
    assert built(threshold=0.25)[1] == ["01", "02"]
    assert json.loads((report / "run" / "metrics.json").read_text()) == {"threshold": 0.25}


class Panic(BaseException):
    """As Typst's compiler raises: no `Exception`."""


UNMADE = {
    RenderError("01_a.ipynb, cell 3: unknown font"): "01_a.ipynb, cell 3: unknown font",
    RuntimeError("out of\nmemory <b>"): "RuntimeError: out of memory <b>",
    OSError(28, "No space left on device", "/tmp/somewhere"): "OSError: No space left on device",
    Panic("index out of bounds"): "Panic: index out of bounds",
}


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def test_pages_are_published_where_the_pdf_cannot_be_made(suite, monkeypatch):
    study, report = params.load("digits"), paths.reports_folder() / "digits"
    for error, reason in UNMADE.items():
        with monkeypatch.context() as patch:
            patch.setattr(rendering, "write_pdf", failing(error))
            with pytest.raises(UserError) as failed:
                build.build(study)
        assert str(failed.value).endswith(reason) and "\n" not in str(failed.value)
        written = html.escape(reason, quote=False)
        assert f"The PDF could not be made: {written}" in (report / "index.html").read_text(encoding="utf-8")
        assert not any("report.pdf" in page.read_text(encoding="utf-8") for page in report.glob("*.html"))
        status = json.loads((report / "run" / "status.json").read_text(encoding="utf-8"))
        assert status["status"] == "complete" and status["pdf"] == reason
        assert not uptodate.is_current(study) and not (report / "report.pdf").exists()
        listed = (report.parent / "index.html").read_text(encoding="utf-8")
        assert written in listed and "digits/report.pdf" not in listed

    build.build(study)  # tries again
    assert uptodate.is_current(study) and (report / "report.pdf").is_file()
    assert "could not be made" not in (report / "index.html").read_text(encoding="utf-8")


def test_the_last_report_stays_where_pages_fail_or_the_user_stops(suite, monkeypatch):
    study = params.load("digits")
    report = build.build(study)
    before = (report / "index.html").read_bytes()
    for name, error in (("write_site", RenderError("no page")), ("write_pdf", KeyboardInterrupt())):
        with monkeypatch.context() as patch:
            patch.setattr(rendering, name, failing(error))
            with pytest.raises(UserError if name == "write_site" else KeyboardInterrupt):
                build.build(study, notice="Another notice.")
        assert (report / "index.html").read_bytes() == before and (report / "report.pdf").is_file()
        assert not list(report.parent.glob(".*"))


LINKS = """
# %% [markdown]
# See [the next chapter](02_b.ipynb), [its section](02_b.ipynb#a-section) and [its table](#tab-b).
"""
TABLE = """
import pandas
from lib.presentation import show
show.table(pandas.DataFrame({"a": ["b"]}), label="tab-b", caption="A table.")

# %% [markdown]
# ## A section
"""


@pytest.fixture
def looked_at(suite, monkeypatch):
    """A report of a chapter that links to the next one; gives what a reader sees while that one is executed.

    The run folder is empty until then, as before fits begin.
    """
    notebook(suite[0], "01_a", LINKS)
    notebook(suite[0], "02_b", BEGIN + TABLE)
    monkeypatch.setattr(early, "SOON", 0.0)
    real, reports, seen = execute.execute, paths.reports_folder(), {}

    def look(target, *given):
        if target.stem == "02_b":
            end = time.monotonic() + 60
            while not list(reports.glob("index.html")) and time.monotonic() < end and not seen.get("none"):
                time.sleep(0.05)
            for path in [*reports.glob("index.html"), *reports.glob(".*/*.html")]:
                seen[path.name if path.parent == reports else f"digits/{path.name}"] = path.read_text(encoding="utf-8")
            links = re.findall(r'<a href="([^"#]+)"', seen.get("index.html", ""))
            seen["links"] = [(reports / link).is_file() for link in links]
        real(target, *given)

    monkeypatch.setattr(execute, "execute", look)
    return seen


def test_finished_chapters_can_be_read_while_others_are_made(looked_at):
    report = build.build(params.load("digits"), "Shown instead of another.")
    listed, page = looked_at["index.html"], looked_at["digits/01_a.html"]
    assert "in progress, 1 of 2 chapters" in listed and len(looked_at["links"]) == 3 and all(looked_at["links"])
    assert "1 of 2 chapters so far" in page and "Chapter 1 of 2" in page and "the next chapter" in page
    first = looked_at["digits/index.html"]
    assert "Shown instead of another." in first and "1 of 2 chapters so far" in first
    for unmade in ("02_b.html", "report.pdf", "explorer.html", "scores.parquet"):
        assert unmade not in page + first
    texts = [path.read_text(encoding="utf-8") for path in [report.parent / "index.html", *report.glob("*.html")]]
    assert not any("so far" in text or "in progress" in text for text in texts)
    assert '<a href="02_b.html#tab-b"' in texts[[*report.glob("*.html")].index(report / "01_a.html") + 1]
    assert not list(report.parent.glob(".*")) and not list(report.rglob(UNFINISHED))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UserError("no luck")])
def test_the_list_has_no_report_that_is_no_longer_made(looked_at, monkeypatch, error):
    look = execute.execute
    monkeypatch.setattr(execute, "execute", lambda *given: (look(*given), failing(error)() if looked_at else None))
    with pytest.raises(type(error)):
        build.build(params.load("digits"))
    reports = paths.reports_folder()
    listed = (reports / "index.html").read_text(encoding="utf-8")
    assert "in progress" in looked_at["index.html"] and "in progress" not in listed
    assert not list(reports.glob(".*"))
    failed = isinstance(error, UserError)
    assert ("digits.failed/01_a.html" in listed) == (reports / "digits.failed" / "01_a.html").is_file() == failed


def test_early_pages_that_cannot_be_made_are_told_and_end_nothing(looked_at, monkeypatch, capsys):
    looked_at["none"] = True
    monkeypatch.setattr(rendering, "render_finished", failing(RenderError("no page")))
    report = build.build(params.load("digits"))
    assert "digits: no early pages (no page)" in capsys.readouterr().err
    assert (report / "report.pdf").is_file()


def test_a_quick_report_has_no_early_pages_and_does_not_wait_for_them(looked_at, monkeypatch):
    looked_at["none"] = True
    monkeypatch.setattr(early, "SOON", 1e6)
    build.build(params.load("digits"))
    assert looked_at == {"none": True, "links": []}


def test_early_pages_wait_for_their_time(looked_at, monkeypatch):
    monkeypatch.setattr(early, "SOON", 20.0)  # longer than until the first chapter is finished
    build.build(params.load("digits"))
    assert "in progress, 1 of 2 chapters" in looked_at["index.html"]
