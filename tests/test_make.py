"""`make`: its targets, one clear line for what is missing on a machine, and no unfinished files."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, load_script

TOOLS = ["sh", "make", "awk", "grep", "cat", "rm", "find", "mkdir", "du"]


@pytest.fixture
def project(tmp_path):
    """What make needs of this project, in a folder of its own, whose name has a space."""
    folder = tmp_path / "a project"
    folder.mkdir()
    for path in [ROOT / name for name in ("Makefile", "pyproject.toml", "LICENSE")] + [*ROOT.glob("*.lock")]:
        shutil.copy(path, folder)
    shutil.copytree(ROOT / ".ci", folder / ".ci", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def path(tmp_path):
    """A PATH with the plain tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool))
    return folder


def make(folder, *arguments, **environment):
    """Runs make in a folder, in an environment without the settings of the make that runs the tests."""
    own = ("MAKE", "MFLAGS", "PIP_", "GPU", "PYTHON", "STUDY", "UV", "UPGRADE", "LAB_ARGS", "PYTEST_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    command = ["make", *arguments]
    return subprocess.run(
        command, cwd=folder, env=inherited | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def messages(done):
    """The lines of make's recipes on standard error, without make's own."""
    return [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("make: ***")]


def pretend_python(folder, name, answer):
    """A command that prints what a Python asked by find_python.sh would."""
    command = folder / name
    command.write_text(f"#!/bin/sh\necho '{answer}'\n")
    command.chmod(0o755)


def targets():
    """Targets for users."""
    phony = re.search(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"))[1].split()
    return set(phony) - {"FORCE"}


def pretend_venv(project):
    """A finished .venv whose Python writes its arguments to a file `asked` beside the Makefile."""
    python = project / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "$@" > asked\n')
    python.chmod(0o755)
    for name in (".ok", ".ok-sweep", ".ok-lab", ".ok-test"):
        (project / ".venv" / name).write_text(json.dumps({"folder": str(project)}) + "\n")


# Help


def test_make_alone_lists_every_target(project):
    done = make(project)
    assert done.returncode == 0 and done.stdout == make(project, "help").stdout
    assert set(re.findall(r"(?m)^  make ([\w-]+) ", done.stdout)) == targets()
    assert {
        "report",
        "study",
        "score",
        "verify",
        "reproduce",
        "deliver",
        "compare",
        "sweep",
        "synthetic",
        "solar",
        "test",
        "check",
        "lab",
        "lock",
        "clean",
        "clean-cache",
        "clean-all",
        "help",
    } == targets()


def test_sweep_needs_a_file_and_passes_the_scheduler_and_the_url_of_results(project):
    done = make(project, "sweep")
    assert done.returncode == 2 and "make sweep needs SWEEP" in done.stderr and "venv.py" not in done.stdout
    pretend_venv(project)
    for given, asked in (["SWEEP=a b.yaml"], "sweep a b.yaml"), (["SWEEP=a", "SCHEDULER=tcp://x:1"], "tcp://x:1"):
        assert make(project, "sweep", *given).returncode == 0
        assert asked in (project / "asked").read_text()
    assert make(project, "sweep", "SWEEP=a", "RESULTS=s3://b/$x y").returncode == 0
    assert (project / "asked").read_text().strip() == "-m lib sweep a --results s3://b/$x y"
    assert make(project, "score", "STUDY=a", "IMAGES=b", "SCHEDULER=tcp://x:1").returncode == 0
    assert (project / "asked").read_text().strip() == "-m lib score a b --scheduler tcp://x:1"


def test_reproduce_takes_a_study_or_a_crate(project):
    for given, words in (([], "needs STUDY or CRATE"), (["STUDY=digits", "CRATE=x.zip"], "not both")):
        done = make(project, "reproduce", *given)
        assert done.returncode == 2 and words in done.stderr and not (project / ".venv").exists()
    pretend_venv(project)
    for given, asked in (
        (["STUDY=digits"], "digits"),
        (["CRATE=x.zip", "IMAGES=a b", "OUT=c"], "--crate x.zip --images a b --out c"),
    ):
        assert make(project, "reproduce", *given).returncode == 0
        assert (project / "asked").read_text() == f"-m lib reproduce {asked}\n"


def test_compare_takes_the_names_of_two_studies(project):
    for given in ([], ["STUDIES=digits"], ["STUDIES=a b c"]):
        done = make(project, "compare", *given)
        assert done.returncode == 2 and not (project / ".venv").exists()
        (line,) = messages(done)
        assert "make compare needs STUDIES, the names of two studies" in line
    pretend_venv(project)
    assert make(project, "compare", "STUDIES=digits *").returncode == 0
    assert (project / "asked").read_text() == "-m lib compare -- digits *\n"


def test_help_names_the_studies(project):
    (project / "params").mkdir()
    (project / "params" / "boats.yaml").touch()
    assert "Studies: boats" in make(project).stdout


def test_the_makefile_keeps_to_what_make_3_81_knows():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not re.search(r"^\.ONESHELL|!=|::=|\$\((file|let|intcmp|guile) ", text, flags=re.MULTILINE)
    assert "perl" not in text


def test_targets_that_need_the_environment_build_it_first(project):
    for target in ("report", "test", "check", "lab"):
        assert ".ci/venv.py requirements.lock .venv/.ok\n" in make(project, "-n", target).stdout, target


def test_a_report_installs_neither_jupyterlab_nor_what_tests_need(project):
    sweep = [".ci/venv.py requirements-sweep.lock .venv/.ok-sweep .venv/.ok\n"]
    lab = [*sweep, ".ci/venv.py requirements-lab.lock .venv/.ok-lab .venv/.ok-sweep\n"]
    test = [*lab, ".ci/venv.py requirements-test.lock .venv/.ok-test .venv/.ok-lab\n"]
    added = {"sweep": sweep, "lab": lab, "test": test, "report": [], "score": []}
    for target, commands in added.items():
        asked = make(project, "-n", target, "STUDY=digits", "IMAGES=x", "SWEEP=x").stdout
        assert all(command in asked for command in commands) and asked.count("venv.py") == 1 + len(commands), target


def test_a_gpu_takes_its_own_lock_and_is_remembered(project):
    assert ".ci/venv.py requirements-gpu.lock .venv/.ok-gpu" in make(project, "-n", "test", "GPU=1").stdout
    (project / ".venv").mkdir()
    (project / ".venv/.ok-gpu").touch()
    assert "requirements-gpu.lock" in make(project, "-n", "test").stdout
    assert "requirements-gpu.lock" not in make(project, "-n", "test", "GPU=0").stdout


def test_report_and_test_pass_on_what_they_are_given(project):
    pretend_venv(project)
    for given, asked in (["STUDY=airplanes"], "report airplanes"), ([], "report"):
        assert make(project, "report", *given).returncode == 0
        assert (project / "asked").read_text() == f"-m lib {asked}\n"
    assert "-k scores" in make(project, "-n", "test", "PYTEST_ARGS=-k scores").stdout


# Python


@pytest.mark.parametrize(
    ("name", "answer", "line"),
    [
        ("none", "", "CPython 3.11 or 3.12 is needed, found none; install one, or name it: make PYTHON="),
        ("python3", "unsuitable CPython 3.10.13", "found CPython 3.10.13 (python3)"),
        ("python3.11", "venvless 3.11", "apt install python3.11-venv"),
    ],
    ids=["no Python", "too old", "no venv"],
)
def test_a_machine_without_a_suitable_python_gets_one_line(project, path, name, answer, line):
    pretend_python(path, name, answer)
    done = make(project, "test", PATH=str(path))
    (message,) = messages(done)
    assert done.returncode and line in message


def test_a_python_that_is_named_is_the_only_one_tried(project, path):
    pretend_python(path, "mine", "unsuitable CPython 3.13.0")
    (message,) = messages(make(project, "test", f"PYTHON={path / 'mine'}"))
    assert f"CPython 3.13.0 ({path / 'mine'})" in message


def test_commands_of_a_version_manager_that_do_not_run_are_skipped(path):
    broken = path / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    pretend_python(path, "python3.11", "suitable /usr/bin/thatone")
    found = subprocess.run(["sh", ROOT / ".ci/find_python.sh"], env={"PATH": str(path)}, capture_output=True, text=True)
    assert found.stdout == "/usr/bin/thatone\n"


def test_the_python_of_these_tests_is_found_suitable():
    found = subprocess.run(["sh", ROOT / ".ci/find_python.sh", sys.executable], capture_output=True, text=True)
    assert found.stdout.strip() == sys.executable, found.stderr


# Building .venv


@pytest.fixture
def builder(project, monkeypatch):
    """The builder in a copy of the project, with an installation that takes no time."""
    module = load_script("venv")
    monkeypatch.chdir(project)
    module.builds = []

    def build(lock, added=False):
        module.builds.append(lock)
        if not added:
            (project / ".venv/bin").mkdir(parents=True)
            (project / ".venv/bin/python").symlink_to(sys.executable)

    module.build = build
    return module


LOCK, STAMP = Path("requirements.lock"), Path(".venv/.ok")


def test_what_is_built_is_not_built_again(builder):
    builder.main(LOCK, STAMP)
    os.utime(LOCK)
    builder.main(LOCK, STAMP)
    assert builder.builds == [LOCK] and STAMP.stat().st_mtime >= LOCK.stat().st_mtime


def test_another_lock_rebuilds_in_an_empty_folder(builder):
    builder.main(LOCK, STAMP)
    Path(".venv/leftover").touch()
    LOCK.write_text(LOCK.read_text() + "# changed\n")
    builder.main(LOCK, STAMP)
    assert len(builder.builds) == 2 and not Path(".venv/leftover").exists()


def test_packages_are_added_to_what_is_there_and_go_with_it(builder):
    lab, test = Path(".venv/.ok-lab"), Path(".venv/.ok-test")
    more = [(Path("requirements-lab.lock"), lab, STAMP), (Path("requirements-test.lock"), test, lab)]
    for _ in range(2):
        builder.main(LOCK, STAMP)
        for step in more:
            builder.main(*step)
    assert [path.name for path in builder.builds] == [LOCK.name, *(path.name for path, *_ in more)]
    LOCK.write_text(LOCK.read_text() + "# changed\n")
    builder.main(LOCK, STAMP)
    assert not lab.exists() and not test.exists()
    for step in more:
        builder.main(*step)
    assert len(builder.builds) == 6
    more[0][0].write_text(more[0][0].read_text() + "# changed\n")
    for step in [(LOCK, STAMP), *more]:
        builder.main(*step)
    assert [path.name for path in builder.builds[6:]] == [path.name for path, *_ in more]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError])
def test_an_addition_that_is_interrupted_leaves_what_was_there(builder, failure):
    builder.main(LOCK, STAMP)

    def stopped(lock, added):
        raise failure

    builder.build = stopped
    with pytest.raises(failure):
        builder.main(Path("requirements-lab.lock"), Path(".venv/.ok-lab"), STAMP)
    assert STAMP.is_file() and not Path(".venv/.ok-lab").exists()


def test_settings_of_other_tools_do_not_rebuild(builder):
    builder.main(LOCK, STAMP)
    project = Path("pyproject.toml")
    project.write_text(re.sub(r"line-length = \d+", "line-length = 99", project.read_text()))
    builder.main(LOCK, STAMP)
    assert len(builder.builds) == 1


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError, RuntimeError])
def test_an_interrupted_build_leaves_no_files_and_the_next_starts_again(builder, failure):
    whole = builder.build

    def stopped(lock):
        whole(lock)
        raise failure

    builder.build = stopped
    with pytest.raises(failure):
        builder.main(LOCK, STAMP)
    assert not Path(".venv").exists()
    builder.build = whole
    builder.main(LOCK, STAMP)
    assert STAMP.is_file()


