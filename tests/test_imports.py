"""The rooms of lib import in one direction, and heavy libraries only where they belong: read from the AST.

`TRAVEL` is the line along which an image travels, and with it the import rule: a room imports only rooms of earlier
lines (lazily, inside a function, as well). Rooms on one line do not import each other.
"""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"

TRAVEL = [
    "errors, paths, clock",  # what any room may use
    "cache",
    "origin",
    "backend",
    "params",
    "data",
    "duplicates",
    "splits",
    "augmentation",
    "training",
    "scoring",
    "detectors",
    "thresholds",
    "metrics",
    "attributes",
    "claims",
    "plots, tables, wording",
    "runs",
    "study",
    "judgement",
    "refinements",
    "show",
    "report",
    "__main__",
]
RANK = {room: line for line, rooms in enumerate(TRAVEL) for room in rooms.split(", ")}

HEAVY = {"tensorflow", "keras", "tensorflow_datasets"}
LIGHT_ROOMS = [
    *["params", "duplicates", "splits", "thresholds", "metrics", "attributes", "claims"],
    *["plots", "tables", "wording", "runs", "show"],
]
LAZY_ROOMS = ["data", "study", "judgement", "refinements"]  # these may compute, but importing them must stay cheap
ONLY_IN = {"papermill": "report", "nbconvert": "report", "jupytext": "report", "IPython": "show"}


@dataclass(frozen=True)
class Import:
    """One import: the room it stands in, what it names, its line, and whether it runs when the room is imported."""

    room: str
    target: str
    line: int
    at_import: bool

    @property
    def package(self) -> str:
        return self.target.partition(".")[0]

    @property
    def imported_room(self) -> str | None:
        """The room of lib that is imported; None for third parties and for lib itself."""
        parts = self.target.split(".")
        return parts[1] if parts[0] == "lib" and len(parts) > 1 else None


def room_of(path: Path) -> str:
    """The room that a file of lib belongs to: a module, or a package with all in it."""
    return path.relative_to(LIB).parts[0].removesuffix(".py")


def imports(source: str, room: str) -> list[Import]:
    """All imports of a source text. `from lib import data` and `from lib.data.images import load` both name `lib.data.images`."""

    def visit(node: ast.AST, at_import: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(room, name.name, node.lineno, at_import)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{room}, line {node.lineno}: relative import; write it from lib"
            for name in node.names:
                target = f"lib.{name.name}" if node.module == "lib" else node.module
                yield Import(room, target, node.lineno, at_import)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, at_import and not inside)

    return list(visit(ast.parse(source), True))


def backward(found: list[Import]) -> list[str]:
    """Imports against the line of travel, each as a line for a person."""
    wrong = []
    for each in found:
        target = each.imported_room
        if target and target != each.room and RANK[target] >= RANK[each.room]:
            wrong.append(f"lib/{each.room}, line {each.line}: imports lib.{target}, which is not above it")
    return wrong


def misplaced(found: list[Import]) -> list[str]:
    """Imports of a library that only another room may import."""
    return [
        f"lib/{each.room}, line {each.line}: only lib/{ONLY_IN[each.package]} imports {each.package}"
        for each in found
        if ONLY_IN.get(each.package, each.room) != each.room
    ]


def loaded_by(room: str, found: list[Import]) -> set[str]:
    """Packages that importing a room loads, through whatever rooms it imports at import time."""
    seen, waiting, packages = set(), [room], set()
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        for each in found:
            if each.room == here and each.at_import:
                packages.add(each.package)
                waiting.extend([each.imported_room] if each.imported_room else [])
    return packages


@pytest.fixture(scope="module")
def lib_imports():
    files = sorted(LIB.rglob("*.py"))
    assert files, "lib is empty"
    return [
        each
        for path in files
        if path != LIB / "__init__.py"
        for each in imports(path.read_text(encoding="utf-8"), room_of(path))
    ]


