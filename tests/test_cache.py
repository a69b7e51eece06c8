"""Whole or nothing: what is kept on disk is never half there."""

import errno
import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from lib.core import cache, locks
from lib.core.errors import UserError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.json"
    cache.write_json(path, {"value": 1})
    with pytest.raises(ValueError):
        cache.write_json(path, {"value": float("nan")})
    assert json.loads(path.read_text()) == {"value": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]


def test_keys_tell_values_apart_and_equal_values_together():
    assert cache.content_key({"a": 1, "b": 2}) == cache.content_key({"b": 2, "a": 1})
    assert cache.content_key([1, 2]) != cache.content_key([12])


def test_a_folder_is_made_once_and_only_whole(tmp_path):
    made = []

    def fails(folder: Path):
        (folder / "half").write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.cached("kind", "key", fails)
    folder = cache.cached("kind", "key", lambda folder: made.append((folder / "whole").write_text("x")))
    cache.cached("kind", "key", lambda folder: made.append(2))
    assert len(made) == 1 and {each.name for each in folder.iterdir()} == {"whole", "checksums.json"}


def test_every_file_of_a_folder_is_on_the_disk_once_before_the_folder_is_in_place(tmp_path, monkeypatch):
    flushed, real, target = [], os.fsync, tmp_path / "folder"

    def fsync(handle: int) -> None:
        flushed.append((os.fstat(handle).st_ino, target.exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with cache.replacing_folder(target) as made:
        (made / "inside").mkdir()
        cache.write_json(made / "inside" / "one.json", 1)
        (made / "two").write_text("2")
    before = [inode for inode, there in flushed if not there]
    assert sorted(before) == sorted(path.stat().st_ino for path in [target, *target.rglob("*")])
    cache.write_json(tmp_path / "alone.json", 1)
    assert ((tmp_path / "alone.json").stat().st_ino, True) in flushed


def _hold(root: str, ready, seconds: float) -> None:
    import os

    os.environ["ANOMALY_CACHE_DIR"] = root
    with locks.lock("busy"):
        ready.set()
        time.sleep(seconds)


def test_a_lock_that_another_process_holds_is_one_clear_line(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path / "cache"), ready, 30))
    holder.start()
    try:
        assert ready.wait(30)
        with pytest.raises(UserError, match="another process"), locks.lock("busy", wait=False):
            pass
    finally:
        holder.kill()
        holder.join()
    with locks.lock("busy", wait=False):  # a killed process holds nothing
        pass


def test_a_lock_that_is_not_waited_for_leaves_no_file_and_may_be_taken_again(tmp_path):
    left = tmp_path / "a.lock"
    left.write_text("what a killed process has left")
    with locks.lock("a", wait=False, folder=tmp_path), locks.lock("a", wait=False, folder=tmp_path):
        assert json.loads(left.read_text())["process"] == os.getpid()
        assert not os.get_inheritable(os.open(left, os.O_RDONLY))
    assert not left.exists()


def test_a_file_system_without_locks_is_one_clear_line(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.raises(UserError, match="has no locks"), locks.lock("a", wait=False, folder=tmp_path):
        pass
    with cache.replacing_folder(tmp_path / "folder") as made:  # needs none
        (made / "file").write_text("x")
    assert (tmp_path / "folder" / "file").is_file()


def _fill(root: str, ready) -> None:
    with cache.replacing_folder(Path(root) / "folder") as made:
        (made / "half").write_text("half")
        ready.set()
        time.sleep(60)


def test_what_a_killed_process_left_is_removed_and_what_another_is_making_is_not(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    other = context.Process(target=_fill, args=(str(tmp_path), ready))
    other.start()
    try:
        assert ready.wait(30)
        for content in ("first", "second"):
            with cache.replacing_folder(tmp_path / "folder") as made:
                (made / "whole").write_text(content)
        assert len(list(tmp_path.glob(".*"))) == 1
    finally:
        other.kill()
        other.join()
    with cache.replacing_folder(tmp_path / "folder") as made:
        (made / "whole").write_text("third")
    assert [path.name for path in tmp_path.iterdir() if path.name != "cache"] == ["folder"]
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["whole"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_published_folder_is_whole_and_the_one_before_is_kept_until_then(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(cache, "_exchange", lambda *_: False)
    for content in ("first", "second"):
        made = tmp_path / "made"
        made.mkdir(exist_ok=True)
        (made / "file").write_text(content)
        cache.publish(made, tmp_path / "folder")
        assert (tmp_path / "folder" / "file").read_text() == content
    cache.recover(tmp_path / "folder")
    (tmp_path / "folder").rename(tmp_path / ".folder.before")  # as a crash between two moves leaves it
    cache.recover(tmp_path / "folder")
    assert (tmp_path / "folder" / "file").read_text() == "second" and not list(tmp_path.glob(".*"))
