"""Renew the locks and the pip section of ``environment.yml``.

``requirements.lock`` has what a report needs, and ``requirements-gpu.lock`` the same with CUDA;
``requirements-sweep.lock`` has what ``make sweep`` needs beyond it, ``requirements-lab.lock`` what JupyterLab needs
beyond both, and ``requirements-test.lock`` what tests and lint need beyond all. A package has the same version in all.

``make lock`` runs this: ``uv run --with packaging python .ci/lock.py uv [--upgrade]``. Locked versions stay
where they still fit, unless ``--upgrade`` is given. The header of each lock says how it was made and what each
kind of machine downloads, added up from the sizes that the registry states.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.markers import Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

# The machines the locks cover: the values of markers, and their wheel platforms, best first. Each Python version
# is represented by its oldest patch release, since a few packages differ between patch releases.
GLIBC_WHEELS = [f"manylinux_2_{minor}" for minor in range(36, 16, -1)] + ["manylinux2014"]
MACHINES = {
    ("linux", "x86_64"): [f"{name}_x86_64" for name in [*GLIBC_WHEELS, "manylinux2010", "manylinux1"]],
    ("linux", "aarch64"): [f"{name}_aarch64" for name in GLIBC_WHEELS],
    ("darwin", "arm64"): list(mac_platforms((14, 0), "arm64")),
}
PYTHONS = ["3.11.2", "3.12.0"]
CONDA_PYTHON = "3.12.0"
EXTRAS = ("sweep", "lab", "test")  # of pyproject.toml; each is added to those before it
UNUSED = "libclang"  # TensorFlow names it and never imports it: 0.06 GB

HEADER = """\
# Made by "make lock" from pyproject.toml; not edited by hand. One lock for {whom},
# CPython 3.11 and 3.12; markers choose, and every file is held by its SHA-256.
# To download, where pip has nothing cached:
{sizes}
"""
CONDA = """\
# For conda: conda env create -f environment.yml && conda activate anomaly-reports
# Python comes from conda-forge; every package below it is pip's, in the versions of the locks.
# The pip section is written by "make lock"; a test holds them together.
name: anomaly-reports
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.12
  - pip
  - pip:
{pins}
      - -e .
"""


def main(uv: str, options: list[str]) -> None:
    """Write the files beside ``pyproject.toml``."""
    project = Path("pyproject.toml").read_text(encoding="utf-8")
    cpu, gpu = Path("requirements.lock"), Path("requirements-gpu.lock")
    locks = {(): cpu} | {EXTRAS[: end + 1]: Path(f"requirements-{name}.lock") for end, name in enumerate(EXTRAS)}
    everywhere = "Linux x86_64 and aarch64, macOS arm64"
    with tempfile.TemporaryDirectory() as folder:
        whole, constraints = Path(folder) / "whole.txt", Path(folder) / "constraints.txt"
        known = "".join(path.read_text(encoding="utf-8") for path in locks.values() if path.exists())
        whole.write_text(known, encoding="utf-8")  # uv keeps the versions that it finds in its output
        compile_lock(uv, inputs_of(EXTRAS), whole, options)
        constraints.write_text("\n".join(pins(whole.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
        same = ["--constraint", str(constraints), "--no-annotate"]
        before: set[str] = set()
        only(whole, before)
        conda = conda_pins(whole.read_text(encoding="utf-8"))
        for extras, path in locks.items():
            inputs = [*inputs_of(extras), *same]
            compile_lock(uv, inputs, path, [])
            before |= only(path, before)
            write_header(uv, inputs, path, list(MACHINES), everywhere)
        gpu_project = Path(folder) / "pyproject.toml"
        gpu_project.write_text(with_cuda(project), encoding="utf-8")
        compile_lock(uv, [str(gpu_project), *same], gpu, options)
        only(gpu, set())
        whom = "Linux x86_64 with an NVIDIA GPU (not tested by CI)"
        write_header(uv, [str(gpu_project), *same], gpu, [("linux", "x86_64")], whom)
    text = CONDA.format(pins="\n".join(f"      - {quoted(pin)}" for pin in conda))
    Path("environment.yml").write_text(text, encoding="utf-8")


def inputs_of(extras: Iterable[str]) -> list[str]:
    """What uv resolves: this project with some of its extras."""
    return ["pyproject.toml", *(word for name in extras for word in ("--extra", name))]


def only(lock: Path, before: set[str]) -> set[str]:
    """Leave out of a lock what others have for the same machines, and what nothing uses; return the other pins."""
    head, *entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = {entry: pins(entry)[0] for entry in entries if not entry.startswith(f"{UNUSED}==")}
    kept = {entry: pin for entry, pin in kept.items() if pin not in before}
    lock.write_text(head + "".join(kept), encoding="utf-8")
    return set(kept.values())


def with_cuda(project: str) -> str:
    """The project's metadata with TensorFlow's CUDA build instead of its CPU build, only for x86_64 Linux."""
    changed = re.sub(r'"tensorflow-cpu==', '"tensorflow[and-cuda]==', project)
    environments = tomllib.loads(project)["tool"]["uv"]["environments"]
    for environment in environments:
        if "x86_64" not in environment:
            changed = changed.replace(f'  "{environment}",\n', "")
    return changed


def compile_lock(uv: str, inputs: list[str], output: Path, options: list[str]) -> None:
    """Resolve for all machines at once, into a file with hashes and without the registry's address."""
    fixed = ["--universal", "--python-version", "3.11"]
    fixed += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet"]
    hashes = [] if output.suffix == ".toml" else ["--generate-hashes"]
    command = [uv, "pip", "compile", *fixed, *hashes, *options, *inputs, "-o", str(output)]
    subprocess.run(command, check=True)