def test_a_half_built_environment_is_removed(builder):
    """As a power cut leaves it: files, and no stamp."""
    Path(".venv/bin").mkdir(parents=True)
    Path(".venv/half").touch()
    builder.main(LOCK, STAMP)
    assert STAMP.is_file() and not Path(".venv/half").exists()


def test_a_project_that_was_moved_is_rebuilt(builder, project):
    builder.main(LOCK, STAMP)
    assert ".ci/venv.py" not in make(project, "-n", "verify").stdout
    moved = project.rename(project.with_name("moved"))
    assert ".ci/venv.py" in make(moved, "-n", "verify").stdout


def test_a_missing_interpreter_is_noticed(builder, project):
    builder.main(LOCK, STAMP)
    Path(".venv/bin/python").unlink()
    assert ".ci/venv.py" in make(project, "-n", "verify").stdout
    builder.main(LOCK, STAMP)
    assert len(builder.builds) == 2


@pytest.mark.parametrize(
    ("system", "processor"), [("darwin", "x86_64"), ("win32", "AMD64"), ("linux", "riscv64"), ("linux", "armv7l")]
)
def test_a_machine_without_tensorflow_is_refused_before_anything_is_downloaded(builder, monkeypatch, system, processor):
    monkeypatch.setattr(builder.sys, "platform", system)
    monkeypatch.setattr(builder.platform, "machine", lambda: processor)
    with pytest.raises(builder.Refusal, match=rf"no TensorFlow is locked for {system} {processor}") as refused:
        builder.main(LOCK, STAMP)
    assert not builder.builds and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("WARNING: Retrying (Retry(total=0)) after connection broken\nERROR: No matching distribution", "be reached"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n", "disk is full"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "not the one that the lock names",
        ),
        ("ERROR: No matching distribution found for jax==1.0\n", "no jax==1.0 that fits"),
        ("The virtual environment was not created: ensurepip is not available", "apt install python3-venv"),
        ("ERROR: something new\n", "ERROR: something new"),
        ("", "without a message"),
    ],
)
def test_a_failed_step_has_its_reason_in_one_line(builder, log, words):
    assert words in builder.reason(log) and "\n" not in builder.reason(log)


