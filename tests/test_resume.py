"""A killed `report` loses nothing, publishes nothing unfinished, and goes on to the same bytes."""

import errno
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time

import pandas as pd
import pytest
import yaml

from lib import params
from lib.__main__ import main
from lib.core import cache, locks, paths
from lib.presentation import explorer, first_page
from lib.presentation.memo import Memo
from lib.report import execute, rendering

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
seed: int = 1  # the seed

# %%
"""
NOTEBOOKS = {
    "01_a": """\
import pathlib, numpy as np, pandas as pd
from lib import params
from lib.core import cache, paths
from lib.study import Run, Study
paths.notebooks_folder = pathlib.Path.cwd
run = Run.of(study)
run.write("manifest", Study.open(params.load("digits")).provenance())
folder = cache.cached("fits", f"seed{seed}", lambda folder: cache.write_json(folder / "fit.json", {"seed": seed}))
scores = np.random.default_rng(cache.read_json(folder / "fit.json")["seed"]).random(500)
run.write_scores(pd.DataFrame({"id": range(500), "score": scores}))
run.write("metrics", {"mean": float(scores.mean())})
""",
    "02_b": """\
from lib.study import Run
run = Run.of(study)
print(run.update_metrics({"largest": float(run.scores()["score"].max())}))
""",
}
COMPARED = (".html", ".pdf", "metrics.json", "scores.parquet")
POINTS = 2  # of the moments at random, besides those around publishing


def replaced(folder):
    """What takes the place of the project's notebooks, and of the parts of a report that need them all."""
    paths.notebooks_folder = lambda: folder.parent / "notebooks"
    first_page.memo = lambda *_: Memo("A question?")
    explorer.write_explorer = lambda study, run, folder, _: folder / "index.html"


