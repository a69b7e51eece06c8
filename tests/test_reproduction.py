"""`make reproduce`: the verdict on each figure of a second run, and delivered zips that are not to be trusted."""

import hashlib
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib.__main__ import main
from lib.core import cache, paths, provenance, unpacking
from lib.core.errors import UserError
from lib.evaluation.reproduction import DIFFERENT, FLOAT, IDENTICAL, SEED, Results, compare, seed_noise, worst
from lib.params import load
from lib.report import rerun

SEEDS = {"1": 0.900, "2": 0.902, "3": 0.904}  # their deviation is 0.002


def results(seeds=SEEDS):
    """What a run leaves: one detector with a seed, one without."""
    random = np.random.default_rng(0)
    auroc = {"value": 0.9, "low": 0.85, "high": 0.95, "n": 200}
    metrics = {
        "study": "digits",
        "dataset": {"version": "a", "images": 200},
        "detectors": {
            name: {"auroc": dict(auroc), "fpr": {"value": 0.1, "chance": 0.5}, "tp": 90, "seconds": {"fit": 3.0}}
            for name in ("vae", "pca")
        },
        "seeds": {"autoencoder": dict(seeds)},
        "answer": {"column": "pca", "threshold": {"value": 0.01, "rule": "fixed"}, "tied": 1},
        "warnings": [{"kind": "few"}],
    }
    frame = pd.DataFrame({"id": [f"{number:03d}" for number in range(200)], "label": np.arange(200) % 2})
    frame = frame.assign(
        class_name="x",
        fitted=False,
        part="test",
        **{name: random.random(200) + 0.5 * frame["label"] for name in ("vae", "pca")},
    )
    return Results(metrics, frame, {"vae": {"options": {"seed": 1}}, "pca": {"options": {}}})


def verdicts(before, after):
    """The verdict by name, of those that are not identical."""
    return {each.name: each.verdict for each in compare(before, after) if each.verdict != IDENTICAL}


def changed(path, change, seeds=SEEDS):
    """The verdicts where one number of the second run's metrics is changed."""
    before, after = results(seeds), results(seeds)
    place = after.metrics
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] += change
    return verdicts(before, after)


def test_a_run_is_identical_to_itself_and_every_figure_is_compared():
    found = compare(results(), results())
    assert worst(found) == IDENTICAL
    assert {each.name for each in found} == {
        *(
            "metrics.json#/study",
            "metrics.json#/dataset/images",
            "metrics.json#/seeds/autoencoder/1",
            "metrics.json#/seeds/autoencoder/2",
        ),
        *("metrics.json#/seeds/autoencoder/3", "metrics.json#/answer/column", "metrics.json#/answer/threshold"),
        *("metrics.json#/answer/tied", "metrics.json#/warnings/0/kind", "scores.parquet#vae", "scores.parquet#pca"),
        *(f"metrics.json#/detectors/{name}/{key}" for name in ("vae", "pca") for key in ("auroc", "fpr", "tp")),
    }


@pytest.mark.parametrize(
    ("detector", "key", "change", "verdict"),
    [
        ("vae", "value", 1e-9, FLOAT),
        ("vae", "low", 1e-9, FLOAT),
        ("vae", "value", 1e-3, SEED),
        ("vae", "high", 1e-3, SEED),
        ("vae", "value", 0.2, DIFFERENT),
        ("vae", "value", 0.006, DIFFERENT),  # more than 2.83 deviations of 0.002
        ("pca", "value", 1e-9, FLOAT),
        ("pca", "value", 1e-3, DIFFERENT),  # it has no seed
        ("pca", "n", 1, DIFFERENT),
    ],
)
def test_a_change_of_an_auroc_gets_the_verdict_of_its_size(detector, key, change, verdict):
    assert changed(["detectors", detector, "auroc", key], change) == {
        f"metrics.json#/detectors/{detector}/auroc": verdict
    }


def test_seed_noise_is_known_from_three_seeds_on():
    assert seed_noise(results().metrics) == pytest.approx(2 * 2**0.5 * 0.002)
    few = {"1": 0.9, "2": 0.904}
    assert seed_noise(results(few).metrics) is None
    assert changed(["detectors", "vae", "auroc", "value"], 1e-3, few) == {
        "metrics.json#/detectors/vae/auroc": DIFFERENT
    }


