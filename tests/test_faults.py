"""Each way in which a notebook can fail has its own verdict, in status.json, on the page and in the exit code."""

import html
import json
import os
import textwrap

import nbformat
import pytest
import yaml

from lib import params
from lib.__main__ import main
from lib.core import paths
from lib.presentation import explorer, first_page
from lib.presentation.memo import Memo
from lib.report import execute, rendering, verdicts

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

# %%
"""
BEGIN = """
from lib import params
from lib.study import Run, Study
run = Run.of(study)
run.write("manifest", Study.open(params.load("digits")).provenance())
"""
LIMITED = {"cell_minutes": 0.02, "notebook_minutes": 10.0}
STUBBORN = """
import ctypes, os, pathlib, signal
pathlib.Path(os.environ["ANOMALY_CACHE_DIR"], "kernel").write_text(str(os.getpid()))
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ctypes.PyDLL(None).sleep(1000)
"""
EATS = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
bytearray(4 << 30)
"""
ABORTS = """
import os
os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'")
os.abort()
"""
LINGERS = """
import os, subprocess, pathlib
child = subprocess.Popen(["sleep", "1000"])
pathlib.Path(os.environ["ANOMALY_CACHE_DIR"], "kernel").write_text(str(child.pid))
os.kill(os.getpid(), 9)
"""
MANY = "import time\n" + "\n# %%\n".join(["time.sleep(0.1)"] * 60)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A good report of a study of three small notebooks; gives its folder, and its files with their bytes."""
    folder = tmp_path_factory.mktemp("faults")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_CACHE_DIR", str(folder / "cache"))
        patch.setenv("ANOMALY_REPORTS_DIR", str(folder / "reports"))
        patch.setattr(paths, "notebooks_folder", lambda: folder / "notebooks")
        patch.setattr(first_page, "memo", lambda *_: Memo("A question?"))  # it needs all six notebooks
        patch.setattr(explorer, "write_explorer", lambda study, run, folder, _: folder / "index.html")
        (folder / "notebooks").mkdir()
        for name, body in (("01_a", BEGIN), ("02_b", "print('a caption')"), ("03_c", "print('the last')")):
            write(folder, name, body)
        assert make(folder) == 0
        made = folder / "reports" / "faulty"
        yield made, contents(made)


def write(folder, name, body):
    (folder / "notebooks" / f"{name}.py").write_text(HEADER + textwrap.dedent(body), encoding="utf-8")


def make(folder, **limits):
    values = params.load("digits").model_dump() | {"study": "faulty"} | limits
    (folder / "faulty.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return main(["report", str(folder / "faulty.yaml")])


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = paths.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split() if os.path.isdir("/proc/1") else "R"
    return state[0] != "Z"


@pytest.mark.parametrize(
    ("body", "limits", "verdict", "words"),
    [
        ("1 / 0", {}, "cell_error", "ZeroDivisionError: division by zero"),
        ("import os\nos._exit(1)", {}, "kernel_died", "its kernel died (exit status 1)"),
        ("import time\ntime.sleep(60)", LIMITED, "timed_out", "the cell ran for more than cell_minutes, 0.02 min"),
        (STUBBORN, LIMITED, "timed_out", "the cell ran for more than cell_minutes, 0.02 min"),
        (EATS, {}, "out_of_memory", "MemoryError"),
        (
            ABORTS,
            {},
            "out_of_memory",
            "its kernel died: out of memory (signal 6, SIGABRT; its log: bad_alloc)",
        ),
        (LINGERS, {}, "kernel_died", "its kernel died (signal 9), possibly out of memory"),
    ],
    ids=["raises", "exits", "sleeps", "ignores interrupts", "MemoryError", "bad_alloc", "SIGKILL"],
)
def test_each_failure_has_its_verdict_and_the_last_report_stays(report, capfd, body, limits, verdict, words):
    made, before = report
    write(made.parents[1], "02_b", body)
    capfd.readouterr()
    assert make(made.parents[1], **limits) == 2
    said = capfd.readouterr().err
    assert f"02_b.py, cell 3: {words}" in said and "Traceback" not in said
    assert contents(made) == before

    failed = made.with_name("faulty.failed")
    status = json.loads((failed / "run" / "status.json").read_text(encoding="utf-8"))
    assert status["status"] == "failed" and status["verdict"] == verdict
    found = status["notebooks"]
    assert found["01_a"] == {"verdict": "ok"} and found["03_c"] == {"verdict": "never_ran"}
    assert found["02_b"]["verdict"] == verdict and found["02_b"]["cell"] == 3
    assert found["02_b"]["error"].startswith(words)
    executed = nbformat.read(failed / "notebooks" / "02_b.ipynb", 4)
    assert executed.cells[1].execution_count == 1 and "completed" not in str([c.metadata for c in executed.cells])

    index = (made.parent / "index.html").read_text(encoding="utf-8")
    assert "faulty/index.html" in index and "faulty.failed/notebooks/02_b.ipynb" in index
    assert f"<td>Cell 3: {html.escape(words, quote=False)}" in index.replace("&#39;", "'")
    assert index.count("<td>never ran</td>") == 1 and index.count("<td>ok</td>") == 1
    if (pid := made.parents[1] / "cache" / "kernel").is_file():  # nothing that the kernel was or started is left
        assert not alive(int(pid.read_text()))
        pid.unlink()


def test_many_short_cells_exceed_the_limit_of_the_notebook(report):
    made, before = report
    write(made.parents[1], "02_b", MANY)
    assert make(made.parents[1], cell_minutes=1.0, notebook_minutes=0.02) == 2
    status = json.loads((made.with_name("faulty.failed") / "run" / "status.json").read_text(encoding="utf-8"))
    found = status["notebooks"]["02_b"]
    assert found["verdict"] == "timed_out" and "notebook_minutes, 0.02 min" in found["error"]
    assert 3 < found["cell"] < 40 and contents(made) == before


def test_a_kernel_that_never_starts_is_no_cell_s_fault(report, tmp_path, monkeypatch):
    made, before = report
    write(made.parents[1], "02_b", "print('new')")
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    for argv, words in (["false"], "did not start (exit status 1)"), (["/no/such/program"], "could not be started"):
        (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "P", "language": "python"}))
        monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
        assert make(made.parents[1]) == 2
        status = json.loads((made.with_name("faulty.failed") / "run" / "status.json").read_text(encoding="utf-8"))
        found = status["notebooks"]["02_b"]
        assert found["verdict"] == "kernel_died" and words in found["error"] and "cell" not in found
    assert contents(made) == before


def test_pages_that_cannot_be_rendered_are_no_notebook_s_fault(report, monkeypatch):
    made, before = report
    write(made.parents[1], "02_b", "print('another caption')")

    def fail(*_):
        raise OSError(28, "No space left on device", "/somewhere/page")

    monkeypatch.setattr(rendering, "render", fail)
    assert make(made.parents[1]) == 2
    status = json.loads((made.with_name("faulty.failed") / "run" / "status.json").read_text(encoding="utf-8"))
    assert status["verdict"] == "not_rendered" and "no space left for /somewhere/page" in status["error"]
    assert {each["verdict"] for each in status["notebooks"].values()} == {"ok"} and contents(made) == before


def test_limits_execute_no_notebook_again(report, monkeypatch):
    made, _ = report
    write(made.parents[1], "02_b", "print('another caption')")
    assert make(made.parents[1]) == 0
    monkeypatch.setattr(execute, "execute", lambda *_: pytest.fail("a notebook was executed"))
    assert make(made.parents[1], cell_minutes=77.0) == 0
    assert not made.with_name("faulty.failed").exists()
    assert "faulty.failed" not in (made.parent / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "log", "killings", "verdict"),
    [
        (-9, "", 0, "kernel_died"),
        (-9, "", 1, "out_of_memory"),
        (-11, "", 1, "kernel_died"),
        (-9, "tensorflow: ResourceExhausted: OOM when allocating tensor", 0, "out_of_memory"),
        (1, "MemoryError", 0, "out_of_memory"),
        (None, "", 0, "kernel_died"),
        (0, "", 0, "kernel_died"),
    ],
)
def test_want_of_memory_needs_evidence(tmp_path, code, log, killings, verdict):
    (tmp_path / "log").write_text(log)
    assert verdicts.of_dead_kernel(code, tmp_path / "log", killings, 3).verdict == verdict
    assert verdicts.of_dead_kernel(code, tmp_path / "none", killings, 3).verdict in ("kernel_died", verdict)


def test_an_error_of_a_library_for_want_of_memory_is_known_by_its_name():
    for name in ("MemoryError", "_ArrayMemoryError", "ResourceExhaustedError", "numpy._core.ArrayMemoryError"):
        assert verdicts.of_error(name, "", 1).verdict == "out_of_memory"
    assert verdicts.of_error("ValueError", "MemoryError", 1).verdict == "cell_error"