def report(folder, seed=2, kill=None, moves=None):
    """Make the report in a process of its own; `kill` is the move before which it is killed, by number or name."""
    os.environ |= {"ANOMALY_CACHE_DIR": f"{folder}/cache", "ANOMALY_REPORTS_DIR": f"{folder}/reports"}
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    replaced(folder)
    done = []

    def counted(name, move):
        def counting(*given, **options):
            done.append(name)
            if kill in (len(done), name, os.path.basename(given[-1])):
                os.kill(os.getpid(), signal.SIGKILL)
            return move(*given, **options)

        return counting

    os.replace, shutil.rmtree = counted("replace", os.replace), counted("rmtree", shutil.rmtree)
    cache._exchange = counted("exchange", cache._exchange)
    values = params.load("digits").model_dump() | {"study": "small", "seed": seed}
    (folder / "small.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    code = main(["report", str(folder / "small.yaml")])
    if moves:
        moves.send(done)
    sys.exit(code)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """A function that makes the report in a folder, in a process that is forked when all is imported."""
    folder = tmp_path_factory.mktemp("resume")
    (folder / "notebooks").mkdir()
    for name, body in NOTEBOOKS.items():
        (folder / "notebooks" / f"{name}.py").write_text(HEADER + body, encoding="utf-8")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lib.report.execute", "lib.report.rendering", "lib.report.studies", "test_resume"])

    def start(name, **options):
        (folder / name).mkdir(exist_ok=True)
        process = context.Process(target=report, args=(folder / name,), kwargs=options)
        process.start()
        return folder / name, process

    return start


def finish(start, name, **options):
    folder, process = start(name, **options)
    process.join(600)
    assert process.exitcode == 0
    return folder


def published(folder):
    """The published report's files with their SHA-256, after a check that none is unfinished there or in the cache."""
    for path in (folder / "cache").rglob("*.json"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            json.loads(path.read_text(encoding="utf-8"))
    for path in (folder / "cache").rglob("*.parquet"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            pd.read_parquet(path)
    made = folder / "reports" / "small"
    files = json.loads((made / "run" / "status.json").read_text(encoding="utf-8"))["files"]
    there = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert there == {*files, "run/status.json"}
    for name, value in files.items():
        assert hashlib.sha256((made / name).read_bytes()).hexdigest() == value, name
    return files


def bytes_of(folder):
    made = folder / "reports" / "small"
    return {
        path.relative_to(made): path.read_bytes()
        for path in made.rglob("*")
        if path.is_file() and path.name.endswith(COMPARED)
    }


def test_after_kills_at_any_moment_the_report_is_the_same(start):
    receive, send = multiprocessing.Pipe(duplex=False)
    plain = finish(start, "plain", moves=send)
    undisturbed, moves = bytes_of(plain), receive.recv()
    assert len(undisturbed) == 7  # three pages and the appendix, the PDF, metrics and scores

    before = published(finish(start, "killed", seed=1))
    random.seed(14)
    points = ["the kernel runs", *sorted(random.sample(range(1, len(moves) // 2), POINTS)), "exchange", "index.html"]
    executed = []
    for point in points:
        folder, process = start("killed", kill=point)
        if point == "the kernel runs":
            wait_for(folder / "reports", ".small.making.*/notebooks/*.log")
            process.kill()
        process.join(600)
        executed.append(process.exitcode)
        assert published(folder) == before or bytes_of(folder) == undisturbed
        assert {path.name for path in (folder / "cache" / "pages" / "small").glob("[!.]*")} == {"01_a", "02_b"}
    assert -signal.SIGKILL in executed
    finish(start, "killed")
    assert bytes_of(folder) == undisturbed
    assert 'data-status="' in (folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert not [path.name for path in (folder / "reports").iterdir() if path.name.startswith(".")]
    left = [path for path in (folder / "cache").rglob(".*") if path.name != ".keep"]
    assert not left


def wait_for(folder, pattern):
    until = time.monotonic() + 300
    while not list(folder.glob(pattern)):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_second_report_is_told_at_once_who_is_at_it_and_kernels_end_with_their_parent(start, monkeypatch, capfd):
    folder, process = start("busy")
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(folder / "reports"))
    wait_for(folder / "reports", ".small.making.*/notebooks/*.log")
    capfd.readouterr()
    started = time.monotonic()
    assert main(["report", str(folder / "small.yaml")]) == 2
    assert time.monotonic() - started < 1.5
    said = capfd.readouterr().err
    assert f"small: another process ({process.pid}, since 20" in said and said.count("\n") == 1
    process.kill()
    process.join()
    with locks.lock(".small", wait=False, folder=folder / "reports"):  # no kernel has inherited it
        pass


# Without a kernel


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A folder where two notebooks and their pages take no time; gives it and a function that makes the report."""
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "own" / "cache"))
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / "own" / "reports"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    for owner, name in ((paths, "notebooks_folder"), (first_page, "memo"), (explorer, "write_explorer")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    (tmp_path / "notebooks").mkdir()
    for name in NOTEBOOKS:
        (tmp_path / "notebooks" / f"{name}.py").write_text(HEADER + f"print('{name}')\n", encoding="utf-8")
    (tmp_path / "own").mkdir()
    replaced(tmp_path / "own")
    executed = []

    def rendered(study, notebooks, notice, folder):
        pages = [folder / "index.html", folder / "report.pdf"]
        for page in pages:
            with cache.replacing(page) as temporary:
                temporary.write_bytes(b"".join(notebook.read_bytes() for notebook in notebooks))
        return pages, ""

    monkeypatch.setattr(rendering, "render", rendered)

    def quick(target, parameters, *_):
        import nbformat

        from lib.study import Run, Study

        executed.append(target.stem)
        notebook = nbformat.read(target, 4)
        for count, cell in enumerate([cell for cell in notebook.cells if cell.cell_type == "code"], start=1):
            cell.execution_count = count
        nbformat.write(notebook, target)
        run = Run(target.parent.parent / "run")
        run.write("manifest", Study.open(params.load("digits")).provenance())
        run.write(target.stem, dict(parameters))

    monkeypatch.setattr(execute, "execute", quick)

    def make(seed=1):
        executed.clear()
        values = params.load("digits").model_dump() | {"study": "small", "seed": seed}
        (tmp_path / "own" / "small.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        return main(["report", str(tmp_path / "own" / "small.yaml")]), executed.copy()

    return tmp_path / "own", make


def test_a_full_disk_at_any_write_is_one_line_and_loses_nothing(alone, monkeypatch, capfd):
    folder, make = alone
    assert make() == (0, ["01_a", "02_b"])
    before = published(folder)
    real, moves = cache.flush, []

    def full_at(number):
        def flush(path, **options):
            moves.append(path)
            if len(moves) == number:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            real(path, **options)

        return flush

    seen, number = set(), 1
    while True:
        moves.clear()
        monkeypatch.setattr(cache, "flush", full_at(number))
        capfd.readouterr()
        code, executed = make(seed=2)
        said = capfd.readouterr().err
        seen |= set(executed)
        if code == 0:
            break
        assert code == 2 and "no space left for" in said and "Traceback" not in said, number
        published(folder)
        number += 1
    assert number >= 6 and seen == {"01_a", "02_b"} and executed == []
    assert published(folder) != before
    assert not list((folder / "reports").glob(".*"))
    assert not list((folder / "cache").rglob(".*"))


def test_no_permission_is_one_line(alone, monkeypatch, capfd):
    folder, make = alone
    assert make()[0] == 0
    before, real = published(folder), os.open

    def refuse(path, flags, *given, **options):
        if flags & (os.O_RDWR | os.O_WRONLY) and str(path).startswith(str(folder / "reports")):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, flags, *given, **options)

    monkeypatch.setattr(os, "open", refuse)
    capfd.readouterr()
    assert make(seed=2)[0] == 2
    assert "no permission for" in capfd.readouterr().err
    assert published(folder) == before


def test_times_of_files_and_the_place_of_the_report_do_not_matter(alone, monkeypatch):
    folder, make = alone
    assert make()[0] == 0
    before = bytes_of(folder)
    later = time.time() + 10**8  # as after a clock that was set back
    for path in folder.rglob("*"):
        os.utime(path, (later, later))
    assert make() == (0, [])
    (folder / "reports").rename(folder / "moved")
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(folder / "moved"))
    said = (folder / "moved" / "small" / "run" / "status.json").read_bytes()
    assert make() == (0, []) and (folder / "moved" / "small" / "run" / "status.json").read_bytes() == said
    (folder / "moved" / "small" / "index.html").write_text("edited")
    assert make() == (0, [])  # is rendered again, since it is not what was made
    (folder / "moved").rename(folder / "reports")
    assert bytes_of(folder) == before


def test_ctrl_c_leaves_the_last_report_and_keeps_what_is_finished(alone, monkeypatch, capfd):
    folder, make = alone
    assert make()[0] == 0
    before, quick = published(folder), execute.execute

    def interrupted(target, *given):
        if target.stem == "02_b":
            raise KeyboardInterrupt
        quick(target, *given)

    with monkeypatch.context() as patch:
        patch.setattr(execute, "execute", interrupted)
        assert make(seed=2) == (130, ["01_a"])
    assert published(folder) == before and not list((folder / "reports").glob(".*"))
    assert make(seed=2) == (0, ["02_b"])


def test_a_crash_between_the_two_moves_of_publishing_is_repaired(alone, monkeypatch):
    folder, make = alone
    assert make()[0] == 0
    before = published(folder)
    made = folder / "reports" / "small"
    made.rename(made.with_name(".small.before"))
    (folder / "reports" / ".small.making.abc").mkdir()
    assert make() == (0, []) and published(folder) == before
    monkeypatch.setattr(cache, "_exchange", lambda *_: False)  # as on a system that cannot exchange
    assert make(seed=2)[0] == 0 and published(folder) != before
    assert not list((folder / "reports").glob(".*"))
