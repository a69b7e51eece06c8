"""Tests have no network, and in CI a test that lacks something fails."""

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MARKED = """
import pytest

@pytest.mark.{marker}
def test_it():
    pass
"""


@pytest.mark.parametrize("address", ["192.0.2.1", "8.8.8.8", "2001:db8::1"])
def test_other_machines_cannot_be_reached(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as outward, pytest.raises(OSError, match="tests use no network"):
        outward.connect((address, 80))


def test_names_of_other_machines_are_unknown():
    with pytest.raises(socket.gaierror):
        socket.create_connection(("example.org", 443))


def test_processes_that_tests_start_have_no_network():
    code = "import urllib.request; urllib.request.urlopen('http://example.org', timeout=5)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode and "Connection refused" in done.stderr


def test_this_machine_can_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    assert urllib.request.proxy_bypass("127.0.0.1")


def test_the_users_own_cache_and_reports_are_not_used():
    for name in ("ANOMALY_CACHE_DIR", "ANOMALY_REPORTS_DIR"):
        assert ROOT not in Path(os.environ[name]).parents


@pytest.mark.parametrize("marker", ["caltech101", "browser", "registry"])
@pytest.mark.parametrize("ci", ["true", ""])
def test_a_test_that_lacks_something_is_skipped_for_users_and_fails_in_ci(tmp_path, marker, ci):
    """Checked in a test run with this conftest.py, without the data set, a browser and the registry."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_one.py").write_text(MARKED.format(marker=marker))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  caltech101: x\n  browser: x\n")
    missing = {"TFDS_DATA_DIR": str(tmp_path), "CHROMIUM": "no-such-browser", "CI": ci}
    missing |= {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | missing, capture_output=True, text=True)
    assert done.returncode == bool(ci), done.stdout
    assert ("1 error" if ci else "1 skipped") in done.stdout
    reason = {"caltech101": "Caltech101 is not on disk", "browser": "no Chromium", "registry": "cannot reach its index"}
    assert reason[marker] in done.stdout
