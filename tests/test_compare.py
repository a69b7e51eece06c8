"""Two finished reports on one page: the calculation, the command's errors, and what the page says."""

import re
from dataclasses import replace
from pathlib import Path

import folders
import numpy as np
import pandas as pd
import pytest

from lib.__main__ import main
from lib.core import cache, checksums, paths
from lib.data import ImageSet
from lib.evaluation import comparison, metrics, paired
from lib.evaluation.paired import Evaluated, Finished, Flips
from lib.presentation import compared
from lib.presentation.compared import tables, words
from lib.presentation.compared.cards import MOST
from lib.report import rerun, side_by_side
from lib.report.attempts import study_lock
from lib.study import Run, Study

# ---------------------------------------------------------------- the calculation


def evaluated(scores, labels, study="a", threshold=0.5, first=0, fitted=()):
    """A detector with these scores on images that are numbered from `first`."""
    numbers = np.arange(first, first + len(scores))
    table = pd.DataFrame(
        {
            "id": [f"x/{number:03d}" for number in numbers],
            "class_name": "x",
            "label": labels,
            "file": [f"sha of {number}" for number in numbers],
            "score": np.asarray(scores, float),
            "fitted": np.isin(numbers, fitted),
        }
    )
    return Evaluated(study, "pca", "PCA", threshold, table)


@pytest.fixture
def two():
    """Two detectors on 40 normal images and 60 anomalies, of different quality."""
    random = np.random.default_rng(0)
    labels = np.r_[np.zeros(40, int), np.ones(60, int)]
    truth = random.normal(labels * 1.5, 1)
    return evaluated(truth, labels), evaluated(truth + random.normal(0, 1, 100), labels, "b", 0.8)


def test_a_study_and_itself_differ_in_nothing(two):
    found = paired.compare(two[0], two[0])
    assert found.differences["auroc"] == {"value": 0.0, "low": 0.0, "high": 0.0, "chance": 0.0}
    for name in ("recall", "fpr"):
        difference = found.differences[name]
        assert difference["value"] == 0 and difference["low"] == -difference["high"] < 0
    assert all(each.only_a == each.only_b == 0 and each.p_value == 1 for each in found.flips)
    assert len(found.flipped(0, True)) == len(found.flipped(1, False)) == 0


def test_metrics_are_those_of_each_detector_alone(two):
    found = paired.compare(*two)
    for each, own in zip(two, found.metrics, strict=True):
        labels, scores = each.table["label"], each.table["score"]
        assert own["auroc"] == metrics.auroc(labels, scores)
        assert own["recall"]["value"] == (scores[labels == 1] > each.threshold).mean()
        assert own["fpr"]["value"] == (scores[labels == 0] > each.threshold).mean()
    for name in paired.METRICS:
        first, second = (own[name]["value"] for own in found.metrics)
        assert found.differences[name]["value"] == pytest.approx(first - second)
        assert found.differences[name]["low"] <= first - second <= found.differences[name]["high"]


def test_swapping_the_studies_negates_the_differences(two):
    found, swapped = paired.compare(*two), paired.compare(*reversed(two))
    for name in paired.METRICS:
        one, other = found.differences[name], swapped.differences[name]
        assert (one["value"], one["low"], one["high"]) == pytest.approx(
            (-other["value"], -other["high"], -other["low"])
        )
    for one, other in zip(found.flips, swapped.flips, strict=True):
        assert (one.only_a, one.only_b, one.both, one.p_value) == (
            other.only_b,
            other.only_a,
            other.both,
            other.p_value,
        )
    assert found.flipped(1, True)["id"].tolist() == swapped.flipped(1, False)["id"].tolist()


def test_images_of_one_study_alone_are_left_out():
    labels = [0, 0, 0, 1, 1, 1]
    found = paired.compare(
        evaluated([1, 2, 3, 4, 5, 6], labels), evaluated([3, 4, 5, 6, 7, 8], [0, 1, 1, 1, 1, 1], "b", first=2)
    )
    assert found.shared.table["id"].tolist() == ["x/002", "x/003", "x/004", "x/005"]
    assert found.shared.table["score_a"].tolist() == found.shared.table["score_b"].tolist()
    assert found.counts == ((1, 3), (1, 3)) and found.differences["auroc"] is None  # one normal image has no variance
    assert "cannot be compared: that needs at least 2 normal images" in words.verdict(found)[0]


