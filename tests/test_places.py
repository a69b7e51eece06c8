"""The project and its images in places with hostile names, and in environments that lack what others have.

Python works in a copy of the checkout whose `.venv` is this one; how make and the building of `.venv` cope is tested
with stand-ins in their place. No whole report is made here.
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, load_script
from folders import numbered, study, write
from PIL import Image

from lib import data, params
from lib.core import paths
from lib.core.errors import UserError

HOSTILE = '-it\'s "a" $HOME #1 `id` %s für\\Ø 中'
SPARSE = {"PATH": os.environ["PATH"], "LC_ALL": "C"}  # no HOME
ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}  # Python would write UTF-8 even so


def copied(folder):
    """The checkout in a folder with a hostile name, without what git does not have."""
    project = folder / HOSTILE
    project.mkdir()
    locks = [path.name for path in ROOT.glob("*.lock")]
    for name in ("lib", "params", "notebooks", ".ci", "Makefile", "pyproject.toml", *locks):
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", "*.ipynb", ".ipynb*")
        shutil.copytree(source, project / name, ignore=ignored) if source.is_dir() else shutil.copy(source, project)
    return project


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return copied(tmp_path_factory.mktemp("places"))


def run(place, *words, umask=0o022, **environment):
    own = {"ANOMALY_CACHE_DIR": str(place.parent / "cache"), "ANOMALY_REPORTS_DIR": str(place.parent / "reports")}
    own |= {"PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}
    command = [sys.executable, "-m", "lib", *words]
    return subprocess.run(
        command, cwd=place, env=own | SPARSE | environment, capture_output=True, timeout=300, umask=umask,
        encoding="utf-8", errors="replace",
    )  # fmt: skip


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


# Python.


def test_a_parameter_set_is_printed_in_a_hostile_place_without_home_and_utf_8(place):
    done = run(place, "params", "digits", **ASCII)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert yaml.safe_load(done.stdout) == params.load("digits").model_dump()
    (place / "grün.yaml").write_text("extends: params/digits\n", encoding="utf-8")
    refused = run(place, "params", "grün.yaml", **ASCII)
    assert refused.returncode == 2 and len(refused.stderr.strip().splitlines()) == 1


def test_images_in_a_hostile_folder_are_studied_and_nothing_is_written_into_a_checkout_that_may_be_read_only(place):
    """Also with a umask that keeps all others out, and a TMPDIR that is not there."""
    images = write(place.parent / f"{HOSTILE} images", [*numbered("good", 30), *numbered(HOSTILE, 6)])
    before = files(place)
    done = run(place, "study", "parts", str(images), umask=0o077, TMPDIR=str(place / "nowhere"))
    assert done.returncode == 0, done.stderr
    written = {path for path in files(place) if path not in before}
    assert written == {place / "params" / "parts.yaml"}  # what was asked for
    assert all(before[path] == time for path, time in files(place).items() if path in before)
    made = [written.pop(), *files(place.parent / "cache")]
    assert {path.stat().st_mode & 0o077 for path in made} == {0} and len(made) > 3
    values = yaml.safe_load(run(place, "params", "parts").stdout)
    assert (place / "params" / values["images"]).resolve() == images.resolve()
    (place / "params" / "parts.yaml").unlink()


@pytest.mark.parametrize("name", ["ANOMALY_CACHE_DIR", "ANOMALY_REPORTS_DIR", "TFDS_DATA_DIR"])
def test_a_home_that_is_not_known_is_one_line(monkeypatch, name):
    monkeypatch.setenv(name, "~nobody-here/x")
    from lib.data.sources import tfds

    read = {"ANOMALY_CACHE_DIR": paths.cache_folder, "ANOMALY_REPORTS_DIR": paths.reports_folder}
    with pytest.raises(UserError, match=r"~nobody-here/x: .* write the path out, or set HOME"):
        read.get(name, tfds.data_folder)()


@pytest.mark.parametrize("name", [HOSTILE, "a\nb", "-rf", "x..", "a b", "\u202eabc"])
def test_images_are_read_from_a_folder_of_any_name(tmp_path, monkeypatch, name):
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    root = write(tmp_path / name, numbered("good", 3))
    (root / "good/000.png").unlink()
    Image.new("L", (20, 20)).save(root / "good" / f"{name}.png")
    found = data.load(study(root))
    assert len(found) == 3 and f"good/{name}.png" in set(found.table["id"])


# make.


def make(folder, *words, **environment):
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "STUDY", "GPU"))}
    return subprocess.run(["make", *words], cwd=folder, env=own | environment, capture_output=True, text=True)


def pretended(place):
    """A finished `.venv`, whose Python writes what it is asked to do, one word a line, and else is this one."""
    python = place / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(
        f'#!/bin/sh\nif [ "$1" = -c ]; then exec {sys.executable} "$@"; fi\nprintf "%s\\n" "$@" > asked\n'
    )
    python.chmod(0o755)
    for name in (".ok", ".ok-sweep", ".ok-lab", ".ok-test"):
        stamp = json.dumps({"folder": str(place)}, ensure_ascii=False) + "\n"
        (place / ".venv" / name).write_text(stamp, encoding="utf-8")
    return place / "asked"


def test_make_works_in_a_hostile_place_and_passes_hostile_names_on(place):
    asked = pretended(place)
    for words, name in (
        (["report", f"STUDY={HOSTILE}.yaml"], f"{HOSTILE}.yaml"),
        (["report", "STUDY=digits"], "digits"),
        (["reports/digits/report.pdf"], "digits"),
    ):
        done = make(place, *words)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert asked.read_text(encoding="utf-8").splitlines() == ["-m", "lib", "report", name]
    done = make(place, "study", "NAME=parts", f"IMAGES={HOSTILE}")
    assert asked.read_text(encoding="utf-8").splitlines() == ["-m", "lib", "study", "parts", HOSTILE]
    make(place, "lab")
    assert done.returncode == 0 and asked.read_text(encoding="utf-8").startswith("-m\njupyterlab")


def test_the_environment_in_a_hostile_place_is_known_to_be_intact_and_a_moved_one_is_not(place):
    pretended(place)
    assert ".ci/venv.py" not in make(place, "-n", "check").stdout
    moved = place.rename(place.with_name("moved"))
    try:
        assert ".ci/venv.py" in make(moved, "-n", "check").stdout
    finally:
        moved.rename(place)


@pytest.mark.parametrize(("folder", "words"), [("/a\nb", "a line break"), ("/a:b", "a colon")])
def test_a_folder_in_which_no_environment_works_is_refused_in_one_line(folder, words):
    builder = load_script("venv")
    with pytest.raises(builder.Refusal, match=words) as refused:
        builder.refuse_folder(folder)
    assert "\n" not in str(refused.value)
    builder.refuse_folder(HOSTILE)


def test_a_path_with_umlauts_is_written_as_utf_8_by_what_pip_starts_whatever_the_locale(monkeypatch):
    builder = load_script("venv")
    for encoding, expected in (("ANSI_X3.4-1968", "C.UTF-8"), ("UTF-8", "as it was")):
        monkeypatch.setenv("LC_ALL", "as it was")
        monkeypatch.setattr(builder.locale, "getencoding", lambda encoding=encoding: encoding)
        assert builder.environment()["LC_ALL"] == expected


def test_the_makefile_has_nothing_newer_than_make_3_81():
    """What NEWS of GNU make lists for 3.82 to 4.4; a make of 3.81 is not at hand."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    newer = r"\.RECIPEPREFIX|\.SHELLSTATUS|\.EXTRA_PREREQS|\.WAIT|\.NOTINTERMEDIATE|^\.POSIX|^(un)?define |^private |"
    newer += r"^load |&:|:::=|\+:=|--output-sync|--shuffle|--trace|--eval|MAKE_TERMOUT|\.SHELLFLAGS"
    assert not re.search(newer, text, flags=re.MULTILINE)
    called = set(re.findall(r"(?<!\$)\$\(([a-z]+)[ ,]", text))
    older = {"and", "error", "eval", "filter", "foreach", "if", "info", "or", "origin", "patsubst", "shell", "subst"}
    assert called <= {*older, "value", "wildcard", "words"}


# Two versions of Python.


def test_every_file_is_python_of_the_older_version():
    """Syntax alone; the lock has packages for both (tests/test_environment.py)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
    for folder in ("lib", "notebooks", ".ci"):
        for path in (ROOT / folder).rglob("*.py"):
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 11))


def test_files_are_opened_as_utf_8_wherever_the_locale_says_otherwise():
    for folder in ("lib", ".ci"):
        for path in (ROOT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
                    named = {keyword.arg for keyword in call.keywords}
                    if call.func.attr in ("read_text", "write_text"):
                        assert "encoding" in named, f"{Path(path).name}, line {call.lineno}"
