"""`sweep`: what its file may say, what is computed once and never again, and what its leaderboard shows."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import dask_processes
import numpy as np
import pandas as pd
import pypdf
import pytest
from small_sweep import in_this_process, written

from lib import params, sweep
from lib.__main__ import main
from lib.core import cache, paths
from lib.core.errors import UserError
from lib.study import Study, fit_and_score
from lib.sweep import cluster, definition, fitting, outcome, page, tasks


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache and reports of its own."""
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("ANOMALY_REPORTS_DIR", str(tmp_path / "reports"))
    return tmp_path


@pytest.fixture
def no_dask(monkeypatch):
    monkeypatch.setattr(cluster, "carry_out", in_this_process)


# ---------------------------------------------------------------- the file


def test_a_grid_has_every_combination_and_a_list_those_that_it_names(place):
    grid = sweep.load(written(place))
    assert len(grid.tasks()) == 2 * 2 * 3
    named = sweep.load(written(place, studies=[{"normal_class": "3"}, {"normal_class": "4", "seed": 9}]))
    assert [(task.params.normal_class, task.params.seed) for task in named.tasks()][::3] == [("3", 555), ("4", 9)]


def test_every_class_is_each_class_of_the_data(place):
    found = sweep.load(written(place, studies={"normal_class": "every"}, detectors=["pca"])).tasks()
    assert [task.params.normal_class for task in found] == [str(digit) for digit in range(10)]


def test_settings_are_compared_within_each_study(place):
    changed = {"studies": {"normal_class": ["0"]}, "settings": {"image_size": [16, 24]}, "detectors": ["pca"]}
    found = sweep.load(written(place, **changed)).tasks()
    assert [task.candidate for task in found] == [
        "PCA reconstruction; image size 16",
        "PCA reconstruction; image size 24",
    ]
    assert [task.spec().options.image_size for task in found] == [16, 24]


def test_settings_that_are_parameters_are_ranked_in_the_same_studies(place, no_dask):
    changed = {"studies": {"normal_class": ["0", "3"]}, "settings": {"image_size": [16, 24]}, "detectors": ["pca"]}
    assert main(["sweep", str(written(place, **changed))]) == 0
    folder = place / "reports" / "sweeps" / "small"
    found = outcome.outcome(pd.read_parquet(folder / "run" / "results.parquet"))
    assert found.ranking.studies == 2 and found.left_out == 0 and len(found.names) == 2
    assert len({path.stem for path in (folder / "studies").glob("*.yaml")}) == 4


def test_too_few_calibration_images_are_told_on_the_first_page():
    found = outcome.outcome(frame_of([(0.9, 0.8), (0.9, 0.7)]).assign(alpha=0.25))
    assert "up to 25.0 %" in " ".join(page._memo(found, 0.05).warnings)
    assert "up to" not in " ".join(page._memo(found, 0.25).warnings)