def test_the_sizes_in_pips_output_are_added_up(builder):
    log = ["  Downloading a-1-py3-none-any.whl (137 kB)", "Using cached b.whl (9 MB)", "Downloading c.whl (1.5 MB)\n"]
    log += ["  Downloading d-1-py3-none-any.whl.metadata (4.2 kB)", "Collecting e==1"]
    log += ["Downloading f (2.5MiB)", " Downloaded f"]  # as uv writes it
    assert sum(map(builder.size_in, log)) == 137e3 + 1.5e6 + 2.5 * 2**20


def test_uv_takes_packages_from_where_pip_does(builder):
    listed = """:env:.index-url='https://a/simple'
global.cert='/certs/a.pem'
global.extra-index-url='https://b/simple https://c/simple'
global.find-links='\\n/wheels\\n/more'
global.index-url='https://other/simple'
global.quiet='1'
install.trusted-host='b c'
"""
    assert builder.index_settings(listed) == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://a/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_INSECURE_HOST": "b c",
        "SSL_CERT_FILE": "/certs/a.pem",
    }
    assert set(builder.index_settings("")) == {"UV_INDEX_STRATEGY"}


def test_where_uv_fails_pip_is_asked(builder, project, monkeypatch):
    asked = []
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(sys.executable)

    def run(command, *rest):
        asked.append(Path(command[0]).name)
        if "uv" in command[0]:
            raise builder.Refusal("no")
        return 7.0

    monkeypatch.setattr(builder, "run", run)
    assert builder.install(LOCK, None, 1) == 7.0 and asked == ["uv", "python"]


