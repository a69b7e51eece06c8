"""Build ``.venv`` from a hash-locked requirements file: ``python .ci/venv.py requirements.lock .venv/.ok``.

With the stamp of a finished ``.venv`` as a third word, the packages of another lock are added to that one:
``python .ci/venv.py requirements-lab.lock .venv/.ok-lab .venv/.ok``.

Standard library only, since this runs before anything is installed. Every failure is reported in one line;
the installers' output goes to ``.cache/venv-install.log``. The stamp is written last, so an interrupted build is never
mistaken for a finished one: the next ``make`` removes it and starts again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import locale
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

VENV = Path(".venv")
LOG = Path(".cache/venv-install.log")
CPU_MACHINES = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")}
GPU_MACHINES = {("linux", "x86_64")}
BYTES = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
FIRST = {"setuptools", "wheel", "uv"}  # to build the package that is published as source only, and to install
HEADERS = "lib/python3*/site-packages/tensorflow/include"  # for TensorFlow operations in C++: 0.3 GB that nothing reads
# Settings of pip that tell where packages come from, and uv's names for them.
INDEX = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}

# Patterns searched for in the log of a failed step, most specific first, and the message for the user.
REASONS = {
    r"No space left on device": "the disk is full; a finished .venv takes about 2 GB",
    r"DO NOT MATCH THE HASHES": "a downloaded file is not the one that the lock names; "
    "run make again, and report it if it stays so",
    r"Retrying \(Retry|NewConnectionError|ConnectionError|ReadTimeoutError|ProxyError|SSLError": (
        "the Python package registry cannot be reached; "
        "connect to the network, or set pip's index or proxy, and run make again"
    ),
    r"requirement ([\w.=-]+) \(from versions: none\)": r"pip's index has no \1; is its address right?",
    r"No matching distribution found for ([\w.=-]+)": r"the registry has no \1 that fits this machine",
    r"ensurepip": "Python's ensurepip failed; on Debian or Ubuntu run: apt install python3-venv",
}


class Refusal(Exception):
    """A failure with a known reason; its message is the line that the user sees."""


def main(lock: Path, stamp: Path, below: Path | None = None) -> None:
    """Make ``.venv`` agree with ``lock`` and ``pyproject.toml``, then write ``stamp``.

    Args:
        lock: requirements file with hashes; its header says how much each kind of machine downloads.
        stamp: file inside ``.venv``, written last: what the finished ``.venv`` was built from.
        below: stamp of the ``.venv`` to which the packages of ``lock`` are added; by default it is built anew.

    Raises:
        Refusal: it cannot be built. No unfinished files stay.
    """
    refuse_unsupported(lock)
    refuse_folder(os.getcwd())
    LOG.parent.mkdir(exist_ok=True)
    with only_one_builder():
        wanted = fingerprint(lock, below)
        if is_finished(stamp, wanted):
            stamp.touch()  # a file was touched, or edited where it makes no difference here
            return
        if below:
            build(lock, added=True)
        else:
            build_anew(lock)
        stamp.write_text(json.dumps(wanted, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def build_anew(lock: Path) -> None:
    """Build ``.venv`` in an empty folder, and leave none where that fails."""
    if VENV.exists():
        print("Removing .venv: it is unfinished, or the lock has changed", flush=True)
    remove_venv()
    try:
        build(lock)
    except BaseException:
        remove_venv()
        raise


def refuse_unsupported(lock: Path) -> None:
    """Refuse a machine for which the lock has no TensorFlow, before anything is downloaded."""
    machine = (sys.platform, platform.machine())
    covered = GPU_MACHINES if "gpu" in lock.name else CPU_MACHINES
    if machine not in covered:
        names = ", ".join(" ".join(pair) for pair in sorted(covered))
        raise Refusal(f"no TensorFlow is locked for {' '.join(machine)}: {lock} covers {names}")
    if sys.platform == "linux" and platform.libc_ver()[0] != "glibc":
        raise Refusal("TensorFlow's Linux wheels need glibc, and this system has another C library")


def refuse_folder(folder: str) -> None:
    """Refuse a folder in which no virtual environment works: its path is part of PATH and of lines of text."""
    for character, words in {"\n": "a line break", ":": "a colon"}.items():
        if character in folder:
            raise Refusal(f"the path of this folder has {words}; no Python environment works there; rename it")


@contextmanager
def only_one_builder() -> Iterator[None]:
    """Hold a lock, so that two ``make`` in two terminals do not build the same ``.venv`` at once."""
    with LOG.with_name("venv.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is building .venv; waiting for it", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def fingerprint(lock: Path, below: Path | None = None) -> dict[str, str]:
    """What a finished ``.venv`` depends on: its locks, the package's own metadata, Python and the folder."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    tools = [project["tool"].get(name) for name in ("setuptools", "distutils")]
    own = [project["build-system"], project["project"], tools]
    before = below.read_bytes() if below else b""
    locked = hashlib.sha256(lock.read_bytes() + json.dumps(own, sort_keys=True).encode() + before)
    return {"locked": locked.hexdigest(), "python": platform.python_version(), "folder": os.getcwd()}