def test_studies_with_different_normal_images_are_not_paired():
    """The images of one are anomalies of the other; both have the other anomalies."""
    found = paired.compare(evaluated(range(6), [0, 0, 1, 1, 1, 1]), evaluated(range(6), [1, 1, 0, 0, 1, 1], "b"))
    assert found.lacking == (0,) and not found.paired and found.counts == ((2, 4), (2, 4))
    assert found.metrics[0]["auroc"]["value"] == 1
    (sentence,) = words.verdict(found)
    assert sentence.endswith("because their test sets have no normal image in common.")


def test_an_image_that_is_another_file_or_has_another_label_is_left_out_and_counted():
    labels = [0, 0, 0, 1, 1, 1]
    first, second = evaluated(range(6), labels), evaluated(range(6), [1, *labels[1:]], "b")
    second.table.loc[5, "file"] = "another"
    shared = paired.shared(first, second)
    assert (shared.other_label, shared.other_file, shared.normal, shared.anomalies) == (1, 1, 2, 2)
    assert shared.table["id"].tolist() == [f"x/{number:03d}" for number in range(1, 5)]


def test_images_fitted_on_are_left_out_if_enough_others_remain():
    labels = [0] * 5 + [1] * 3
    unseen = paired.shared(evaluated(range(8), labels, fitted=[0, 1]), evaluated(range(8), labels, "b", fitted=[1, 2]))
    assert unseen.fitted == (2, 2) and unseen.left_out == 3
    assert unseen.table["id"].tolist() == [f"x/{number:03d}" for number in range(3, 8)]
    few = paired.shared(evaluated(range(4), [0, 0, 0, 1], fitted=[0]), evaluated(range(4), [0, 0, 0, 1], "b"))
    assert few.left_out == 1 and len(few.table) == 3  # no anomaly is lost
    all_seen = paired.compare(evaluated(range(8), labels, fitted=range(4)), evaluated(range(8), labels, "b"))
    assert all_seen.shared.fitted == (4, 0) and all_seen.shared.left_out == 0 and len(all_seen.shared.table) == 8
    sentences = words.sharing(all_seen, (None, None))
    assert "In a, its detector was fitted on 4 of the 5 shared normal images, which flatters it." in sentences


def test_a_known_table_of_decisions_has_the_known_p_value_and_interval():
    """2 against 8 of 10: twice (1 + 10 + 45) / 1024. The interval is that of Agresti and Min's own R function."""
    assert Flips(5, 2, 8, 9).p_value == pytest.approx(2 * 56 / 1024)
    assert Flips(5, 0, 6, 9).p_value == pytest.approx(2 / 64)
    difference = Flips(1, 1, 7, 12).difference
    half = 1.959964 * np.sqrt((1 + 7 + 1) - 36 / 23) / 23
    assert difference["value"] == pytest.approx(-6 / 21)
    assert (difference["low"], difference["high"]) == pytest.approx((-6 / 23 - half, -6 / 23 + half))


def test_decisions_are_counted_by_label_each_at_its_own_threshold():
    labels = [0, 0, 0, 1, 1, 1, 1]
    found = paired.compare(
        evaluated([1, 3, 3, 3, 3, 1, 2], labels, threshold=2), evaluated([10, 10, 30, 30, 10, 30, 30], labels, "b", 20)
    )
    assert found.flips == (Flips(both=1, only_a=1, only_b=0, neither=1), Flips(both=1, only_a=1, only_b=2, neither=0))
    assert found.flipped(1, True)["id"].tolist() == ["x/004"] and found.flipped(0, False).empty


def test_the_images_farthest_from_the_thresholds_come_first():
    """Between the scores and the thresholds of images 3, 4 and 0 are 2 + 0, 3 + 1 and 0 + 0 other scores."""
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([50.0, 10.0, 20.0, 40.0, 30.0])
    assert paired.farthest(np.array([3, 4, 0]), scores, (1.5, 45.0)).tolist() == [4, 3, 0]