def test_only_the_named_entries_are_taken_from_a_lock(builder):
    first = builder.entries(LOCK.read_text(), builder.FIRST)
    assert set(re.findall(r"(?m)^([\w-]+)==", first)) == builder.FIRST and first.count("--hash=sha256:") >= 3


def test_a_registry_out_of_reach_is_one_line_within_a_minute(project):
    """The whole recipe, with a real pip, an index that does not answer, and an unfinished .venv."""
    (project / ".venv").mkdir()
    started = time.monotonic()
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull}
    done = make(project, "check", f"PYTHON={sys.executable}", **nowhere)
    assert done.returncode and time.monotonic() - started < 60
    (message,) = messages(done)
    assert "the Python package registry cannot be reached" in message and "Traceback" not in done.stdout
    assert "MB to download" in done.stdout
    assert not (project / ".venv").exists() and (project / ".cache/venv-install.log").stat().st_size


# Cleaning


def test_clean_removes_what_is_generated_and_nothing_else(project):
    remaining = ["reports/README.md", "notebooks/01_a.py", ".cache/fits/x", "params/a.yaml", ".venv/keep"]
    removed = ["reports/digits/index.html", "reports/digits/run/metrics.json", "notebooks/01_a.ipynb"]
    for name in remaining + removed:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    assert make(project, "clean").returncode == 0
    assert all((project / name).exists() for name in remaining)
    assert not any((project / name).exists() for name in removed)
    (project / ".cache/fits/x").write_bytes(os.urandom(3 * 1024 * 1024))
    output = make(project, "clean-cache").stdout
    assert re.fullmatch(r"clean-cache: frees 3\.\d MB: fits 3\.\d MB\n", output), output
    assert not (project / ".cache").exists() and (project / ".venv/keep").exists()
    assert "nothing to free" in make(project, "clean-cache").stdout


