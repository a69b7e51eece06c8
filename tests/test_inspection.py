"""Studies of one's own images, rendered: with masks, with good images only, and with groups and a validation set."""

import re
from collections import Counter
from types import SimpleNamespace

import folders
import numpy as np
import pytest
from executed import executed, paragraphs, tables
from PIL import Image

from lib import detectors, params
from lib.core.errors import UserError
from lib.data import synthetic
from lib.evaluation import metrics
from lib.params import Parameters
from lib.presentation import first_page
from lib.report.render import pandoc
from lib.report.render.appendix import appendix
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import ReportInfo
from lib.report.render.pdf import write_pdf
from lib.report.uptodate import notebooks
from lib.study import Run, Study

SMALL = {
    "image_size": 32,
    "detectors": [{"combined": {"size": 32, "coreset": 100}}, {"features": {"size": 32}}],
    "target_fpr": 0.2,
    "threshold_rule": "target_fpr",
}


def masked(root):
    """Defects with masks, drawn on photographs of bricks, in the layout of MVTec AD."""
    synthetic.write(root, "brick", seed=1)
    return {"normal_class": "good"}


def good(root):
    """Good images only, in one folder without sub-folders."""
    names = [f"{number:02d}.png" for number in range(40)]
    folders.write(root, names)
    return {"normal_class": "good"}


def grouped(root):
    """Two kinds of anomalies, parts that were photographed twice, and a validation set."""
    rows = ["path,label,group"]
    for label, count in {"whole": 80, "cracked": 30, "dirty": 30}.items():
        names = folders.numbered(label, count)
        folders.write(root, names)
        for name in names if label != "whole" else []:
            with Image.open(root / name) as picture:
                damaged = picture.copy()
            damaged.paste((0, 0, 0) if label == "cracked" else (255, 255, 255), (10, 8, 30, 28))
            damaged.save(root / name)
        rows += [f"{name},{label},part {label} {number // 2}" for number, name in enumerate(names)]
    (root / "manifest.csv").write_text("\n".join(rows))
    return {"normal_class": "whole", "validation_share": 0.3, "prevalence": 0.2}


KINDS = {"masked": masked, "good": good, "grouped": grouped}


@pytest.fixture(scope="module", params=KINDS)
def report(request, tmp_path_factory):
    """A study, its run, its chapters, and its first page."""
    root = tmp_path_factory.mktemp(request.param)
    (root / "images").mkdir()
    changes = SMALL | KINDS[request.param](root / "images") | {"study": request.param, "title": "Parts"}
    parameters = folders.study(root / "images", **changes)
    with pytest.MonkeyPatch.context() as patch:
        run = Run(root / "run")
        patch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
        study = Study.open(parameters)
        written = [executed(path, parameters, root) for path in notebooks(study)]
        memo = first_page.memo(study, run)
        chapters = read_chapters(written, appendix(run.read("manifest"), run.read("params")))
    return SimpleNamespace(kind=request.param, study=study, run=run, chapters=chapters, memo=memo)


def titles(report):
    return [pandoc.plain(section.title) for chapter in report.chapters for section in chapter.sections]


def test_the_chapters_are_those_of_an_inspection(report):
    stems = [chapter.stem for chapter in report.chapters]
    assert "03_inspection" in stems and not {"03_anomalies", "04_evaluation", "05_refinement"} & set(stems)
    assert ("06_comparison" in stems) == (report.kind != "good")


def test_sections_are_there_where_they_have_something_to_say(report):
    there = titles(report)
    assert ("Find the defects" in there) == (report.kind == "masked")
    assert ("Compare the groups" in there) == (report.kind == "grouped")
    assert ("Compare the kinds of anomalies" in there) == (report.kind != "good")
    assert ("Measure the decisions" in there) == (report.kind != "good")
    assert "The most unusual normal images" in there and "Is the data enough?" in there
    assert not any("autoencoder" in title for title in there)


def test_sentences_are_whole_and_said_once(report):
    said = list(paragraphs(report))
    for words in said:
        assert not re.search(r"\b(nan|None|inf)\b|\{|\}|  |\( ?\)| ,| \.( |$)", words), words
        assert "autoencoder" not in words, words
    counted = Counter(" ".join(words.split()) for words in said if len(words) > 30)
    assert not [words for words, times in counted.items() if times > 1]


def test_no_table_is_empty(report):
    for label, (header, *rows) in tables(report).items():
        assert rows and all({*row[1:]} != {"–"} for row in rows), (label, header)


def test_without_anomalies_no_metric_is_invented(report):
    figures = report.run.read("metrics")
    answer, words = figures["answer"], " ".join(paragraphs(report))
    if report.kind == "good":
        assert answer["auroc"] is None and answer["at"]["recall"]["value"] is None
        assert figures["warnings"][0]["kind"] == "no_anomalies"
        assert "AUROC" not in words and "no anomaly to test it on" in report.memo.answer
        assert len(report.memo.boxes) == 3
    else:
        assert answer["auroc"]["value"] > 0.5 and "AUROC" in words
    assert answer["at"]["fp"] + answer["at"]["tn"] == len(report.study.normal) > 0