def test_a_study_without_anomalies_has_no_auroc_and_no_recall():
    found = paired.compare(evaluated([1, 2, 3], [0, 0, 0], threshold=2), evaluated([1, 2, 3], [0, 0, 0], "b", 1))
    assert found.metrics[0]["auroc"] is None and found.metrics[0]["recall"] is None
    assert found.differences["recall"] is None and found.differences["fpr"]["value"] == pytest.approx(-1 / 3)
    assert [row[0] for row in tables.decisions(found)] == ["Normal images"]
    assert tables.metrics(found)[0][1].value == tables.NOTHING


# ---------------------------------------------------------------- sentences


@pytest.mark.parametrize("swap", [False, True])
def test_the_verdict_names_the_study_that_ranks_better(two, swap):
    labels = two[0].table["label"]
    poor = evaluated(np.random.default_rng(1).normal(size=len(labels)), labels, "poor")
    pair = (poor, two[0]) if swap else (two[0], poor)
    sentence = words.verdict(paired.compare(*pair))[0]
    assert sentence.startswith("a ranks better: ") and "which excludes 0" in sentence
    assert ("difference of −" in sentence) == swap and "40 normal images and 60 anomalies" in sentence


def test_equal_decisions_are_said_to_be_equal(two):
    first, second = words.verdict(paired.compare(two[0], replace(two[0], study="b")))
    assert first.startswith("Neither study ranks clearly better") and "which includes 0" in first
    assert second == "Each at its own threshold, they decide alike on all 100 images."


def test_one_image_is_singular():
    found = paired.compare(evaluated([1, 2, 3], [0, 1, 1]), evaluated([1, 0, 3], [0, 1, 1], "b"))
    assert words.verdict(found)[1].endswith(
        "differently on 1 of 3 images: a alone flags 1 anomaly and 0 normal images, and b alone flags 0 anomalies and "
        "0 normal images."
    )


# ---------------------------------------------------------------- the command


PATCHES = {"features": {"method": "patches", "size": 32, "share": 1.0, "coreset": 50}}


def finished(images, name, **changes):
    """Leaves a finished report of a folder of images, without pages."""
    parameters = folders.study(images, study=name, title=f"Title of {name} & <b>", target_fpr=0.2, **changes)
    study, run = Study.open(parameters), Run(paths.reports_folder() / name / "run")
    comparison.fit_and_save(study, run)
    rows = comparison.leaderboard(study, run)
    run.update_metrics(comparison.record(run, [], None, comparison.answer(study, run, rows)))
    cache.write_json(run.folder / "status.json", {"status": "complete", "files": checksums.of(run.folder.parent)})


@pytest.fixture(scope="module")
def reports(own_folder, tmp_path_factory):
    """Three finished reports: two of the same images, of which one has heat maps, and one of others."""
    folder = tmp_path_factory.mktemp("images")
    names = [*folders.numbered("good", 50), *folders.numbered("a <b> & c", 14)]
    folders.write(folder / "parts", names)
    folders.write(folder / "others", [name.replace("/0", "/other0") for name in names])
    finished(folder / "parts", "with_pca", detector="pca", detectors=[{"pca": {"components": 4}}])
    finished(folder / "parts", "with_maps", detector="features", detectors=[PATCHES], seed=556)
    finished(folder / "others", "of_others", detector="pca", detectors=[{"pca": {"components": 4}}])
    return paths.reports_folder()


def text_of(page):
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.S).split())