def test_seed_noise_excuses_an_auroc_only():
    assert changed(["detectors", "vae", "fpr", "value"], 1e-3) == {"metrics.json#/detectors/vae/fpr": DIFFERENT}
    assert changed(["detectors", "vae", "tp"], 1) == {"metrics.json#/detectors/vae/tp": DIFFERENT}


def test_run_times_are_not_compared():
    assert changed(["detectors", "vae", "seconds", "fit"], 100.0) == {}
    assert changed(["dataset", "version"], "later") == {}  # of a folder, a key of the dates of its files


@pytest.mark.parametrize("turned", [False, True], ids=["missing", "additional"])
def test_a_metric_or_a_column_that_one_run_has_alone_is_different(turned):
    before, after = results(), results()
    del after.metrics["answer"]["tied"], after.metrics["detectors"]["vae"]["auroc"]["high"]
    after = Results(after.metrics, after.scores.drop(columns="pca"), after.fits)
    pair = (after, before) if turned else (before, after)
    assert verdicts(*pair) == dict.fromkeys(
        ["metrics.json#/answer/tied", "metrics.json#/detectors/vae/auroc", "scores.parquet#pca"], DIFFERENT
    )


def test_another_text_and_another_kind_of_value_are_different():
    after = results()
    after.metrics["answer"] |= {"column": "vae", "tied": True}
    assert set(verdicts(results(), after).values()) == {DIFFERENT} and len(verdicts(results(), after)) == 2


def doctored(column, change):
    after = results()
    after.scores[column] = change(after.scores[column].to_numpy().copy())
    return verdicts(results(), after)


def of_one(image, value):
    def change(scores):
        scores[image] = value
        return scores

    return change


def test_scores_get_the_verdict_of_their_largest_change():
    assert doctored("pca", lambda scores: scores * (1 + 1e-9)) == {"scores.parquet#pca": FLOAT}
    assert doctored("pca", lambda scores: scores + 1e-3) == {"scores.parquet#pca": DIFFERENT}
    assert doctored("vae", of_one(7, 0.123)) == {"scores.parquet#vae": DIFFERENT}  # a fit changes all of them
    assert doctored("vae", lambda scores: scores + 1e-3) == {"scores.parquet#vae": SEED}
    assert doctored("vae", lambda scores: 1 - scores) == {"scores.parquet#vae": DIFFERENT}
    assert doctored("vae", of_one(7, np.nan)) == {"scores.parquet#vae": DIFFERENT}


def test_other_images_or_labels_in_the_table_of_scores_are_different():
    after = results()
    after.scores.loc[3, "label"] = 0
    assert verdicts(results(), after) == {"scores.parquet#label": DIFFERENT}
    assert DIFFERENT in verdicts(results(), Results(results().metrics, results().scores[:-1])).values()


def test_images_that_change_places_by_rounding_excuse_a_rate_of_that_detector_alone():
    before, after = results(), results()
    for run, steps in ((before, [0.0, 1e-8]), (after, [1e-8, 0.0])):  # two images with nearly one score
        run.scores.loc[[0, 1], "pca"] = 0.5 + np.array(steps)
    after.metrics["detectors"]["pca"]["fpr"]["value"] += 0.01
    after.metrics["detectors"]["pca"]["tp"] += 1
    names = ("scores.parquet#pca", "metrics.json#/detectors/pca/fpr", "metrics.json#/detectors/pca/tp")
    assert verdicts(before, after) == dict.fromkeys(names, FLOAT)
    after.metrics["detectors"]["vae"]["fpr"]["value"] += 0.01
    assert verdicts(before, after)["metrics.json#/detectors/vae/fpr"] == DIFFERENT


