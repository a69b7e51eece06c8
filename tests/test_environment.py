"""pyproject.toml, the locks and environment.yml describe the same environment."""

import ast
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ENVIRONMENT, ROOT, load_script
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

LOCK = ROOT / "requirements.lock"
GPU_LOCK = ROOT / "requirements-gpu.lock"
SWEEP_LOCK = ROOT / "requirements-sweep.lock"
LOCKS = [LOCK, SWEEP_LOCK, *(ROOT / f"requirements-{name}.lock" for name in ("lab", "test"))]  # added to those before
FIRST_INSTALL_MB = 800  # limit of the download without a GPU


lock_script = load_script("lock")
MACHINES = [(machine, python) for machine in lock_script.MACHINES for python in lock_script.PYTHONS]
UV_NAMES = {
    ("linux", "x86_64"): "x86_64-unknown-linux-gnu",
    ("linux", "aarch64"): "aarch64-unknown-linux-gnu",
    ("darwin", "arm64"): "aarch64-apple-darwin",
}


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def needed(requirements, machine, python):
    """Those of some requirement lines that a machine needs, by canonical name."""
    environment = lock_script.marker_environment(machine, python)
    parsed = [Requirement(line) for line in requirements]
    applicable = [one for one in parsed if one.marker is None or one.marker.evaluate(environment)]
    names = [canonicalize_name(requirement.name) for requirement in applicable]
    assert len(names) == len(set(names)), "a package is pinned twice"
    return dict(zip(names, applicable, strict=True))


def pinned(path, machine, python):
    """Versions that a lock, or several, pin for a machine."""
    paths = path if isinstance(path, list) else [path]
    lines = [pin for each in paths for pin in lock_script.pins(each.read_text(encoding="utf-8"))]
    pins = needed(lines, machine, python)
    return {name: str(requirement.specifier).removeprefix("==") for name, requirement in pins.items()}


@pytest.mark.parametrize(("machine", "python"), MACHINES)
def test_the_locks_have_every_dependency_for_every_machine(machine, python):
    own, extras = project()["project"], project()["project"]["optional-dependencies"]
    lists = [own["dependencies"], *(extras[name] for name in lock_script.EXTRAS)]
    assert len(lists) == len(LOCKS) == 1 + len(extras)
    for end, lines in enumerate(lists, start=1):  # what an extra needs may be in a lock before its own
        pins, wanted = pinned(LOCKS[:end], machine, python), needed(lines, machine, python)
        for name, requirement in wanted.items():
            assert name in pins and requirement.specifier.contains(pins[name]), name
    assert "numpy" in pinned(LOCK, machine, python)


@pytest.mark.parametrize(("machine", "python"), MACHINES)
def test_what_a_lock_adds_is_in_none_before_it(machine, python):
    names = [{*pinned(path, machine, python)} for path in LOCKS]
    assert not any(own & set().union(*names[:place]) for place, own in enumerate(names))
    report = names[0]
    assert not report & {"distributed", "jupyterlab", "pytest", "ruff", "hypothesis", "nbmake", "rocrate", "libclang"}


def test_each_machine_gets_the_tensorflow_that_works_on_it():
    linux, arm, mac = (pinned(LOCK, machine, "3.12.0") for machine in lock_script.MACHINES)
    assert "tensorflow" not in linux and linux["tensorflow-cpu"] == arm["tensorflow"]
    assert mac["tensorflow"].startswith("2.18.") and mac["tensorflow-metal"] == "1.2.0"
    assert "tensorflow-metal" not in linux.keys() | arm.keys()


@pytest.mark.parametrize("path", [*LOCKS, GPU_LOCK], ids=lambda path: path.name)
def test_every_locked_file_has_a_hash_and_no_host_is_named(path):
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", text)[1:]
    assert len(entries) > 10 and all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    assert not re.search(r"://|--index|--find-links|/tmp|/home|/root", text)


@pytest.mark.parametrize(("machine", "python"), MACHINES)
@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_the_lock_states_the_size_of_the_download(path, machine, python):
    system = {"linux": "linux", "darwin": "macos"}[machine[0]]
    line = rf"(?m)^# +{system} {machine[1]}, Python {python.rpartition('.')[0]}: (\d+) packages, (\d+) MB$"
    count, megabytes = map(int, re.search(line, path.read_text(encoding="utf-8")).groups())
    assert count == len(pinned(path, machine, python))
    assert (1 if path == SWEEP_LOCK else 5) < megabytes < (FIRST_INSTALL_MB if path == LOCK else 50)


def test_the_gpu_lock_differs_only_in_tensorflow():
    linux = ("linux", "x86_64")
    cpu, gpu = (pinned(path, linux, "3.12.0") for path in (LOCK, GPU_LOCK))
    assert gpu["tensorflow"] == cpu["tensorflow-cpu"] and any(name.startswith("nvidia-") for name in gpu)
    assert not {name for name in cpu.keys() & gpu.keys() if cpu[name] != gpu[name]}
    assert cpu.keys() - gpu.keys() == {"tensorflow-cpu"}


def test_the_installed_versions_are_the_locked_ones():
    """In the environment that runs the tests, however it was made."""
    installed = {canonicalize_name(each.name): each.version for each in importlib.metadata.distributions()}
    for_gpu = "tensorflow-cpu" not in installed and (sys.platform, os.uname().machine) == ("linux", "x86_64")
    locks = [GPU_LOCK if for_gpu else LOCK, *LOCKS[1:]]
    pins = pinned(locks, (sys.platform, os.uname().machine), platform.python_version())
    assert {name: installed.get(name) for name in pins} == pins