def rooms_on_disk() -> set[str]:
    return {room_of(path) for path in LIB.rglob("*.py")} - {"__init__"}


def test_every_room_has_its_place_in_the_line_of_travel():
    assert rooms_on_disk() == set(RANK)


def test_a_room_imports_only_rooms_above_it(lib_imports):
    assert not backward(lib_imports)


def test_only_their_room_imports_papermill_and_the_like(lib_imports):
    assert not misplaced(lib_imports)


@pytest.mark.parametrize("room", LIGHT_ROOMS)
def test_a_room_that_takes_values_never_names_tensorflow(lib_imports, room):
    named = {each.package for each in lib_imports if each.room == room}
    assert not named & HEAVY


@pytest.mark.parametrize("room", LIGHT_ROOMS + LAZY_ROOMS)
def test_importing_a_light_room_does_not_import_tensorflow(lib_imports, room):
    assert not loaded_by(room, lib_imports) & HEAVY


def test_python_agrees_that_light_rooms_leave_tensorflow_alone():
    code = f"import sys, {', '.join(f'lib.{room}' for room in LIGHT_ROOMS + LAZY_ROOMS)}\n"
    code += f"print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.split() == []


def test_lib_imports_from_any_folder_even_one_with_a_lib_of_its_own(tmp_path):
    """Kernels start in other folders, so the package has to be installed, editable."""
    (tmp_path / "lib").mkdir()
    command = [sys.executable, "-c", "import lib; print(lib.__file__)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == str(LIB / "__init__.py")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "notebooks").glob("*.py")) or [None], ids=lambda path: path and path.stem
)
def test_notebooks_import_lib_and_third_parties_only(path):
    assert path, "there are no notebooks"
    for each in imports(path.read_text(encoding="utf-8"), path.stem):
        where = f"{path.name}, line {each.line}: "
        assert each.package not in HEAVY | {"papermill", "nbconvert", "jupytext"}, (
            f"{where}{each.package} is lib's affair"
        )
        if each.package != "lib":
            spec = importlib.util.find_spec(each.package)
            assert spec is not None, f"{where}there is no {each.package}"
            local = spec.origin and ROOT in Path(spec.origin).parents and ".venv" not in Path(spec.origin).parts
            assert not local, f"{where}{each.package} is a file of this project outside lib"


def test_contributing_names_every_room():
    """A table row starts with the room: `lib/data.py`, or `lib/report/`; one row may name several."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    first_cells = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))
    named = set(re.findall(r"`lib/(\w+)(?:\.py|/)`", first_cells))
    assert rooms_on_disk() - named == set(), "rooms that CONTRIBUTING.md does not name"
    assert named - rooms_on_disk() == set(), "rooms of CONTRIBUTING.md that are not there"


# The checks above would pass on anything if they saw nothing, so they are shown what they must see.


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("metrics", "import lib.study.study"),
        ("metrics", "from lib import study"),
        ("metrics", "from lib.report.render.html import page"),
        ("data", "def load():\n    from lib import detectors"),
        ("plots", "from lib import tables"),
        ("params", "if True:\n    from lib.data.images import load"),
    ],
)
def test_an_import_against_the_line_is_seen(room, source):
    assert len(backward(imports(source, room))) == 1


def test_imports_along_the_line_pass():
    source = "import numpy\nfrom lib import errors, params\nfrom lib.report.render.html import page\n"
    assert not backward(imports(source, "report"))


def test_misplaced_libraries_are_seen():
    assert len(misplaced(imports("import papermill\nfrom IPython.display import display", "study"))) == 2
    assert not misplaced(imports("import papermill.execute\nimport jupytext", "report"))


def test_tensorflow_is_seen_through_other_rooms_but_not_inside_functions():
    at_import = imports("from lib import detectors", "show") + imports("import keras", "detectors")
    lazily = imports("def f():\n    from lib import detectors", "show") + imports("import keras", "detectors")
    assert "keras" in loaded_by("show", at_import) and "keras" not in loaded_by("show", lazily)
