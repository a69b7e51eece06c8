"""Conditions of every test: no network, no windows, a cache of its own.

Tests marked `caltech101` need that data set on disk, tests marked `browser` a Chromium, tests marked `axe` axe-core,
tests marked `registry` the package registry. Without them these tests are skipped with the reason; where `CI=true` they
fail instead, so that CI cannot pass without running them.
"""

import importlib.util
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROME_ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
CALTECH101 = "caltech101/3.0.2/dataset_info.json"
OWN_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory]()
NOWHERE = "http://127.0.0.1:9"  # the discard port, where nothing listens

ENVIRONMENT = dict(os.environ)  # before any change: the registry tests need its proxies and index settings


def pytest_configure(config):
    config.addinivalue_line("markers", "registry: needs the Python package registry; required when CI=true")
    config.addinivalue_line("markers", "axe: needs axe-core (AXE, the path of axe.min.js); required when CI=true")
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.pop("SOURCE_DATE_EPOCH", None)  # with it no run time is recorded
    # The user's own cache and reports are neither read nor changed.
    config.stash[OWN_FOLDER] = tempfile.TemporaryDirectory(prefix="anomaly-tests-")
    os.environ["ANOMALY_CACHE_DIR"] = f"{config.stash[OWN_FOLDER].name}/cache"
    os.environ["ANOMALY_REPORTS_DIR"] = f"{config.stash[OWN_FOLDER].name}/reports"
    # Processes that run tests side by side share the cores, so that they do not wait for each other's threads.
    if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
        for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(name, str(max(os.cpu_count() // workers, 1)))
    # Kernels and other processes that tests start get proxies that do not answer, so they have no network either.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        os.environ[name] = os.environ[name.upper()] = NOWHERE
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"
    socket.socket.connect = guarded(socket.socket.connect)
    socket.socket.connect_ex = guarded(socket.socket.connect_ex)
    socket.getaddrinfo = only_local_names(socket.getaddrinfo)


def pytest_unconfigure(config):
    config.stash[OWN_FOLDER].cleanup()


def guarded(connect):
    """`connect`, except for addresses of other machines: an `OSError`, as without a network."""

    def connect_on_this_machine(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_local(address[0]):
            raise OSError(f"tests use no network, and this one asked for {address[0]}")
        return connect(self, address)

    return connect_on_this_machine


def only_local_names(getaddrinfo):
    """`getaddrinfo`, except for names of other machines: unknown, as without a network."""

    def look_up(host, *arguments, **options):
        if host and not is_local(host):
            raise socket.gaierror(socket.EAI_NONAME, f"tests use no network, and this one asked for {host}")
        return getaddrinfo(host, *arguments, **options)

    return look_up


def is_local(host):
    """Whether a host name or address is this machine's own."""
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in ("localhost", "", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback or name == "0.0.0.0"
    except ValueError:
        return False


@pytest.hookimpl(tryfirst=True)  # before any fixture looks for what is missing
def pytest_runtest_setup(item):
    needs = {"caltech101": why_no_caltech101, "browser": why_no_browser, "axe": why_no_axe, "registry": why_no_registry}
    for marker, why_not in needs.items():
        if item.get_closest_marker(marker) and (reason := why_not()):
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(f"CI=true, and {reason}", pytrace=False)
            pytest.skip(reason)


def tfds_folder():
    """The folder of tensorflow-datasets' data sets."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser().absolute()


def why_no_caltech101():
    """The reason for skipping; empty if Caltech101 is on disk."""
    if (tfds_folder() / CALTECH101).is_file():
        return ""
    return f"Caltech101 is not on disk: no {tfds_folder() / CALTECH101} (TFDS_DATA_DIR names another folder)"


def browser():
    """Path of a Chromium or Chrome, or None; the environment's CHROMIUM comes first."""
    named = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ([named] if named else BROWSERS)]
    found.append(str(CHROME_ON_MACOS) if not named and CHROME_ON_MACOS.is_file() else None)
    return next((path for path in found if path), None)


def why_no_browser():
    """The reason for skipping; empty if there is a Chromium."""
    return "" if browser() else f"no Chromium: none of {', '.join(BROWSERS)} is on PATH (CHROMIUM names another)"


def why_no_axe():
    """The reason for skipping; empty if there is an axe-core."""
    there = os.environ.get("AXE") and Path(os.environ["AXE"]).is_file()
    return "" if there else "no axe-core: AXE does not name its axe.min.js (.ci/run installs it)"


def why_no_registry():
    """The reason for skipping; empty if pip gets an answer from its index. Asked once a session."""
    if not hasattr(why_no_registry, "answer"):
        ask = [sys.executable, "-m", "pip", "--retries", "0", "--timeout", "8"]
        ask += ["install", "--dry-run", "--ignore-installed", "--no-deps", "iniconfig"]
        asked = subprocess.run(ask, capture_output=True, env=ENVIRONMENT)
        why_no_registry.answer = "pip cannot reach its index" if asked.returncode else ""
    return why_no_registry.answer


def load_script(name):
    """A script of .ci as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def chromium():
    """Path of the browser, for tests marked `browser`."""
    return browser()


@pytest.fixture(scope="session")
def root():
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory):
    """A folder for the cache and the reports of one file of tests, also of the processes that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("own")
        patch.setenv("ANOMALY_CACHE_DIR", str(folder / "cache"))
        patch.setenv("ANOMALY_REPORTS_DIR", str(folder / "reports"))
        yield folder