def test_the_page_compares_two_reports(reports, capsys):
    assert main(["compare", "with_pca", "with_maps"]) == 0
    page = reports / "comparisons" / "with_pca_and_with_maps.html"
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"with_pca and with_maps: {paths.shown(page)} (")
    html, text = page.read_text(encoding="utf-8"), text_of(page)
    assert "<script" not in html and not re.search(r'(src|href)="(?!data:|#)', html)
    assert "<b>" not in html and "a &lt;b&gt; &amp; c" in html
    found = paired.compare(*(paired.answered(opened(reports, name)) for name in ("with_pca", "with_maps")))
    assert 0 < len(found.shared.table) < 64 and found.shared.fitted == (0, 0)  # another seed, another test set
    assert f"{found.differences['auroc']['value']:+.3f}".replace("-", "−") in text
    for sentence in words.verdict(found):
        assert sentence in text
    assert "seed 555 556" in text and "Heat maps are by the answering detector of with_maps." in text
    flipped = sum(min(len(found.flipped(label, by_a)), MOST) for label in (0, 1) for by_a in (True, False))
    assert flipped > 0 and html.count("<h4") == flipped == html.count('alt="Heat map of')
    before = page.read_bytes()
    assert main(["compare", "with_pca", "with_maps"]) == 0
    assert page.read_bytes() == before  # the same every time
    assert [path.name for path in page.parent.iterdir()] == [page.name]  # nothing unfinished is left


def opened(reports, name):
    run = Run(reports / name / "run")
    study = Study.open(rerun.parameters(run.folder))
    return Finished(study.params, run, study.images)


def test_studies_of_other_images_stand_side_by_side_without_differences(reports):
    assert main(["compare", "with_pca", "of_others"]) == 0
    text = text_of(reports / "comparisons" / "with_pca_and_of_others.html")
    assert "cannot be compared image by image, because their test sets have no image in common." in text
    assert "Difference" not in text and "Decisions" not in text and "AUROC" in text


def refused(capsys, *names):
    assert main(["compare", *names]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_report_that_is_missing_or_unfinished_is_one_line_and_nothing_is_computed(reports, capsys, monkeypatch):
    monkeypatch.setattr(side_by_side.data, "load", lambda params: pytest.fail("loaded"))
    line = refused(capsys, "with_pca", "with_map")
    assert "no report of with_map (did you mean 'with_maps'?); run `make report STUDY=with_map` first" in line
    assert "named twice" in refused(capsys, "with_pca", "with_pca")
    assert "no report of ../x" in refused(capsys, "../x", "with_pca")
    status = reports / "of_others" / "run" / "status.json"
    whole = cache.read_json(status)
    cache.write_json(status, whole | {"status": "failed"})
    assert "of_others is not complete; run `make report STUDY=of_others`" in refused(capsys, "with_pca", "of_others")
    cache.write_json(status, whole)
    scores = status.with_name("scores.parquet")
    scores.rename(scores.with_name("away"))
    assert "of_others has no scores.parquet; run `make report" in refused(capsys, "of_others", "with_pca")
    scores.write_bytes(b"PAR1")
    assert "of_others has a run/scores.parquet that was changed" in refused(capsys, "of_others", "with_pca")
    scores.with_name("away").rename(scores)
    assert not list(reports.glob(".*.lock"))


def test_a_report_that_is_being_made_is_refused(reports, capsys):
    from subprocess import PIPE, Popen
    from sys import executable

    code = "import sys; from lib.report.attempts import study_lock\nwith study_lock('with_maps'):\n"
    code += "    print('held', flush=True); sys.stdin.read()"
    with Popen([executable, "-c", code], stdin=PIPE, stdout=PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert "another process" in refused(capsys, "with_pca", "with_maps")
        holder.stdin.close()
    with study_lock("with_maps"):
        pass


def test_images_that_have_changed_since_the_report_are_refused(reports, capsys, monkeypatch):
    load = side_by_side.data.load

    def changed(params) -> ImageSet:
        return replace(load(params), fingerprint="another")

    monkeypatch.setattr(side_by_side.data, "load", changed)
    assert "the images of with_pca have changed since its report" in refused(capsys, "with_pca", "with_maps")


def test_images_that_are_no_longer_there_are_one_line(reports, capsys):
    place = Path(opened(reports, "of_others").params.images)
    place.rename(place.with_name("moved"))
    try:
        line = refused(capsys, "with_pca", "of_others")
        assert str(place) in line and "IMAGES=" not in line
    finally:
        place.with_name("moved").rename(place)


def test_studies_with_equal_parameters_are_said_to_be_equal(reports):
    study = opened(reports, "with_pca")
    html = compared.compared_html((study, study))
    assert "The two studies have equal parameters but for name and title." in html
    assert "Images on which the answers differ" not in html