def test_studies_hold_images_out_and_have_names_of_their_own(place):
    found = sweep.load(written(place, studies={"normal_class": ["0", "1"], "threshold": [0.015, 0.15]})).tasks()
    assert {task.params.protocol for task in found} == {"holdout"}
    assert len({task.params.study for task in found}) == 4


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"studies": {"normal_clas": ["0"]}}, "studies: normal_clas: unknown key (did you mean 'normal_class'?)"),
        ({"studies": {"seed": [1, "x"]}}, "seed x: seed: must be a whole number"),
        ({"studies": {"seed": 1}}, "studies: seed: must be a list of values"),
        ({"studies": {"seed": "every"}}, "studies: seed: only normal_class can be `every`"),
        ({"studies": {"protocol": ["holdout"]}}, "studies: protocol: cannot be varied; a sweep sets it itself"),
        ({"studies": [{"seed": 1}, {"seed": 1}]}, "studies: a combination is given twice"),
        ({"studies": []}, "studies: must be `key: [values]`, or a list of `key: value`"),
        ({"settings": {"epochs": [5, 0]}}, "epochs: must be 1 or more, and is 0"),
        ({"settings": {"normal_images": [1, 0]}}, "settings: normal_images: must be a whole number, 1 or more"),
        ({"settings": {"contamination": [0.7]}}, "settings: contamination: must be a number from 0 to 0.5"),
        ({"studies": {"contamination": [0.1]}}, "studies: contamination: unknown key"),
        ({"detectors": ["pcaa"]}, "pcaa"),
        ({"detectors": [{"pca": {"component": 1}}]}, "unknown option"),
        ({"detectors": ["pca", "pca"]}, "'PCA reconstruction' is given twice"),
        ({"detectors": []}, "detectors: must be a list of detectors"),
        ({"detektors": ["pca"]}, "detektors: unknown key (did you mean 'detectors'?)"),
        ({"study": "x"}, "study: cannot be set here"),
        ({"extends": "digit"}, "no such study"),
        ({"extends": None}, "extends: must name a parameter set"),
    ],
)
def test_a_mistake_is_one_line_before_anything_starts(place, capsys, monkeypatch, changes, line):
    monkeypatch.setattr(cluster, "carry_out", lambda *_: pytest.fail("something was started"))
    assert main(["sweep", str(written(place, **changes))]) == 2
    error = capsys.readouterr().err
    assert line in error and len(error.splitlines()) == 1 and "small.yaml" in error
    assert not (place / "reports").exists()


