"""The second process of a report: when it is started, and that it ends with the first."""

import os

import pytest

from lib import params
from lib.study.ahead import LARGEST, THREADS, Ahead, environment


@pytest.fixture
def digits(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path))
    return params.load("digits")


def test_it_is_not_started_where_it_cannot_help(digits, monkeypatch):
    with Ahead() as ahead:
        ahead.start(digits.model_copy(update={"image_size": LARGEST + 1}))
        assert ahead.process is None
        monkeypatch.setattr(os, "cpu_count", lambda: 1)
        ahead.start(digits)
        assert ahead.process is None


def test_it_ends_when_the_first_process_is_gone(digits, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with Ahead() as ahead:
        ahead.start(digits)
        own = ahead.process
        ahead.start(digits)
        assert ahead.process is own  # one is enough
        own.stdin.close()  # as the system does when the first process is killed
        assert own.wait(timeout=60) == 0


def test_it_ends_with_the_block(digits, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with Ahead() as ahead:
        ahead.start(digits)
    assert ahead.process.poll() is not None


def test_two_processes_share_the_cores_unless_the_user_says_otherwise(digits, monkeypatch):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert {environment(digits)[name] for name in THREADS} == {"4"}
    assert environment(digits.model_copy(update={"image_size": LARGEST + 1})) == dict(os.environ)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert environment(digits)["OMP_NUM_THREADS"] == "1"