def is_finished(stamp: Path, wanted: dict[str, str]) -> bool:
    """Whether ``.venv`` was built from exactly this, and its interpreter still starts."""
    try:
        recorded = json.loads(stamp.read_text(encoding="utf-8"))
        started = subprocess.run([VENV / "bin/python", "-c", ""], capture_output=True)
    except (OSError, ValueError):
        return False
    return recorded == wanted and started.returncode == 0


def remove_venv() -> None:
    """Remove ``.venv``; if it is a symbolic link, only the link."""
    if VENV.is_symlink():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)


def build(lock: Path, added: bool = False) -> None:
    """Create ``.venv``, install what ``lock`` names with its hashes checked, then this project, editable.

    Args:
        lock: requirements file with hashes.
        added: whether its packages are added to the ``.venv`` that is there.
    """
    started = time.monotonic()
    text = lock.read_text(encoding="utf-8")
    count, megabytes = announced(text)
    where = f"Building .venv with Python {platform.python_version()} ({sys.executable})"
    print(
        f"{f'Adding {lock} to .venv' if added else where}:\n"
        f"  {count} packages, {megabytes} MB to download where they are not cached; log in {LOG}",
        flush=True,
    )
    with LOG.open("w", encoding="utf-8") as log:
        if not added:
            # These also test the network: few retries, so that a missing one is reported within seconds.
            first = LOG.with_name("venv-first.txt")
            first.write_text(entries(text, FIRST), encoding="utf-8")
            run([sys.executable, "-m", "venv", str(VENV)], log)
            pip(["--retries", "1", "--timeout", "8", "--require-hashes", "-r", str(first)], log)
        downloaded = install(lock, log, count)
        if not added:
            pip(["--editable", "."], log)
            for headers in VENV.glob(HEADERS):
                shutil.rmtree(headers)
        # Byte code on every core; files for another Python may fail to compile, and packages' own tests never run.
        compiler = [VENV / "bin/python", "-m", "compileall", "-q", "-j", "0", "-x", "/tests/", VENV / "lib", "lib"]
        subprocess.run(compiler, stdout=log, stderr=log)
    size = sum(path.lstat().st_size for path in VENV.rglob("*"))
    print(
        f"Built .venv in {time.monotonic() - started:.0f} s: "
        f"{downloaded / 1e6:.0f} MB downloaded, {size / 1e9:.1f} GB on disk",
        flush=True,
    )


def install(lock: Path, log, count: int) -> float:
    """Install what a lock names; return the bytes downloaded.

    uv takes a tenth of pip's time. Where it fails, pip is asked: it knows more ways to reach an index, and the reasons
    for its failures are known here.
    """
    command = [str(VENV / "bin/uv"), "pip", "install", "--python", str(VENV / "bin/python"), "--no-deps"]
    command += ["--require-hashes", "--no-build-isolation", "--no-progress", "-r", str(lock)]
    settings = subprocess.run(
        [VENV / "bin/python", "-m", "pip", "config", "list"], capture_output=True, text=True, env=environment()
    )
    try:
        return run(command, log, count, environment() | index_settings(settings.stdout))
    except Refusal:
        return pip(["--require-hashes", "-r", str(lock)], log, count)


def index_settings(listed: str) -> dict[str, str]:
    """The environment by which uv takes packages from where pip does.

    Args:
        listed: what ``pip config list`` prints: ``global.index-url='https://…'`` and so on.
    """
    found: dict[str, dict[str, str]] = {}
    for section, name, value in re.findall(r"^(global|install|:env:)\.([\w-]+)='(.*)'$", listed, flags=re.MULTILINE):
        found.setdefault(name, {})[section] = value
    settings = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip: all indexes are asked, and the hash decides
    for name, variable in INDEX.items():
        by_section = found.get(name, {})
        value = by_section.get(":env:") or by_section.get("install") or by_section.get("global")
        if value:
            several = value.replace("\\n", " ").split()
            settings[variable] = ("," if name == "find-links" else " ").join(several)
    return settings