def test_an_unknown_class_and_an_unknown_sweep_are_one_line_each(place, capsys):
    assert main(["sweep", str(written(place, studies={"normal_class": ["0", "12"]}))]) == 2
    assert main(["sweep", "digit"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "'12'" in first and "did you mean 'digits'?" in second


def test_the_sweeps_of_the_project_are_valid():
    found = {path.stem: sweep.load(path.stem) for path in (paths.params_folder() / "sweeps").glob("*.yaml")}
    assert {"digits", "caltech101", "few", "contaminated"} <= set(found)


# ---------------------------------------------------------------- the tasks


def test_a_task_gives_what_its_study_gives(place, no_dask):
    own = sweep.load(written(place, studies={"normal_class": ["3"]}, detectors=["pca"])).tasks()[0]
    key = tasks.keys([own])[0]
    assert tasks.result(key) is None and tasks.run(own, key) == ""
    study = Study.open(own.params)
    fitted = fit_and_score(study, own.spec())
    assert tasks.result(key) == json.loads(json.dumps(tasks.figures(study, fitted)))
    assert tasks.result(key)["normal"] == len(study.normal) and study.params.protocol == "holdout"


def test_keys_differ_with_whatever_changes_a_result_and_not_with_names(place):
    one = sweep.load(written(place)).tasks()
    assert len(set(tasks.keys(one))) == len(one) - 4  # the same detector by another label
    renamed = sweep.load(written(place, name="other", title="Other")).tasks()
    assert tasks.keys(renamed) == tasks.keys(one)
    more = sweep.load(written(place, target_fpr=0.1)).tasks()
    assert not set(tasks.keys(more)) & set(tasks.keys(one))


def test_what_is_finished_is_not_computed_again_and_the_table_is_the_same(place, no_dask, monkeypatch, capsys):
    file, table = written(place), place / "reports" / "sweeps" / "small" / "run" / "results.csv"
    assert main(["sweep", str(file)]) == 0
    first = table.read_bytes()
    monkeypatch.setattr(tasks, "_figures", lambda task: pytest.fail("computed again"))
    assert main(["sweep", str(file)]) == 0
    assert table.read_bytes() == first
    assert "12 tasks, 12 finished before, 0 to do" in capsys.readouterr().err


def test_a_task_that_fails_is_listed_and_stops_nothing(place, no_dask, monkeypatch, capsys):
    whole = tasks._figures

    def failing(task):
        if task.params.normal_class == "1" and task.detector == "mean_image":
            raise UserError("the *disk* is full") if task.params.seed == 1 else ValueError("a\nfault")
        return whole(task)

    monkeypatch.setattr(tasks, "_figures", failing)
    assert main(["sweep", str(written(place))]) == 1
    folder = place / "reports" / "sweeps" / "small"
    frame = pd.read_csv(folder / "run" / "results.csv", keep_default_na=False)
    assert sorted(frame["error"][frame["error"] != ""]) == ["ValueError: a fault", "the *disk* is full"]
    text = (folder / "leaderboard.html").read_text(encoding="utf-8")
    assert "the *disk* is full" in text and "Failed tasks" in text
    assert "2 tasks failed" in capsys.readouterr().out
    assert "1 study is not ranked" in re.sub("<[^>]*>", "", (folder / "index.html").read_text(encoding="utf-8"))
    monkeypatch.setattr(tasks, "_figures", whole)
    assert main(["sweep", str(written(place))]) == 0  # only what failed is done
    assert "10 finished before, 2 to do" in capsys.readouterr().err


def test_another_process_at_the_same_sweep_is_told(place, no_dask):
    from lib.core.locks import lock

    file = written(place)
    code = f"from lib.__main__ import main; raise SystemExit(main(['sweep', {str(file)!r}]))"
    with lock(".small", wait=False, folder=place / "reports" / "sweeps"):
        done = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "another process" in done.stderr


def opened(normal_class="3", **changes):
    values = params.load("digits").model_dump() | {"study": "s", "protocol": "holdout", "normal_class": normal_class}
    return Study.open(params.checked(values | changes, "here"))


def test_a_smaller_number_of_images_is_a_part_of_a_larger_one():
    study = opened()
    few, more = (set(fitting.changed(study, {"normal_images": number}).split.fit) for number in (5, 20))
    assert len(few) == 5 and len(more) == 20 and few < more < set(study.split.fit)
    other = fitting.changed(opened(seed=1), {"normal_images": 5}).split
    assert few != set(other.fit)
    with pytest.raises(UserError, match="normal_images: 500 are more than the"):
        fitting.changed(study, {"normal_images": 500})


def test_contamination_has_its_share_and_every_share_the_same_test_images():
    study = opened()
    found = {share: fitting.changed(study, {"contamination": share}).split for share in (0.0, 0.05, 0.2)}
    tests = [split.test.tolist() for split in found.values()]
    assert tests[0] == tests[1] == tests[2] and len(tests[0]) < len(study.split.test)
    for share, split in found.items():
        bad = study.labels[split.fit].sum()
        assert bad == round(share / (1 - share) * len(study.split.fit))
        assert not set(split.fit) & set(split.test)
        assert not set(study.groups[split.fit]) & set(study.groups[split.test])
    assert set(found[0.05].fit) < set(found[0.2].fit)
    assert set(study.normal) <= set(found[0.2].test)


def test_settings_of_the_images_fitted_on_change_results_and_no_parameter_set(place, no_dask):
    changed = {"studies": {"normal_class": ["0", "3"]}, "detectors": ["pca", "mean_image"]}
    file = written(place, **changed, settings={"normal_images": [4, 16, 64]})
    assert main(["sweep", str(file)]) == 0
    folder = place / "reports" / "sweeps" / "small"
    frame = pd.read_parquet(folder / "run" / "results.parquet")
    assert frame["fit"].tolist() == frame["setting: normal_images"].tolist()
    assert len({*frame["study"]}) == len(list((folder / "studies").glob("*.yaml"))) == 2
    assert frame.groupby("candidate")["auroc"].mean().nunique() == 6
    text = (folder / "leaderboard.html").read_text(encoding="utf-8")
    assert "Mean AUROC by normal images" in text and "fig-setting.svg" in text


# ---------------------------------------------------------------- the leaderboard


def frame_of(values, seeds=1):
    """A table as `outcome.table` makes it, of AUROCs by study and detector."""
    rows = [
        {
            "study": f"s{i}_{seed}",
            "unit": f"study {i}",
            "detector": name,
            "candidate": name,
            "auroc": value,
            "error": "",
            "alpha": 0.05,
            "seed": seed,
        }
        | {"fit": 10.0 * (i + 1), "normal": 5.0, "anomalies": 7.0}
        for i, line in enumerate(values)
        for name, value in zip("abc", line, strict=False)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def test_seeds_are_averaged_and_incomplete_studies_left_out():
    frame = frame_of([(0.9, 0.8), (0.7, 0.9), (0.6, 0.5)], seeds=2)
    frame.loc[0, "auroc"] = 0.94
    frame.loc[len(frame) - 1, ["auroc", "error"]] = [np.nan, "failed"]
    found = outcome.outcome(frame)
    assert found.left_out == 1 and set(found.studies) == {"study 0", "study 1"}
    best = found.values[list(found.studies).index("study 0")][found.names.index("a")]
    assert best == pytest.approx(0.92) and found.ranking.pair(0, 1).noise > 0
    assert found.values[0, 0] == found.values[:, 0].min()


def test_without_a_result_of_every_detector_there_is_no_ranking():
    frame = frame_of([(0.9, np.nan)])
    found = outcome.outcome(frame)
    assert found.ranking is None and found.left_out == 1
    assert "no ranking" in page._memo(found, 0.05).answer


def test_the_sentence_says_clear_only_where_the_test_does():
    clear = outcome.outcome(frame_of([(0.9 + i / 1000, 0.8) for i in range(8)]))
    assert "**The a is best**" in page._memo(clear, 0.05).answer and "clear (p =" in page._memo(clear, 0.05).answer
    few = outcome.outcome(frame_of([(0.9 + i / 1000, 0.8) for i in range(4)]))
    assert "**No detector is clearly best.**" in page._memo(few, 0.05).answer
    assert "needs at least 6" in page._memo(few, 0.05).answer


def test_the_pages_hold_what_the_table_holds_and_studies_can_be_reported_on(place, no_dask):
    assert main(["sweep", str(written(place))]) == 0
    folder = place / "reports" / "sweeps" / "small"
    frame = pd.read_parquet(folder / "run" / "results.parquet")
    assert len(frame) == 12 and frame["auroc"].between(0, 1).all() and (frame["error"] == "").all()
    assert {path.name for path in folder.iterdir()} >= {
        "index.html",
        "leaderboard.html",
        "report.pdf",
        "run",
        "studies",
    }
    text = (folder / "leaderboard.html").read_text(encoding="utf-8")
    for name in frame["candidate"].unique():
        assert name in text
    for path in (folder / "studies").glob("*.yaml"):
        own = params.load(path)
        assert own.protocol == "holdout" and own.study == path.stem
    assert len(list((folder / "studies").glob("*.yaml"))) == 4
    index = (place / "reports" / "index.html").read_text(encoding="utf-8")
    assert '<a href="sweeps/small/index.html">Two digits</a>' in index and "no reports yet" not in index


def test_a_study_leads_to_its_report_or_to_its_parameter_set_and_the_pdf_has_text(place, no_dask):
    report = place / "reports" / "small_1_2" / "index.html"
    report.parent.mkdir(parents=True)
    report.touch()
    assert main(["sweep", str(written(place, detectors=["pca"]))]) == 0
    folder = place / "reports" / "sweeps" / "small"
    text = re.sub("</?data[^>]*>", "", (folder / "leaderboard.html").read_text(encoding="utf-8"))
    found = re.findall(r'<a\s+href="([^"#]*(?:yaml|/index.html))"\s*>([^<]*)</a>', text)
    addresses = {"studies/small_0_1.yaml": "normal class 0", "../../small_1_2/index.html": "normal class 1"}
    assert len(found) == 4 and dict(found) == addresses
    assert all((folder / address).is_file() for address, _ in found)
    pdf = pypdf.PdfReader(folder / "report.pdf")
    links = [str(note.get_object()) for pdf_page in pdf.pages for note in pdf_page.get("/Annots") or []]
    assert links and not any("yaml" in link or "index.html" in link for link in links)
    assert "small_1_2.yaml" in "".join(pdf_page.extract_text() for pdf_page in pdf.pages)


# ---------------------------------------------------------------- Dask


@pytest.fixture
def scheduler(place):
    """A scheduler and two workers with the folders of this test: its address, its process, and the workers."""
    with dask_processes.started() as found:
        yield found


def test_workers_started_by_hand_survive_the_death_of_one_and_the_table_is_that_of_one_process(
    scheduler, place, monkeypatch
):
    address, _, workers = scheduler
    # With 256 components the errors of 100 digits are rounding, which differs with the number of threads.
    file = written(place, detectors=[{"pca": {"components": 8}}, "mean_image", {"pca": {"components": 4}}])
    command = [sys.executable, "-m", "lib", "sweep", str(file), "--scheduler", address]
    quiet = {"cwd": paths.ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = subprocess.Popen(command, **quiet)
    results = place / "cache" / tasks.RESULTS
    deadline = time.monotonic() + 180
    while len(list(results.glob("[0-9a-f]*"))) < 2 and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    workers[0].send_signal(signal.SIGKILL)
    _, error = started.communicate(timeout=240)
    assert started.returncode == 0, error
    table = place / "reports" / "sweeps" / "small" / "run" / "results.csv"
    distributed = pd.read_csv(table)
    monkeypatch.setenv("ANOMALY_CACHE_DIR", str(place / "other"))
    monkeypatch.setattr(cluster, "carry_out", in_this_process)
    assert main(["sweep", str(file)]) == 0
    same = [name for name in distributed.columns if not name.endswith("_seconds")]
    pd.testing.assert_frame_equal(distributed[same], pd.read_csv(table)[same], check_exact=True)


def test_a_scheduler_that_is_not_there_or_that_ends_is_one_line(scheduler, place, monkeypatch, capsys):
    address, process, _ = scheduler
    monkeypatch.setattr(cluster, "WAIT", 2)
    assert main(["sweep", str(written(place)), "--scheduler", "tcp://127.0.0.1:9"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("SCHEDULER=tcp://127.0.0.1:9: no scheduler answers")
    command = [sys.executable, "-m", "lib", "sweep", str(written(place)), "--scheduler", address]
    started = subprocess.Popen(command, cwd=paths.ROOT, stderr=subprocess.PIPE, text=True)
    results, deadline = place / "cache" / tasks.RESULTS, time.monotonic() + 180
    while not list(results.glob("[0-9a-f]*")) and started.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    _, error = started.communicate(timeout=120)
    assert started.returncode == 2 and "was lost; what is finished stays in the cache" in error
    assert "Traceback" not in error and cache.has(tasks.RESULTS, next(results.glob("[0-9a-f]*")).name)


def test_a_worker_has_room_and_there_is_one_at_least():
    assert cluster.workers(1) == 1
    assert 1 <= cluster.workers(1000) <= os.cpu_count()


def test_a_name_is_a_study_name_whatever_the_values(place):
    for values in (("Ünïcode ×", 1), ("a" * 200, 2), ("a b", 3), ("a_b", 3)):
        name = definition.study_name("sweep", (("normal_class", values[0]), ("seed", values[1])), ())
        params.checked(params.load("digits").model_dump() | {"study": name}, "here")
    both = [definition.study_name("s", (("normal_class", name),), ()) for name in ("a b", "a_b")]
    assert len(set(both)) == 2
