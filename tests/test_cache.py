"""Whole or nothing: what is kept on disk is never half there."""

import json
import multiprocessing
import time
from pathlib import Path

import pytest

from lib.core import cache
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


def _hold(root: str, ready, seconds: float) -> None:
    import os

    os.environ["ANOMALY_CACHE_DIR"] = root
    with cache.lock("busy"):
        ready.set()
        time.sleep(seconds)


def test_a_lock_that_another_process_holds_is_one_clear_line(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path / "cache"), ready, 30))
    holder.start()
    try:
        assert ready.wait(30)
        with pytest.raises(UserError, match="another process"), cache.lock("busy", wait=False):
            pass
    finally:
        holder.kill()
        holder.join()
    with cache.lock("busy", wait=False):  # a killed process holds nothing
        pass
