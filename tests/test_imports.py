"""The folders of lib import in one direction, and heavy libraries only where they belong: read from the AST."""

import ast
import graphlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"

RULE = "core < params < data, detectors < study < evaluation < presentation < report < sweep < commands < __main__"
RANK = {folder: rank for rank, folders in enumerate(RULE.split(" < ")) for folder in folders.split(", ")}

HEAVY = {"tensorflow", "keras", "tensorflow_datasets"}
WITHOUT_HEAVY = {"params", "evaluation", "presentation"}  # name them nowhere, not even inside functions
ONLY_IN = {"papermill": "report", "nbconvert": "report", "jupytext": "report", "IPython": "presentation"}


def imports(source: str) -> Iterator[tuple[str, int]]:
    """Every module or name that a source text imports, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: relative import; write it from lib"
            yield from ((f"{node.module}.{name.name}", node.lineno) for name in node.names)


def wrong(source: str, folder: str) -> list[str]:
    """Imports of a source text in a folder of lib that break the rule."""
    found = []
    for name, line in imports(source):
        package, _, inside = name.partition(".")
        target = inside.partition(".")[0]
        if package == "lib" and target != folder and RANK.get(target, 99) >= RANK[folder]:
            found.append(f"line {line}: lib.{target} does not stand left of {folder}")
        if package == "lib" and any(part.startswith("_") for part in inside.split(".")) and target != "__main__":
            found.append(f"line {line}: {name} is private to its file")
        if ONLY_IN.get(package, folder) != folder:
            found.append(f"line {line}: only {ONLY_IN[package]} imports {package}")
        if package in HEAVY and folder in WITHOUT_HEAVY:
            found.append(f"line {line}: {folder} must not need {package}")
    return found


def folder_of(path: Path) -> str:
    return path.relative_to(LIB).parts[0].removesuffix(".py")


FILES = sorted(path for path in LIB.rglob("*.py") if path != LIB / "__init__.py")


def test_lib_has_the_folders_of_the_rule_and_no_others():
    assert {folder_of(path) for path in FILES} == set(RANK)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(LIB).as_posix())
def test_a_file_imports_only_what_stands_left_of_its_folder(path):
    assert not wrong(path.read_text(encoding="utf-8"), folder_of(path))


def test_there_are_no_circles_of_modules():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}
    graph = {}
    for module, path in modules.items():
        named = [name for name, _ in imports(path.read_text(encoding="utf-8"))]
        targets = {name if name in modules else name.rpartition(".")[0] for name in named}
        graph[module] = (targets & modules.keys()) - {module}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def test_importing_what_pages_need_does_not_import_tensorflow():
    modules = ["params", "data", "detectors", "study", "evaluation.comparison", "presentation.sections"]
    code = f"import sys, {', '.join(f'lib.{module}' for module in modules)}; from lib import detectors\n"
    code += f"detectors.kinds(); print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.split() == []


def test_lib_imports_from_any_folder_even_one_with_a_lib_of_its_own(tmp_path):
    """Kernels start in other folders, so the package has to be installed, editable."""
    (tmp_path / "lib").mkdir()
    command = [sys.executable, "-c", "import lib; print(lib.__file__)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == str(LIB / "__init__.py")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda path: path.stem)
def test_notebooks_import_lib_and_third_parties_only(path):
    for name, line in imports(path.read_text(encoding="utf-8")):
        package, _, inside = name.partition(".")
        where = f"{path.name}, line {line}: {name}"
        assert package not in HEAVY | {"papermill", "nbconvert", "jupytext"}, where
        if package == "lib":
            assert inside.partition(".")[0] in {"params", "study", "evaluation", "presentation"}, where
            continue
        spec = importlib.util.find_spec(package)
        assert spec is not None, f"{where}: not installed"
        local = spec.origin and ROOT in Path(spec.origin).parents and ".venv" not in Path(spec.origin).parts
        assert not local, f"{where}: a file of this project outside lib"


def test_contributing_names_every_folder():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    first_cells = "\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| "))
    assert set(re.findall(r"`lib/(\w+)(?:\.py|/)`", first_cells)) == set(RANK)


# The checks above would pass on anything if they saw nothing, so they are shown what they must see.


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("evaluation", "import lib.presentation"),
        ("evaluation", "from lib import presentation"),
        ("study", "from lib.report.render.html import page"),
        ("data", "def load():\n    from lib import detectors"),
        ("detectors", "from lib.data import ImageSet"),
        ("params", "if True:\n    from lib.data import load"),
        ("study", "from lib.study.fits import _fit"),
        ("evaluation", "def f():\n    import tensorflow as tf"),
        ("study", "import papermill.execute"),
    ],
)
def test_an_import_against_the_rule_is_seen(folder, source):
    assert len(wrong(source, folder)) == 1


def test_imports_along_the_rule_pass():
    lines = ["import papermill", "from lib.core import errors", "from lib import params", "import lib.report.render"]
    assert not wrong("\n".join(lines), "report")