def write_header(uv: str, inputs: list[str], lock: Path, machines: Iterable[tuple[str, str]], whom: str) -> None:
    """Write the header of a lock; sizes come from the same resolution in a format that states them."""
    body = lock.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "exact.txt"
        exact.write_text("\n".join(pins(body)) + "\n", encoding="utf-8")
        sized = Path(folder) / "pylock.toml"
        compile_lock(uv, [*inputs, "--constraint", str(exact)], sized, [])
        packages = tomllib.loads(sized.read_text(encoding="utf-8"))["packages"]
    named = {pin.split("==")[0] for pin in pins(body)}
    packages = [package for package in packages if package["name"] in named]
    lines = []
    for system, processor in machines:
        for python in PYTHONS:
            sizes = [size(package, (system, processor), python) for package in packages]
            needed = [number for number in sizes if number is not None]
            name = {"linux": "linux", "darwin": "macos"}[system]
            label = f"{name} {processor}, Python {python.rpartition('.')[0]}"
            lines.append(f"#   {label}: {len(needed)} packages, {sum(needed) / 1e6:.0f} MB")
    lock.write_text(HEADER.format(whom=whom, sizes="\n".join(lines)) + body, encoding="utf-8")


def marker_environment(machine: tuple[str, str], python: str) -> dict[str, str]:
    """The values of environment markers on a machine."""
    system, processor = machine
    return {
        "sys_platform": system,
        "platform_machine": processor,
        "platform_system": "Darwin" if system == "darwin" else "Linux",
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
    }


def size(package: dict, machine: tuple[str, str], python: str) -> int | None:
    """Bytes of the file that pip downloads of a package, or None if the machine does not need it."""
    if "marker" in package and not Marker(package["marker"]).evaluate(marker_environment(machine, python)):
        return None
    version = tuple(int(part) for part in python.split(".")[:2])
    platforms = MACHINES[machine]
    interpreter = f"cp{version[0]}{version[1]}"
    tags: list[Tag] = [*cpython_tags(version, platforms=platforms)]
    tags += compatible_tags(version, interpreter, platforms)
    rank = {tag: place for place, tag in enumerate(tags)}
    fitting = []
    for wheel in package.get("wheels", []):
        name = wheel.get("name") or wheel["url"].rpartition("/")[2]
        places = [rank[tag] for tag in parse_wheel_filename(name)[3] if tag in rank]
        if places:
            fitting.append((min(places), wheel["size"]))
    return min(fitting)[1] if fitting else package["sdist"]["size"]


def pins(lock_text: str) -> list[str]:
    """The ``name==version ; marker`` lines of a lock, without hashes and comments."""
    lines = re.findall(r"^([A-Za-z0-9][^\s]*==[^\n\\]*)", lock_text, flags=re.MULTILINE)
    return [line.strip() for line in lines]


def conda_pins(lock_text: str) -> list[str]:
    """The pins for conda's one Python version, each with the shortest marker that selects its machines."""
    lines = []
    for pin in pins(lock_text):
        requirement, _, marker = pin.partition(" ; ")
        where = [
            (system, processor)
            for system, processor in MACHINES
            if not marker or Marker(marker).evaluate(marker_environment((system, processor), CONDA_PYTHON))
        ]
        if len(where) == len(MACHINES):
            lines.append(requirement)
        elif {system for system, _ in where} == {"linux"} and len(where) == 2:
            lines.append(f"{requirement}; sys_platform == 'linux'")
        else:
            lines += [
                f"{requirement}; sys_platform == '{system}' and platform_machine == '{processor}'"
                for system, processor in where
            ]
    return lines


def quoted(pin: str) -> str:
    """A pin as a YAML string."""
    return f'"{pin}"' if ";" in pin else pin


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except subprocess.CalledProcessError as failure:
        sys.exit(f"make: the locks are not renewed: uv stopped with code {failure.returncode}, see above")