# The command, with a second run that is a copy of the first.


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A finished run of digits, and the one that a second run will find; no notebook is executed."""
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / "reports"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    params, run = load("digits"), tmp_path / "reports" / "digits" / "run"
    data = {"name": "digits", "version": "", "images": 1797, "fingerprint": "a"}
    write(run, results())
    cache.write_json(run / "params.json", params.model_dump())
    cache.write_json(run / "manifest.json", {"study": "digits", "data": data, "seed": 555, **provenance.record()})
    cache.write_json(run / "status.json", {"status": "complete"})
    monkeypatch.setattr("lib.data.load", lambda params: type("Images", (), {"fingerprint": "a", "name": "digits"}))
    monkeypatch.setattr(rerun, "rerun", lambda params: run)
    return run


def write(run, made):
    cache.write_json(run / "metrics.json", made.metrics)
    cache.write_json(run / "fits.json", {"fits": made.fits})
    made.scores.to_parquet(run / "scores.parquet")


def test_an_equal_run_ends_with_0_and_leaves_the_report_as_it_was(finished, tmp_path, capsys):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert main(["reproduce", "digits", "--out", str(tmp_path / "out")]) == 0
    record = cache.read_json(tmp_path / "out" / "reproduction.json")
    assert record["verdict"] == IDENTICAL and record["changed"] == [] and record["counts"][DIFFERENT] == 0
    assert "the worst is: identical" in (tmp_path / "out" / "reproduction.txt").read_text(encoding="utf-8")
    assert "code and versions are those of the report" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}


def test_a_different_run_ends_with_1_and_names_the_worst_first(finished, tmp_path, monkeypatch, capsys):
    second, made = tmp_path / "second", results()
    made.metrics["detectors"]["vae"]["auroc"]["value"] += 0.2
    made.metrics["detectors"]["pca"]["auroc"]["value"] += 1e-9
    write(second, made)
    monkeypatch.setattr(rerun, "rerun", lambda params: second)
    assert main(["reproduce", "digits", "--out", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().out.splitlines()
    named = [line for line in lines if ": metrics.json#" in line]
    assert [line.split(":")[0] for line in named] == [DIFFERENT, FLOAT] and "0.9, now 1.1" in named[0]


def test_other_versions_and_code_are_said_before_the_run(finished, tmp_path, monkeypatch, capsys):
    manifest = cache.read_json(finished / "manifest.json")
    manifest["versions"]["keras"] = "1.2.3"
    manifest["code"]["files"] = "0123"
    cache.write_json(finished / "manifest.json", manifest)

    def stop(params):
        raise UserError("stopped here")

    monkeypatch.setattr(rerun, "rerun", stop)
    assert main(["reproduce", "digits", "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().out
    assert "keras: 1.2.3, now " in said and "code files: 0123, now " in said and "numpy" not in said


def test_the_second_run_has_the_first_ones_date_and_a_cache_of_its_own(finished, tmp_path, monkeypatch):
    seen = []

    def second(params):
        seen.append((provenance.source_date(), paths.cache_folder(), paths.reports_folder(), params.study))
        return finished

    monkeypatch.setattr(rerun, "rerun", second)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "5")
    cache.write_json(finished / "manifest.json", cache.read_json(finished / "manifest.json") | {"source_date": 9})
    assert main(["reproduce", "digits", "--out", str(tmp_path / "out")]) == 0
    assert seen == [(9, tmp_path / "out" / "cache", tmp_path / "out" / "reports", "digits")]
    assert provenance.source_date() == 5 and paths.cache_folder() != tmp_path / "out" / "cache"


def refused(capsys, *arguments):
    """The one line with which the command ends."""
    assert main(["reproduce", *map(str, arguments)]) == 2
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if "are as listed" not in line][-1]


def test_other_images_are_refused_in_one_line(finished, tmp_path, capsys):
    manifest = cache.read_json(finished / "manifest.json")
    manifest["data"]["fingerprint"] = "b"
    cache.write_json(finished / "manifest.json", manifest)
    assert "not those of the report" in refused(capsys, "digits", "--out", tmp_path / "out")


def test_what_cannot_be_reproduced_is_one_line(finished, tmp_path, capsys):
    assert "give a study or a crate" in refused(capsys)
    assert "give a study or a crate" in refused(capsys, "digits", "--crate", "x.zip")
    assert "no finished report" in refused(capsys, "other")
    assert "not a folder" in refused(capsys, "digits", "--images", tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert "not an empty folder" in refused(capsys, "digits", "--out", tmp_path / "full")
    cache.write_json(finished / "status.json", {"status": "failed"})
    assert "is not complete" in refused(capsys, "digits")
    cache.write_json(finished / "status.json", {"status": "complete"})
    params = cache.read_json(finished / "params.json")
    cache.write_json(finished / "params.json", params | {"epochs": -1})
    assert "epochs" in refused(capsys, "digits")
    cache.write_json(finished / "params.json", params | {"dataset": "folder", "images": str(tmp_path / "none")})
    assert "IMAGES=folder" in refused(capsys, "digits")
    (finished / "scores.parquet").unlink()
    assert "scores.parquet is missing" in refused(capsys, "digits")


# A delivered zip.


def crate(finished, path, sums=None, more=()):
    """A small zip in the layout of `make deliver`."""
    names = [f"run/{file.name}" for file in sorted(finished.iterdir())] + ["params.yaml"]
    contents = {name: (finished / Path(name).name).read_bytes() for name in names if name.startswith("run/")}
    contents["params.yaml"] = b"study: digits\n"
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()} | (sums or {})
    lines = "".join(f"{digest}  {name}\n" for name, digest in listed.items())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(f"digits/{name}", content)
        archive.writestr("digits/SHA256SUMS", lines)
        for entry, content in more:
            archive.writestr(entry, content)
    return path


def test_a_delivered_zip_is_reproduced_without_the_report(finished, tmp_path, capsys):
    zipped = crate(finished, tmp_path / "digits.zip")
    kept = shutil.move(finished.parent, tmp_path / "elsewhere")
    write(finished, results())  # where the second run lies
    assert main(["reproduce", "--crate", str(zipped), "--out", str(tmp_path / "out")]) == 0
    assert Path(kept).is_dir() and cache.read_json(tmp_path / "out" / "reproduction.json")["verdict"] == IDENTICAL


def link():
    entry = zipfile.ZipInfo("digits/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("digits/../../evil", "leads out of its folder"),
        ("../evil", "leads out of its folder"),
        ("/tmp/evil", "leads out of its folder"),
        ("digits\\..\\evil", "leads out of its folder"),
        (link(), "is a link"),
        ("other/file", "one folder"),
        ("digits/unlisted", "digits/unlisted: not listed"),
        ("digits/params.yaml", "two of its names"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_reaches_outside_or_has_more_than_it_lists_is_refused(finished, tmp_path, capsys, entry, words):
    zipped = crate(finished, tmp_path / "digits.zip", more=[(entry, "/etc/passwd")])
    assert words in refused(capsys, "--crate", zipped, "--out", tmp_path / "a" / "out")
    assert not list(tmp_path.rglob("evil")) and not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_changed_file_of_a_zip_is_named(finished, tmp_path, capsys):
    zipped = crate(finished, tmp_path / "digits.zip", sums={"run/metrics.json": "0" * 64})
    assert "digits/run/metrics.json: was changed" in refused(capsys, "--crate", zipped)
    zipped = crate(finished, tmp_path / "digits.zip", sums={"run/gone.json": "0" * 64})
    assert "digits/run/gone.json: listed" in refused(capsys, "--crate", zipped)


def test_a_truncated_zip_or_none_at_all_is_one_line(finished, tmp_path, capsys):
    zipped = crate(finished, tmp_path / "digits.zip")
    whole = zipped.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        zipped.write_bytes(whole[:length])
        assert "not a whole zip file" in refused(capsys, "--crate", zipped)
    damaged = bytearray(whole)
    damaged[len(whole) // 3] ^= 1
    zipped.write_bytes(damaged)
    assert "digits" in refused(capsys, "--crate", zipped)
    assert "no such file" in refused(capsys, "--crate", tmp_path / "none.zip")


def test_a_zip_that_grows_beyond_the_bound_is_refused_whatever_size_it_states(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("digits/zeros", b"0" * 10**6)
    with pytest.raises(UserError, match="larger than"):
        unpacking.unpack(tmp_path / "bomb.zip", tmp_path / "out", most_bytes=10**5)
