"""The kernels of a report: how many there are, what each has of the machine, and that two leave what one leaves."""

import json
import os

import pytest

from lib import params
from lib.core import paths
from lib.core.errors import UserError
from lib.report import chapters
from lib.report.early import Early
from lib.report.kernels import LARGEST, SMALL, THREADS, Kernels, environment, memory

QUICK = {"epochs": 1, "refinements": [], "backbone": ""}  # what the second kernel fits first
BEGIN = """
# %%
from lib.study import Run
run = Run.of("digits")

# %%
"""
NOTEBOOKS = {
    "02_training": "run.write('manifest', {'format': 1}); run.update_metrics({'kept': 1, 'a': {'first': 1, 'old': 0}})",
    "03_anomalies": "run.update_metrics({'a': {'old': 3, 'third': 3}, 'only': [3]}); run.write('third', 3)",
    "04_evaluation": "run.update_metrics({'a': {'fourth': 4}, 'both': {'x': 1}})",
    "05_refinement": "run.update_metrics({'a': {'fifth': 5}, 'both': {'x': 1, 'y': 2}}); run.write('fifth', 5)",
    "06_comparison": "run.update_metrics({'last': run.read('metrics')['a']['fifth']})",
}


# The second kernel has the same parent as the first one, which executes this.
KILL = """
import os, psutil, signal
(other,) = [each for each in psutil.Process(os.getppid()).children() if "lib.study.ahead" in " ".join(each.cmdline())]
other.send_signal(signal.SIGKILL)
"""


@pytest.fixture
def digits(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    return params.load("digits").model_copy(update=QUICK)


@pytest.fixture
def executed(tmp_path, monkeypatch, digits):
    """Executes `NOTEBOOKS` with some of them changed, on a number of cores; gives the verdicts and the run folder."""
    source = tmp_path / "notebooks"
    monkeypatch.setattr(paths, "notebooks_folder", lambda: source)

    def run(cores, place, **changed):
        monkeypatch.setattr(os, "cpu_count", lambda: cores)
        source.mkdir(exist_ok=True)
        for name, code in (NOTEBOOKS | changed).items():
            (source / f"{name}.py").write_text(BEGIN + code + "\n", encoding="utf-8")
        (tmp_path / place / "notebooks").mkdir(parents=True)
        found, here = {}, os.getcwd()
        with Kernels(digits, tmp_path / place) as kernels, Early(tmp_path / place, "", found) as early:
            kernels.start()
            try:
                chapters.execute_all(digits, tmp_path / place, found, kernels, early)
            except UserError as error:
                return {name: verdict.verdict for name, verdict in found.items()}, str(error)
            finally:
                assert os.getcwd() == here
        return {name: verdict.verdict for name, verdict in found.items()}, tmp_path / place / "run"

    return run


@pytest.mark.parametrize(
    ("cores", "side", "limit", "expected"),
    [
        (8, SMALL, 2 * 10**9, 2),
        (1, SMALL, 2 * 10**9, 1),
        (8, SMALL + 8, 2 * 10**9, 1),
        (8, SMALL + 8, 10**10, 2),
        (8, LARGEST, "max", 2),
        (1, LARGEST, "max", 1),
        (8, LARGEST + 8, "max", 1),
    ],
)
def test_a_second_kernel_only_where_it_helps(digits, tmp_path, monkeypatch, cores, side, limit, expected):
    """A container's limit counts where it is lower than the memory of the machine; `max` is no limit."""
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr("lib.report.kernels.LIMITS", [tmp_path / "missing", tmp_path / "memory.max"])
    monkeypatch.setattr(os, "sysconf", lambda name: 10**10 if "PAGES" in name else 1)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert len(Kernels(digits.model_copy(update={"image_size": side}), tmp_path).all) == expected


def test_memory_is_unknown_where_nothing_says(monkeypatch):
    monkeypatch.setattr("lib.report.kernels.LIMITS", [])
    assert 10**8 < memory() < 10**14
    monkeypatch.delattr(os, "sysconf")
    assert memory() == 0


def test_two_kernels_share_the_cores_unless_the_user_says_otherwise(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    given = environment(digits, tmp_path)
    assert {given[name] for name in THREADS} == {"4"} and given["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert given["ANOMALY_RUN_FOLDER"] == str(tmp_path)
    large = environment(digits.model_copy(update={"image_size": LARGEST + 1}), tmp_path)
    assert large == os.environ | {"ANOMALY_RUN_FOLDER": str(tmp_path)}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert environment(digits, tmp_path)["OMP_NUM_THREADS"] == "1"


def test_they_end_with_the_block(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    (tmp_path / "notebooks").mkdir()
    with Kernels(digits, tmp_path) as kernels:
        kernels.start()
        processes = [kernel.process for kernel in kernels.all]
        kernels.start()
        assert [kernel.process for kernel in kernels.all] == processes  # one of each is enough
    assert all(process.poll() is not None for process in processes)


@pytest.mark.parametrize("killed", [False, True])
def test_two_leave_what_one_leaves(executed, killed):
    """Also where the second one is killed while it makes fits: then there is a new one."""
    verdicts, one = executed(1, "one")
    assert set(verdicts.values()) == {"ok"}
    again, two = executed(2, "two", **{"02_training": KILL + NOTEBOOKS["02_training"]} if killed else {})
    assert again == verdicts
    files = {path.name: path.read_bytes() for path in one.iterdir()}
    assert {path.name: path.read_bytes() for path in two.iterdir()} == files
    # What a notebook beside the others changed is not lost, and the keys are in the order of the chapters.
    metrics = json.loads(files["metrics.json"])
    assert metrics["a"] == {"first": 1, "old": 3, "third": 3, "fourth": 4, "fifth": 5}
    assert list(metrics) == ["kept", "a", "only", "both", "last"] and metrics["last"] == 5
    assert {"third.json", "fifth.json"} <= files.keys()


def test_of_notebooks_beside_each_other_each_has_its_verdict(executed):
    verdicts, error = executed(2, "two", **{"03_anomalies": "import os; os._exit(3)", "05_refinement": "1 / 0"})
    assert "03_anomalies" in error and "its kernel died" in error  # of two failures, the first
    assert verdicts == {
        **dict.fromkeys(NOTEBOOKS, "never_ran"),
        "02_training": "ok",
        "03_anomalies": "kernel_died",
        "05_refinement": "cell_error",
    }
