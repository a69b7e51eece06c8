"""Results of a sweep at a URL: no task is carried out twice, a half upload is no result, a bad URL is one line."""

import json
import subprocess
import sys

import dask_processes
import fsspec
import pytest
from small_sweep import in_this_process, written

from lib import sweep
from lib.__main__ import main
from lib.core import cache, paths
from lib.core.errors import UserError
from lib.sweep import cluster, page, remote, tasks

FEW = {"studies": {"normal_class": ["0", "1"]}, "detectors": ["pca"]}  # two tasks


@pytest.fixture(autouse=True)
def this_process(monkeypatch):
    monkeypatch.setattr(cluster, "carry_out", in_this_process)


@pytest.fixture
def no_pages(monkeypatch):
    monkeypatch.setattr(page, "write", lambda *_: [])


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Puts the test on a machine with a cache and reports of its own; returns where its table is."""

    def move(name):
        monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / name / "cache"))
        monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / name / "reports"))
        return tmp_path / name / "reports" / "sweeps" / "small" / "run" / "results.csv"

    return move


@pytest.fixture
def url(tmp_path):
    return f"file://{tmp_path}/there"


def carried_out(folder, url, **changes):
    return main(["sweep", str(written(folder, **changes)), "--results", url])


def uploaded(folder):
    """The files of the results, and those that mark them as whole."""
    files = [path for path in (folder / "there").rglob("*") if path.is_file() and path.name != "about.txt"]
    marks = [path for path in files if path.name == "checksums.json"]
    return sorted(set(files) - set(marks)), sorted(marks)


def test_another_machine_computes_nothing_and_has_the_same_table(tmp_path, machine, url, monkeypatch, capsys):
    first = machine("one")
    assert carried_out(tmp_path, url) == 0
    monkeypatch.setattr(tasks, "_figures", lambda task: pytest.fail("computed again"))
    second = machine("two")
    assert carried_out(tmp_path, url) == 0
    assert second.read_bytes() == first.read_bytes()
    assert "12 tasks, 12 finished before, 0 to do" in capsys.readouterr().err


def test_results_that_only_a_cache_has_are_uploaded(tmp_path, machine, url, no_pages):
    machine("one")
    assert main(["sweep", str(written(tmp_path, **FEW))]) == 0 and not uploaded(tmp_path)[0]
    assert carried_out(tmp_path, url, **FEW) == 0
    assert [len(files) for files in uploaded(tmp_path)] == [2, 2]


def test_a_half_or_damaged_upload_is_made_again(tmp_path, machine, url, capsys, no_pages):
    machine("one")
    assert carried_out(tmp_path, url, **FEW, settings={"image_size": [16, 24]}) == 0
    files, marks = uploaded(tmp_path)
    assert len(files) == len(marks) == 4
    for path in marks[0], next(file for file in files if file.parent == marks[1].parent):
        path.unlink()
    marks[2].write_bytes(marks[2].read_bytes()[:9])
    damaged = next(file for file in files if file.parent == marks[3].parent)
    damaged.write_bytes(damaged.read_bytes().replace(b'"value": 0', b'"value": 1', 1))
    for name, to_do in (("two", 4), ("three", 0)):
        machine(name)
        assert carried_out(tmp_path, url, **FEW, settings={"image_size": [16, 24]}) == 0
        assert f"4 tasks, {4 - to_do} finished before, {to_do} to do" in capsys.readouterr().err


def test_what_marks_a_result_as_whole_is_uploaded_last(tmp_path, machine, url, monkeypatch, no_pages):
    machine("one")
    order, pipe = [], type(fsspec.filesystem("file")).pipe_file

    def noted(self, path, value, *rest, **options):
        order.append(path.rsplit("/", 2)[1:])
        return pipe(self, path, value, *rest, **options)

    monkeypatch.setattr(type(fsspec.filesystem("file")), "pipe_file", noted)
    assert carried_out(tmp_path, url, **FEW) == 0
    names = [name for _, name in order[1:]]  # the first is about.txt
    assert len(names) == 4 and all((name == "checksums.json") == bool(place % 2) for place, name in enumerate(names))


def test_a_task_whose_result_cannot_be_uploaded_says_so_without_the_password(tmp_path, machine, monkeypatch):
    table = machine("one")
    url = "memory://me:secret@host/sweeps"

    def refused(*_):
        raise PermissionError(f"403 at {url}")

    monkeypatch.setattr(remote, "_upload", refused)
    assert carried_out(tmp_path, url, **FEW) == 1
    text = table.read_text(encoding="utf-8")
    assert "RESULTS=memory://host/sweeps: cannot be written to or read: PermissionError: 403 at memory://host" in text
    for path in table.parents[1].rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes(), path


@pytest.mark.parametrize(
    "url, line",
    [
        ("bucket/sweeps", "RESULTS=bucket/sweeps: must be a URL without *, ? and [, such as s3://"),
        ("memory://a/b?sig=secret", "RESULTS=memory://a/b: must be a URL without *, ? and ["),
        ("memry://a", "RESULTS=memry://a: Protocol not known: memry (did you mean 'memory'?)"),
        ("s3://me:secret@bucket", "RESULTS=s3://bucket: Install s3fs to access S3"),
        ("file:///dev/null/sweeps", "RESULTS=file:///dev/null/sweeps: cannot be written to or read: "),
        ("ftp://me:secret@127.0.0.1:9/sweeps", "RESULTS=ftp://127.0.0.1:9/sweeps: cannot be written to or read: "),
    ],
)
def test_a_bad_url_is_one_line_before_anything_starts(tmp_path, machine, monkeypatch, capsys, url, line):
    machine("one")
    monkeypatch.setattr(sweep.Sweep, "tasks", lambda self: pytest.fail("something was started"))
    assert carried_out(tmp_path, url, **FEW) == 2
    error = capsys.readouterr().err
    assert line in error and len(error.splitlines()) == 1 and "secret" not in error
    assert not (tmp_path / "one" / "reports").exists()


def test_a_url_that_cannot_be_read_is_not_taken_for_an_empty_one(machine, url, monkeypatch):
    machine("one")

    def lost(self, paths, **options):
        return dict.fromkeys(paths, ConnectionError("the network is gone"))

    monkeypatch.setattr(type(fsspec.filesystem("file")), "cat", lost)
    with pytest.raises(UserError, match="the network is gone"):
        remote.exchange(url, ["0" * 16])


def test_a_worker_with_other_code_makes_nothing(tmp_path, machine, url):
    machine("one")
    task = sweep.load(written(tmp_path, **FEW)).tasks()[0]
    key = tasks.keys([task])[0]
    assert "other code" in remote.run(task, key, url, "0" * 16) and not cache.has(tasks.RESULTS, key)


def test_workers_with_caches_of_their_own_need_only_the_url(tmp_path, machine, url):
    machine("workers")
    with dask_processes.started() as (address, *_):
        table = machine("client")
        command = [sys.executable, "-m", "lib", "sweep", str(written(tmp_path, **FEW)), "--scheduler", address]
        done = subprocess.run([*command, "--results", url], cwd=paths.ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert len(table.read_text(encoding="utf-8").splitlines()) == 3
    for name in ("workers", "client"):
        assert len(list((tmp_path / name / "cache" / tasks.RESULTS).glob("*/result.json"))) == 2, name
    assert json.loads(uploaded(tmp_path)[0][0].read_bytes())["auroc"]["value"] > 0.5
