"""The command line: commands are found, and a mistake is one clear line, without a traceback or a kernel."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from lib import commands, params
from lib.__main__ import main
from lib.core import paths
from lib.core.formatting import clock


@pytest.fixture
def place(tmp_path):
    environment = {
        **os.environ,
        "ANOMALY_CACHE_DIR": str(tmp_path / "cache"),
        "ANOMALY_REPORTS_DIR": str(tmp_path / "reports"),
        "TFDS_DATA_DIR": str(tmp_path / "nothing"),
        "http_proxy": "http://127.0.0.1:9",  # nothing listens there, so no address can be reached
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


def written(folder, **changes):
    values = params.load("digits").model_dump() | {"study": "mine"} | changes
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def misspelt(folder):
    path = written(folder)
    path.write_text(path.read_text().replace("threshold:", "treshold:"))
    return path


def truncated(folder):
    path = written(folder)
    path.write_text(path.read_text()[:90] + "\nthresholds: [0.1,")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (misspelt, "did you mean 'threshold'?"),
        (lambda folder: written(folder, threshold=-1), "threshold: must be more than 0, and is -1"),
        (lambda folder: written(folder, normal_class="eight"), "normal_class: 'eight' is not a class of digits"),
        (truncated, "not readable as YAML"),
        (lambda folder: "nosuch", "no such study"),
    ],
    ids=["misspelt key", "impossible value", "unknown class", "truncated", "unknown study"],
)
def test_a_mistake_is_one_clear_line_and_no_kernel(place, make, words):
    done = run(place, "report", str(make(place[0])))
    assert done.returncode == 2
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert not list(place[0].glob("reports/*")) and not list(place[0].glob("cache/fits/*"))


def test_the_published_study_by_name_without_its_images_is_a_clear_error(place):
    done = run(place, "report", "airplanes")
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert "caltech101 3.0.2: not in" in done.stderr and "TFDS_DATA_DIR" in done.stderr


def test_params_prints_a_set_that_papermill_can_take(place):
    done = run(place, "params", "airplanes")
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout) == params.load("airplanes").model_dump()


def test_a_command_is_one_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "greet.py").write_text(
        "def add(subparsers):\n    parser = subparsers.add_parser('greet')\n    parser.add_argument('name')\n"
        "    return parser\n\n\ndef run(arguments):\n    if arguments.name == 'nobody':\n"
        "        raise KeyboardInterrupt\n    print('hello', arguments.name)\n"
    )
    monkeypatch.setattr(commands, "__path__", [*commands.__path__, str(tmp_path)])
    assert main(["greet", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"
    assert main(["greet", "nobody"]) == 130  # interrupted


def test_a_report_says_at_once_what_it_does_and_how_long_it_took_before(place, monkeypatch, capsys):
    from lib.report import build, uptodate

    for name, value in place[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(build, "build", lambda study, notice: None)
    assert main(["report", "digits"]) == 0
    measured = json.loads((paths.ROOT / "benchmarks/profile.json").read_text())["digits, oneDNN on"]
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"digits: executing up to {len(uptodate.notebooks())} notebooks, then rendering them into ")
    assert first.endswith(f"; it took {clock(measured['seconds'])} on {measured['cores']} cores")
    status = paths.reports_folder() / "digits" / "run" / "status.json"
    status.parent.mkdir(parents=True)
    status.write_text('{"seconds": 65.2}')
    assert main(["report", "digits"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].endswith("; the last report took 1:05 min") and "Finished chapters" not in said
    status.write_text('{"seconds": 1500}')
    assert main(["report", "digits"]) == 0
    second = capsys.readouterr().out.splitlines()[1]
    assert second.startswith("Finished chapters") and second.endswith(str(paths.reports_folder() / "index.html"))


def test_the_default_study_falls_back_to_the_embedded_one_with_a_notice(place, monkeypatch, capsys):
    from lib.report import build

    built = []
    for name, value in place[1].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(build, "build", lambda study, notice: built.append((study.study, notice)))
    assert main(["report"]) == 0
    ((name, notice),) = built
    assert name == "digits" and "because its images are not available: caltech101" in notice
    assert str(place[0]) not in notice and "the data folder" in notice
    assert "Rendering the embedded study, digits, instead." in capsys.readouterr().err
