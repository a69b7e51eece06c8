"""With SOURCE_DATE_EPOCH, two runs of a study in two places give the same bytes; without it, times are kept."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
import small_folder
import yaml
from conftest import NOWHERE, ROOT
from nbformat.v4 import new_code_cell, new_notebook, new_output
from small_study import opened

from lib import detectors, params
from lib.__main__ import main
from lib.core import cache, provenance
from lib.core.errors import UserError
from lib.evaluation import comparison, evaluate
from lib.presentation import tables, text
from lib.report import execute, uptodate
from lib.study import fit_and_score

EPOCH, DAY = "1700000000", "2023-11-14"
STUDY = {
    "study": "tiny",
    "title": "Eights",
    "dataset": "folder",
    "images": "images",
    "normal_class": "good",
    "detector": "auto",
    "protocol": "holdout",
    "image_size": 16,
    "threshold_rule": "target_fpr",
    "target_fpr": 0.1,
    "fit_share": 0.3,
    "calibration_share": 0.5,
    "validation_share": 0.2,
    "duplicates": "keep",
    "latent_dim": 4,
    "epochs": 1,
    "detectors": ["autoencoder"],
}


def report(folder, hashing):
    """Starts to make a small report in a folder of its own, from a copy of the project there; returns the process."""
    code = folder / "a checkout"
    for name in ("lib", "notebooks", "params", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "*.ipynb")
        shutil.copytree(ROOT / name, code / name, ignore=ignored)
    shutil.copy(ROOT / "requirements.lock", code)
    small_folder.write(folder / "images" / "good", 8, 0, 90)
    small_folder.write(folder / "images" / "bad", 3, 0, 20)
    for image in folder.glob("images/*/*.png"):
        os.utime(image, (0, 0))  # what counts as the version of a folder
    (folder / "tiny.yaml").write_text(yaml.safe_dump(params.Parameters(**STUDY).model_dump()), encoding="utf-8")
    own = {"ANOMALY_CACHE_DIR": str(folder / "cache"), "ANOMALY_REPORTS_DIR": str(folder / "reports")}
    own |= {"SOURCE_DATE_EPOCH": EPOCH, "PYTHONHASHSEED": hashing, "PYTHONPATH": str(code), "http_proxy": NOWHERE}
    command = [sys.executable, str(code / "tests" / "run_report.py"), str(folder / "tiny.yaml")]
    return subprocess.Popen(command, cwd=code, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders with the same report, made at the same time."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    for run in [report(folder, str(number)) for number, folder in enumerate(folders)]:
        said, _ = run.communicate()
        assert run.returncode == 0, said.decode()[-2000:]
    return [folder / "reports" for folder in folders]


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def test_two_runs_in_two_places_are_equal_byte_for_byte(folders):
    one, two = map(files, folders)
    assert one.keys() == two.keys()
    names = {"index.html", "tiny/report.pdf", "tiny/index.html", "tiny/06_comparison.html", "tiny/explorer.html"}
    names |= {f"tiny/run/{name}" for name in ("metrics.json", "scores.parquet", "fits.json", "status.json")}
    assert names <= one.keys() and any(name.endswith("model.keras") for name in one)
    unequal = [name for name in one if one[name].read_bytes() != two[name].read_bytes()]
    keyed = {"index.html", "tiny/run/status.json"}  # by the dates of the image files, which are copies here
    assert {name for name in unequal if not name.endswith(".ipynb")} <= keyed  # .ipynb: not executed as in a report


def test_dates_are_the_one_given_and_times_are_left_out(folders):
    run = folders[0] / "tiny" / "run"
    manifest = cache.read_json(run / "manifest.json")
    assert manifest["created"].startswith(DAY) and manifest["source_date"] == int(EPOCH)
    assert b"D:20231114" in (folders[0] / "tiny" / "report.pdf").read_bytes()
    assert {
        part for fit in cache.read_json(run / "fits.json")["fits"].values() for part in fit["seconds"].values()
    } == {None}
    assert "seconds" not in (run / "history.csv").read_text().splitlines()[0].split(",")
    page = (folders[0] / "tiny" / "06_comparison.html").read_text(encoding="utf-8")
    assert "Run times are not recorded in this report" in page and "fig-minutes" not in page and "Seconds" not in page
    assert "Run times are not recorded." in (folders[0] / "tiny" / "02_training.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", ["yesterday", "-1", "1.5", "1e9", "²", "999999999999", " 5"])
def test_a_date_that_is_none_is_one_line_before_any_work(given, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path))
    monkeypatch.setattr("lib.report.build.Kernels", None)
    assert main(["report", "digits"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("SOURCE_DATE_EPOCH: ")


def test_dates_from_1970_to_9999_are_taken_and_an_empty_one_is_none(monkeypatch):
    for given, year in (("0", "1970-01-01T00:00:00+00:00"), ("253402300799", "9999-12-31T23:59:59+00:00")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
        assert provenance.record()["created"] == year
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "253402300800")
    with pytest.raises(UserError):
        provenance.source_date()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "")
    assert provenance.source_date() is None and provenance.record()["source_date"] is None


def test_fits_are_shared_and_their_times_are_not(monkeypatch):
    study = opened("resubstitution")
    spec = detectors.spec("pca", {"components": 4}, study.params.model_dump())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    undated = fit_and_score(study, spec)
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    timed = fit_and_score(study, spec)
    assert timed.cached and timed.fit_folder == undated.fit_folder
    assert undated.seconds == {"fit": None, "score": None} and min(timed.seconds.values()) >= 0


def test_a_page_with_times_is_not_taken_for_one_without(monkeypatch, tmp_path):
    study = params.load("digits")

    def keys():
        source = uptodate.notebooks()[0]
        execution = uptodate.Execution("digits", source, tmp_path / "x", {}, tmp_path / "run", provenance.record())
        return uptodate.report_key(study), execution.key

    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    before = keys()
    assert keys() == before
    monkeypatch.setenv("SOURCE_DATE_EPOCH", EPOCH)
    assert not set(before) & set(keys())


def test_an_executed_notebook_keeps_nothing_of_when_and_where_it_ran(tmp_path):
    cell = new_code_cell(
        "1",
        execution_count=1,
        id="random",
        metadata={"tags": ["injected-parameters", "x"], "execution": {"iopub.execute_input": "2026"}},
    )
    cell.metadata["papermill"] = {"start_time": "2026"}
    cell.outputs = [new_output("stream", name="stderr", text="50 %"), new_output("stream", name="stdout", text="kept")]
    made = new_notebook(cells=[cell], metadata={"papermill": {"input_path": "/home"}, "title": "kept"})
    nbformat.write(made, tmp_path / "x.ipynb")
    execute._tidy(tmp_path / "x.ipynb", timeless=True)
    text = (tmp_path / "x.ipynb").read_text(encoding="utf-8")
    assert text.count("kept") == 2 and '"x"' in text
    assert not any(word in text for word in ("2026", "50 %", "/home", "random"))


def test_without_times_the_first_of_equals_is_chosen_and_sentences_claim_no_speed():
    rows = [{"name": name, "validation": 0.9, "seconds": None} for name in "ab"]
    assert comparison.best(rows) is rows[0] and not text.timed(rows) and text.timed([{"seconds": 1.0}])
    assert evaluate.seconds({"seconds": {"fit": None, "score": None}}) is None
    fit = {"label": "a", "family": "b", "score": "", "seconds": {"fit": None, "score": None}}
    assert list(tables.fits({"a": fit})) == ["Detector", "Family", "Split"]
    difference = {"value": 0.1, "low": 0.05, "high": 0.15}
    record = {"auroc": {"value": 0.9}, "exact": {"value": 0.8}, "difference": difference}
    words = text.dtype_policy("mixed_float16", record | {"seconds": {"mixed_float16": None, "float32": None}})
    assert words.endswith("Run times are not recorded.")
