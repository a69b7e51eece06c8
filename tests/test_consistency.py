"""Four kinds of studies, rendered: no sentence contradicts the figures, no table is empty, nothing is said twice.

The notebooks are executed in this process, which is quicker than six kernels a study.
"""

import itertools
import json
import re
import shutil
import statistics
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from executed import executed, numbers, paragraphs, tables

from lib import params
from lib.core import paths
from lib.evaluation import metrics
from lib.presentation import first_page
from lib.presentation.text.terms import area
from lib.report.render import pandoc
from lib.report.render.appendix import appendix
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import Prose, ReportInfo
from lib.report.render.pdf import write_pdf
from lib.report.uptodate import notebooks
from lib.study import Run, Study

SMALL = {"image_size": 16, "latent_dim": 4, "epochs": 5, "learning_rate": 0.002, "refinements": [], "backbone": ""}
KINDS = {
    "published": {"published": "digits"},
    "holdout": {"protocol": "holdout", "threshold_rule": "target_fpr", "published": ""},
    "refined": {
        "normal_class": "3",
        "protocol": "holdout",
        "validation_share": 0.2,
        "prevalence": 0.2,
        "seeds": [1],
        "refinements": [{"fit_images": 0.5}, {"beta": 0.01}],
        "detectors": [{"features": {"size": 24}}, {"features": {"method": "patches", "size": 16, "coreset": 200}}],
    },
    "minimal": {"normal_class": "3", "epochs": 1},
}
CITED = ("published", "holdout")  # of the class that the published study of this test is about


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of parameters with one published study, which is about the digit 8."""
    folder = tmp_path_factory.mktemp("params")
    shutil.copy(paths.params_folder() / "digits.yaml", folder)
    (folder / "published").mkdir()
    counts = {"tp": 1500, "fn": 123, "fp": 20, "tn": 154, "accuracy": 0.92}
    study = {
        "cite": "study2025",
        "data": "digits",
        "normal_class": "8",
        "detectors": {"autoencoder": {"thresholds": {"0.01": counts}}},
    }
    (folder / "published" / "digits.json").write_text(json.dumps(study))
    return folder


@pytest.fixture(scope="module", params=KINDS)
def report(request, folder, tmp_path_factory):
    """A study, its run, and its chapters, with the first page's sentences."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "params_folder", lambda: folder)
        parameters = params.load("digits").model_copy(update=SMALL | KINDS[request.param] | {"study": request.param})
        run = Run(tmp_path_factory.mktemp(request.param) / "run")
        patch.setenv("ANOMALY_RUN_FOLDER", str(run.folder))
        written = [executed(path, parameters, run.folder.parent) for path in notebooks(Study.open(parameters))]
        study = Study.open(parameters)
        memo = first_page.memo(study, run)
        chapters = read_chapters(written, appendix(run.read("manifest"), run.read("params")))
    return SimpleNamespace(kind=request.param, study=study, run=run, chapters=chapters, memo=memo)


def test_no_table_is_empty_and_no_row_says_nothing(report):
    for label, (header, *rows) in tables(report).items():
        assert rows, label
        for row in rows:
            assert {*row[1:]} != {"–"}, (label, row)
        for name, column in zip(header, zip(*rows, strict=True), strict=True):
            assert name in ("Split", "Part") or {*column} != {"–"}, (label, name)


def test_nothing_is_said_twice(report):
    said = Counter(" ".join(words.split()) for words in paragraphs(report) if len(words) > 30)
    assert not [words for words, times in said.items() if times > 1]


def test_a_sentence_ends_and_has_no_gap(report):
    for words in paragraphs(report):
        assert not re.search(r"\b(nan|None|inf)\b|\{|\}|  |\( ?\)| ,| \.( |$)", words), words
        assert not re.search(r"\bis what this data recommends\b|was not tried|there are none here", words), words


def test_the_published_study_is_named_only_where_there_is_one(report):
    words = " ".join(paragraphs(report))
    assert ("the study" in words.lower() and "2025" in words) == (report.kind in CITED)
    assert report.kind in CITED or not re.search(r"\bpublished\b", words)
    titles = [pandoc.plain(section.title) for chapter in report.chapters for section in chapter.sections]
    assert ("Test what the published study claims of its mistakes" in titles) == (report.kind in CITED)


def test_counts_in_sentences_are_those_of_metrics_json(report):
    figures = report.run.read("metrics")
    records = [at for record in figures["detectors"].values() for at in record["thresholds"].values()]
    records.append(figures["answer"]["at"])
    known = {(at["tp"], at["tp"] + at["fn"], at["fp"], at["fp"] + at["tn"]) for at in records}
    said = re.compile(r"detects ([\d,]+) of ([\d,]+) anomal.*? false alarms? on ([\d,]+ of )?([\d,]+) normal image")
    whole = re.compile(r"raises (?:false alarms on )?([\d,]+)")
    found = 0
    for words in paragraphs(report):
        for match in said.finditer(words):
            alarms = match[3] or whole.search(words[match.start() :])[1]
            counts = (match[1], match[2], alarms.removesuffix(" of "), match[4])
            assert tuple(int(number.replace(",", "")) for number in counts) in known, words
            found += 1
    assert found >= 4  # the answer, the autoencoder, the VAE and the β-VAE