def test_the_threshold_is_the_conformal_one_of_the_calibration_images(report):
    answer, split = report.run.read("metrics")["answer"], report.study.split
    scores = np.sort(report.run.scores_of(answer["column"])[split.calibration])
    rank = int(np.ceil((len(scores) + 1) * (1 - answer["alpha"]) - 1e-9))
    assert answer["threshold"]["value"] == scores[rank - 1]
    assert not set(split.calibration) & (set(split.fit) | set(split.test) | set(split.validation))


def test_the_detector_is_chosen_on_labels_only_where_there_is_a_validation_set(report):
    answer = report.run.read("metrics")["answer"]
    assert answer["chosen"] == (report.kind == "grouped") == bool(len(report.study.split.validation))
    if not answer["chosen"]:
        assert report.run.fits()[answer["column"]]["kind"] == "combined"
    assert answer["column"] in {path.name for path in (report.run.folder / "detectors").iterdir()}


def test_images_of_one_part_stay_in_one_set(report):
    if report.kind == "grouped":
        split, groups = report.study.split, report.study.images.column("group")
        parts = [set(groups[getattr(split, name)]) for name in ("fit", "calibration", "validation", "test")]
        assert sum(map(len, parts)) == len(set().union(*parts))


def test_heat_maps_have_one_scale_from_calibration_images(report):
    column = report.run.read("metrics")["answer"]["column"]
    arrays = report.run.arrays("inspected", column)
    if not hasattr(detectors.load(report.run.detector(column)), "heatmap"):  # another one draws them
        assert report.kind == "grouped" and str(arrays["by"]).startswith("features, combined")
        assert "has no heat maps" in " ".join(paragraphs(report))
        return
    assert float(arrays["low"]) < float(arrays["high"])
    saved = (report.run.folder / "detectors" / column / "heat_map.json").read_text()
    assert repr(float(arrays["high"])) in saved


def test_pixels_are_found_where_they_are_marked(report):
    figures = report.run.read("metrics").get("pixels", {})
    assert bool(figures) == (report.kind == "masked")
    for record in figures.values():
        assert 0.6 < record["pixel_auroc"]["value"] <= 1 and record["without_mask"] == 0
        assert record["aupro"]["low"] <= record["aupro"]["value"] <= record["aupro"]["high"]


def test_pages_and_pdf_are_written(report, tmp_path):
    info = ReportInfo("Parts", report.study.params.study, "", "2026-11-25", (), report.memo)
    assert all(page.is_file() for page in write_site(report.chapters, info, tmp_path))
    write_pdf(report.chapters, info, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


# Parameter sets


def written(tmp_path, **changes):
    values = {"title": "Parts", "dataset": "folder", "images": "pictures", "normal_class": "good", "image_size": 32}
    values |= {"protocol": "holdout", "seed": 1, "detector": "auto"} | changes
    path = tmp_path / "parts.yaml"
    path.write_text("\n".join(f"{key}: {value}" for key, value in values.items()))
    return path


def test_a_study_that_fits_no_network_needs_none_of_its_keys_and_its_path_is_relative_to_its_file(tmp_path):
    loaded = params.load(written(tmp_path))
    assert loaded.inspects
    from lib.core import paths

    assert (paths.params_folder() / loaded.images).resolve() == (tmp_path / "pictures").resolve()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": "''"}, "needs the path"),
        ({"dataset": "digits"}, "is of `dataset: folder`"),
        ({"protocol": "resubstitution"}, "needs `protocol: holdout`"),
        ({"intensity": "window:5,2"}, "the second number must be larger"),
        ({"intensity": "percentile:1,200"}, "percentiles 0 to 100"),
        ({"intensity": "brighter"}, "intensity"),
        ({"unreadable_share": 1.5}, "less than 1"),
        ({"duplicates": "drop"}, "'group' or 'keep'"),
        ({"tiles": 0}, "1 or more"),
        ({"sha256": "abc"}, "sha256"),
    ],
)
def test_each_mistake_is_one_line(tmp_path, changes, words):
    with pytest.raises(UserError) as refused:
        params.load(written(tmp_path, **changes))
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_detector_that_is_not_there_is_refused_before_anything_is_fitted(tmp_path):
    good(tmp_path)
    with pytest.raises(UserError, match="combined"):
        Study.open(Parameters(**(folders.study(tmp_path).model_dump() | {"detector": "combind"})))


def test_without_anomalies_the_published_networks_are_refused(tmp_path):
    good(tmp_path)
    with pytest.raises(UserError, match="auto"):
        Study.open(Parameters(**(folders.study(tmp_path).model_dump() | {"detector": "autoencoder"})))


def test_attributes_alone_are_compared_with_the_detector_on_the_same_images(report):
    if report.kind == "good":
        return
    rows = report.run.read("metrics")["shortcuts"]
    answer, study = report.run.read("metrics")["answer"], report.study
    test = study.split.test
    scores = report.run.scores_of(answer["column"])[test]
    whole = metrics.auroc(study.labels[test], scores)["value"]
    assert all(row["whole"]["value"] == pytest.approx(whole) for row in rows if not row["kind"])
    assert all(row["auroc"]["value"] >= 0.5 for row in rows)