def test_every_library_that_is_imported_is_locked():
    """A library that only a developer has installed would be missing for everyone else."""
    by_lock = [lock_script.pins(path.read_text(encoding="utf-8")) for path in LOCKS]
    names = [{canonicalize_name(Requirement(pin).name) for pin in pins} for pins in by_lock]
    for_reports, for_sweeps, _, for_tests = names
    owners = importlib.metadata.packages_distributions()
    own = {"lib", "conftest"}
    for path in [*ROOT.glob("lib/**/*.py"), *ROOT.glob("notebooks/*.py"), *ROOT.glob("tests/**/*.py")]:
        locked = for_reports | for_tests if path.is_relative_to(ROOT / "tests") else for_reports
        locked = locked | for_sweeps if path.is_relative_to(ROOT / "lib" / "sweep") else locked
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for package in {name.partition(".")[0] for name in names} - own - sys.stdlib_module_names:
                if not (path.parent / f"{package}.py").is_file():
                    distributions = {canonicalize_name(name) for name in owners.get(package, [])}
                    assert distributions & locked, f"{path.relative_to(ROOT)} imports {package}, which is not locked"


def test_every_dependency_has_its_reason_in_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    own = project()["project"]
    lines = sum(own["optional-dependencies"].values(), own["dependencies"])
    names = {Requirement(line).name for line in lines}
    assert not {name for name in names if f"`{name}`" not in text}


def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def conda_pip_section():
    """The lines that conda hands to pip, the project itself left out."""
    (section,) = [each["pip"] for each in conda()["dependencies"] if isinstance(each, dict)]
    assert section[-1] == "-e ."
    return section[:-1]


def test_conda_takes_a_python_that_the_project_supports():
    (python,) = [each for each in conda()["dependencies"] if isinstance(each, str) and each.startswith("python=")]
    version = python.removeprefix("python=")
    assert SpecifierSet(project()["project"]["requires-python"]).contains(f"{version}.0")
    assert lock_script.CONDA_PYTHON.startswith(f"{version}.")


@pytest.mark.parametrize("machine", lock_script.MACHINES)
def test_conda_gets_the_locked_versions(machine):
    section = needed(conda_pip_section(), machine, lock_script.CONDA_PYTHON)
    versions = {name: str(each.specifier).removeprefix("==") for name, each in section.items()}
    assert versions == pinned(LOCKS, machine, lock_script.CONDA_PYTHON)


def test_a_pin_for_some_machines_has_their_marker():
    text = "both==1\nmac==2 ; sys_platform == 'darwin'\nold==3 ; python_full_version < '3.12'\n"
    assert lock_script.conda_pins(text) == [
        "both==1",
        "mac==2; sys_platform == 'darwin' and platform_machine == 'arm64'",
    ]


def test_ci_runs_make_on_both_systems_and_both_pythons():
    """The hosted CI only calls make; it is no second build system."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert set(matrix["python"]) == {"3.11", "3.12"}
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos"}
    commands = [line for step in job["steps"] if "run" in step for line in step["run"].splitlines()]
    assert commands and all(line.startswith("make ") for line in commands)
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)


def registry(*command, **options):
    """Runs a command with the index settings that the tests were started with."""
    return subprocess.run([*map(str, command)], env=ENVIRONMENT, capture_output=True, text=True, **options)


@pytest.mark.registry
def test_pip_resolves_the_conda_section(tmp_path):
    """With dependencies, for conda's Python on this machine, as `conda env create` makes pip do it."""
    section = needed(conda_pip_section(), (sys.platform, os.uname().machine), lock_script.CONDA_PYTHON)
    (tmp_path / "section.txt").write_text("\n".join(f"{each.name}{each.specifier}" for each in section.values()))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # Resolving for another Python takes wheels only, and one package is published as source alone.
    source_only = f"promise{section['promise'].specifier}"
    built = registry(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, source_only)
    assert built.returncode == 0, built.stderr
    target = ["--python-version", "3.12", "--only-binary", ":all:", "--ignore-requires-python", "--target", tmp_path]
    options = ["--dry-run", "--ignore-installed", "--find-links", tmp_path, "-r", tmp_path / "section.txt"]
    done = registry(*pip, "install", *target, *options)
    assert done.returncode == 0, done.stderr
    resolved = re.search(r"(?m)^Would install (.*)$", done.stdout)[1].split()
    assert len(resolved) >= len(section)


@pytest.mark.registry
def test_the_registry_has_a_wheel_of_every_package_for_every_machine(tmp_path):
    """Checked by resolving the locks for each machine here; that they run there is not checked."""
    every = [word for path in LOCKS for word in ("-r", path)]
    for machine, python in MACHINES:
        options = ["--dry-run", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-binary", "promise"]
        options += ["--python-platform", UV_NAMES[machine], "--python-version", python, "--target", tmp_path / "target"]
        done = registry(Path(sys.prefix) / "bin/uv", "pip", "install", *options, *every)
        assert done.returncode == 0, f"{machine} {python}: {done.stderr}"
        assert f"Would install {len(pinned(LOCKS, machine, python))} packages" in done.stderr