def test_areas_in_sentences_are_those_of_metrics_json(report):
    figures = numbers(report.run.read("metrics"))
    known = {area(abs(value)) for value in figures if abs(value) <= 1} | {f"{abs(value):.3f}" for value in figures}
    seeds = numbers(report.run.read("metrics")["seeds"])
    figures += [statistics.fmean(seeds), statistics.stdev(seeds)] if len(seeds) > 1 else []
    known |= {f"{abs(value):.4f}" for value in figures} | {area(value) for value in figures if 0 <= value <= 1}
    for words in paragraphs(report):
        for sentence in re.split(r"(?<=[.;:]) ", words):
            if "AUROC" in sentence:
                for number in re.findall(r"(?<![\d.])[01]\.\d{3,4}(?!\d)", sentence):
                    assert number in known, sentence


def test_a_reading_in_a_table_and_in_a_sentence_follows_the_interval(report):
    figures = report.run.read("metrics")
    rows, noise = {row["name"]: row for row in figures["leaderboard"].values()}, figures["comparison"]["noise"] or 0.0
    for label in ("tab-leaderboard", "tab-refinements", "tab-leading"):
        header, *body = tables(report).get(label, [["Detector", "Reading"]])
        for cells in body:
            row = dict(zip(header, cells, strict=True))
            difference = rows[row["Detector"]]["difference"]
            if difference:
                low, high = difference["low"], difference["high"]
                expected = "higher" if low > 0 else "lower" if high < 0 else "no clear difference"
                if label == "tab-refinements" and (low > 0 or high < 0) and abs(difference["value"]) <= noise:
                    expected = "within seed noise"
                assert row["Reading"] == expected
    for label, group in {"tab-missed": "missed anomalies", "tab-alarms": "false alarms"}.items():
        clear = [row for row in tables(report).get(label, [])[1:] if row[-1] != "no clear difference"]
        none = [words for words in paragraphs(report) if words.startswith("No measured attribute") and group in words]
        assert bool(clear) != bool(none) or (not clear and label not in tables(report))


def test_costs_and_work_are_at_the_prevalence_of_the_parameters(report):
    study, prevalence = report.study, report.study.params.prevalence
    test = study.split.test
    labels, scores = study.labels[test], report.run.scores_of("autoencoder")[test]
    sentence = next(words for words in paragraphs(report) if "with the lowest expected cost on the test set" in words)
    assert f"Where {100 * prevalence:.1f}" in sentence
    levels = np.unique(scores)
    every = np.r_[levels[0] - 1, (levels[:-1] + levels[1:]) / 2, levels[-1] + 1]  # every decision there is
    for ratio, words in {0.1: "1 : 10", 1.0: "1 : 1", 10.0: "10 : 1"}.items():
        at, cost = metrics.cheapest(labels, scores, prevalence, ratio)
        lowest = metrics.relative_cost(*metrics.error_rates(labels, scores, every), prevalence, ratio).min()
        assert f"{at:.4g} at {words}" in sentence
        assert cost == pytest.approx(lowest)


def test_warnings_are_those_of_the_run(report):
    found = [warning["kind"] for warning in report.run.read("metrics")["warnings"]]
    assert len(found) == len(report.memo.warnings)
    assert ("nothing_held_out" in found) == (report.study.params.protocol == "resubstitution")
    answer = report.run.read("metrics")["answer"]
    assert ("few_calibration" in found) == bool(answer["target"] and answer["alpha"] > answer["target"])
    assert answer["chosen"] == report.study.params.refines == (report.kind == "refined")


def test_every_section_has_something_to_say_and_every_figure_is_called(report):
    def is_heading(block):
        return isinstance(block, Prose) and [each["t"] for each in block.content] == ["Header"]

    for chapter in report.chapters[:-1]:
        assert not any(map(is_heading, chapter.blocks)), chapter.stem  # a heading stands with its first paragraph
    titles = [pandoc.plain(section.title) for chapter in report.chapters for section in chapter.sections]
    assert ("Features of a pretrained network" in titles) == (report.kind == "refined")
    assert ("Refinements of the autoencoder" in titles) == (report.kind == "refined")
    assert ("The recommended detector" in titles) == (report.kind == "refined")
    assert ("How much depends on the seed" in titles) == (report.kind == "refined")


def test_a_class_named_in_a_caption_is_shown(report):
    """The first page's picture is of the classes that its caption names."""
    arrays = report.run.arrays("first_page", "autoencoder")
    shown = [str(report.study.class_names[index]) for index in arrays["indices"] if index >= 0]
    if report.memo.picture:
        assert re.findall(r"\(class (\w+)\)", report.memo.picture.caption) == shown


def test_pages_of_every_kind_are_written_and_the_pdf_of_the_largest_and_the_smallest(report, tmp_path):
    info = ReportInfo("A study", report.study.params.study, "", "2026-11-25", (), report.memo)
    pages = write_site(report.chapters, info, tmp_path)
    assert all(page.is_file() for page in pages)
    if report.kind in ("refined", "minimal"):
        write_pdf(report.chapters, info, tmp_path / "report.pdf")
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_the_reader_of_sentences_sees_what_it_looks_for():
    assert numbers({"a": [1, {"b": 0.5}], "c": True, "d": "2"}) == [1, 0.5]
    pairs = itertools.pairwise(["a", "a", "b"])
    assert [one == other for one, other in pairs] == [True, False]