def announced(lock_text: str) -> tuple[int, int]:
    """Numbers of packages and megabytes that this machine needs, from the lock's header."""
    system = {"linux": "linux", "darwin": "macos"}[sys.platform]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    line = rf"^# +{system} {platform.machine()}, Python {version}: (\d+) packages, (\d+) MB$"
    match = re.search(line, lock_text, flags=re.MULTILINE)
    if not match:
        raise Refusal(f"the lock states no sizes for {system} {platform.machine()}, Python {version}; make lock")
    return int(match[1]), int(match[2])


def entries(lock_text: str, names: set[str]) -> str:
    """The lock's entries for some packages, hashes included."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", lock_text, flags=re.MULTILINE)
    return "".join(block for block in blocks if block.split("==")[0] in names)


def pip(arguments: list[str], log, count: int = 0) -> float:
    """Run ``pip install`` inside ``.venv`` without dependencies; return the bytes downloaded."""
    fixed = ["--no-deps", "--no-build-isolation", "--no-compile", "--progress-bar", "off", "--no-color"]
    return run([str(VENV / "bin/python"), "-m", "pip", "install", *fixed, *arguments], log, count)


def run(command: list[str], log, count: int = 0, variables: dict[str, str] | None = None) -> float:
    """Run a command, write its output to the log, and show the installer's progress.

    Args:
        command: what to run.
        log: open text file for its output.
        count: packages to expect; above 0, progress is shown.
        variables: its environment; by default that of `environment`.

    Returns:
        Bytes that the installer says it downloaded.

    Raises:
        Refusal: the command failed, with the reason that the log gives.
    """
    lines: list[str] = []
    downloaded, shown = 0.0, time.monotonic()
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, env=variables or environment(), **pipes) as process:
        try:
            for line in process.stdout:
                lines.append(line)
                log.write(line)
                log.flush()
                downloaded += size_in(line)
                progress = f"  {count} packages, {downloaded / 1e6:.0f} MB downloaded"
                # A terminal gets one line that is rewritten; a log file gets a line every half minute.
                due = time.monotonic() - shown > (0.5 if sys.stdout.isatty() else 30)
                if count and line.startswith(("Installing collected packages", "Prepared ")):
                    show(f"{progress}; unpacking", last=True)
                    count = 0
                elif count and due:
                    show(progress)
                    shown = time.monotonic()
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise Refusal(reason("".join(lines)))
    return downloaded


def size_in(line: str) -> float:
    """Bytes of the file that a line of pip's or uv's output says it downloads, or 0."""
    match = re.match(r"\s*Downloading (?!\S+\.metadata).*\(([\d.]+) ?(bytes|[kMG]B|[KMG]iB)\)", line)
    return float(match[1]) * BYTES[match[2]] if match else 0.0


def show(text: str, last: bool = False) -> None:
    """Print a line of progress; on a terminal the next one replaces it."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="\n" if last else "", flush=True)
    else:
        print(text, flush=True)


def environment() -> dict[str, str]:
    """The user's environment, with pip's index settings, without variables that would install elsewhere."""
    excluded = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "VIRTUAL_ENV"}
    own = {name: value for name, value in os.environ.items() if name not in excluded}
    if locale.getencoding().lower() != "utf-8":  # setuptools writes the path of this folder in the locale's encoding
        own["LC_ALL"] = "C.UTF-8"
    return own | {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def reason(output: str) -> str:
    """One line for a failed step: a known reason, otherwise pip's last error."""
    for pattern, words in REASONS.items():
        match = re.search(pattern, output)
        if match:
            return f"{match.expand(words)} (pip's log: {LOG})"
    errors = [line for line in output.splitlines() if line.lower().startswith("error")]
    return f"{errors[-1] if errors else 'a step failed without a message'} (full log: {LOG})"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(*map(Path, sys.argv[1:]))
    except Refusal as refusal:
        sys.exit(f"\nmake: .venv cannot be built: {refusal}")
    except KeyboardInterrupt:
        sys.exit("\nmake: stopped; the unfinished .venv is removed, run make again to build it")
    except OSError as error:
        sys.exit(f"\nmake: .venv cannot be built: {error}")