def test_a_report_is_a_file_of_which_python_decides_whether_it_is_up_to_date(project):
    pretend_venv(project)
    target = project / "reports/digits/report.pdf"
    for _ in range(2):  # without the file, and with a newer one
        done = make(project, "reports/digits/report.pdf")
        assert done.returncode == 0, done.stderr
        assert (project / "asked").read_text().split() == ["-m", "lib", "report", "digits"]
        (project / "asked").unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def test_clean_all_needs_no_environment_and_leaves_the_sources(project):
    (project / "lib/__pycache__").mkdir(parents=True)
    (project / "tests").mkdir()
    (project / "lib/a.py").touch()
    (project / ".venv").mkdir()
    done = make(project, "clean-all")
    assert done.returncode == 0, done.stderr
    assert (project / "lib/a.py").exists() and not (project / ".venv").exists()
    assert not (project / "lib/__pycache__").exists()
    assert make(project, "-j4", "clean", "clean-all").returncode == 0


def test_lock_without_uv_is_one_line(project, path):
    done = make(project, "lock", "UV=uv-that-is-not-there")
    assert done.returncode and messages(done) == ["make: uv is needed to renew the locks: pip install uv"]


# JupyterLab


@pytest.fixture
def lab(tmp_path):
    """JupyterLab's server with the settings of `make lab`, on a copy of the notebooks; a function to request pages."""
    copy = tmp_path / "project"
    shutil.copytree(ROOT / "notebooks", copy / "notebooks", ignore=shutil.ignore_patterns("*.ipynb", ".ipynb*"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "lib").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = os.environ | folders | {"JUPYTER_CONFIG_PATH": str(ROOT / ".ci/jupyter")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port", str(port)]
    command += ["--ServerApp.port_retries=0", "--IdentityProvider.token=secret"]
    server = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )

    def ask(address):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", address, headers={"Authorization": "token secret"})
            answer = connection.getresponse()
            body = answer.read()
        return answer.getheader("Location") if answer.status == 302 else json.loads(body)

    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                ask("/api/status")
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, "JupyterLab does not start"
                time.sleep(0.2)
        yield ask
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_jupyterlab_opens_the_text_as_notebooks_on_a_click(lab):
    settings = lab("/lab/api/settings/@jupyterlab/docmanager-extension:plugin")
    assert settings["schema"]["properties"]["defaultViewers"]["default"] == {"python": "Jupytext Notebook"}
    listed = lab("/api/contents/notebooks")["content"]
    assert listed and {each["type"] for each in listed} == {"notebook"}
    opened = lab(f"/api/contents/{listed[0]['path']}?type=notebook")
    assert opened["type"] == "notebook" and len(opened["content"]["cells"]) > 3


def test_jupyterlab_starts_at_the_notebooks_and_hides_lib(lab):
    """A click opens any .py as a notebook, and saving it would write a header into a module."""
    assert lab("/").startswith("/lab/tree/notebooks")
    assert "lib" not in {each["name"] for each in lab("/api/contents")["content"]}


def test_make_lab_uses_these_settings(project):
    assert 'JUPYTER_CONFIG_PATH="$(pwd)/.ci/jupyter' in make(project, "-n", "lab").stdout
