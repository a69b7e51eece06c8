"""The command line as a person meets it: one clear line, a non-zero exit, no traceback, no kernel started."""

import os
import subprocess
import sys

import pytest
import yaml

from lib import params
from lib.core import paths


@pytest.fixture
def place(tmp_path):
    environment = {
        **os.environ,
        "ANOMALY_CACHE_DIR": str(tmp_path / "cache"),
        "ANOMALY_REPORTS_DIR": str(tmp_path / "reports"),
        "TFDS_DATA_DIR": str(tmp_path / "nothing"),
        "http_proxy": "http://127.0.0.1:9",  # nothing listens there: every address is out of reach at once
        "https_proxy": "http://127.0.0.1:9",
    }
    return tmp_path, environment


def run(place, *words):
    _, environment = place
    return subprocess.run(
        [sys.executable, "-m", "lib", *words],
        cwd=paths.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def mistaken(folder, **changes):
    values = params.load("digits").model_dump() | {"study": "mine"} | changes
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def misspelt(folder):
    path = mistaken(folder)
    path.write_text(path.read_text().replace("threshold:", "treshold:"))
    return path


def cut(folder):
    path = mistaken(folder)
    path.write_text(path.read_text()[:90] + "\nthresholds: [0.1,")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (misspelt, "did you mean 'threshold'?"),
        (lambda folder: mistaken(folder, threshold=-1), "threshold: must be more than 0, and is -1"),
        (lambda folder: mistaken(folder, normal_class="eight"), "normal_class: 'eight' is not a class of digits"),
        (cut, "not readable as YAML"),
        (lambda folder: "nosuch", "no such study"),
    ],
    ids=["misspelt key", "impossible value", "unknown class", "truncated", "unknown study"],
)
def test_a_mistake_is_one_clear_line_and_no_kernel(place, make, words):
    ended = run(place, "report", str(make(place[0])))
    assert ended.returncode == 2
    assert words in ended.stderr and len(ended.stderr.strip().splitlines()) == 1
    assert "Traceback" not in ended.stderr + ended.stdout
    assert not list(place[0].glob("reports/*")) and not list(place[0].glob("cache/fits/*"))


def test_the_published_study_by_name_without_its_images_is_a_clear_error(place):
    ended = run(place, "report", "airplanes")
    assert ended.returncode == 2 and len(ended.stderr.strip().splitlines()) == 1
    assert "caltech101 3.0.2: not in" in ended.stderr and "TFDS_DATA_DIR" in ended.stderr


def test_params_prints_a_set_that_papermill_can_take(place):
    ended = run(place, "params", "airplanes")
    assert ended.returncode == 0
    assert yaml.safe_load(ended.stdout) == params.load("airplanes").model_dump()
