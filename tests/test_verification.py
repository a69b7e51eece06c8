"""A changed digit in a page, the PDF, the metrics or the scores of a finished report is found."""

import json
import re
import shutil
from dataclasses import replace
from random import Random

import pandas as pd
import pytest
from executed import executed

from lib import params
from lib.core import cache, checksums, traced
from lib.report import rendering, uptodate, verification
from lib.report.render.sources import about
from lib.report.verification import comparing, pages
from lib.study import Run, Study

SMALL = {"image_size": 16, "latent_dim": 4, "epochs": 2, "learning_rate": 0.002, "refinements": [], "backbone": ""}
REGIONS = re.compile(r"<(head|script|style|svg|math)\b.*?</\1>|<[^>]*>", re.DOTALL)
STATED = re.compile(r'(?<=<data)[^>]*?(?: value="(?P<value>[^"]*)")')


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The folder of a small report, its study, what its files say, and what they have to say."""
    folder = tmp_path_factory.mktemp("report") / "digits"
    parameters = params.load("digits").model_copy(update=SMALL | {"protocol": "holdout", "validation_share": 0.2})
    study = Study.open(parameters)
    (folder / "notebooks").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_RUN_FOLDER", str(folder / "run"))
        written = [executed(path, parameters, folder / "notebooks") for path in uptodate.notebooks(study)]
    rendering.render(study, written, "", folder)
    cache.write_json(folder / "run" / "status.json", {"files": checksums.of(folder)})
    return folder, study, verification.said(folder), verification.expected(folder, study)


def changed(text, position, random):
    """The text with another digit at a position."""
    digit = random.choice([digit for digit in "0123456789" if digit != text[position]])
    return text[:position] + digit + text[position + 1 :]


def digits_of(html):
    """The positions of the digits that a page shows, and of those that its sources state."""
    covered = [range(*match.span()) for match in REGIONS.finditer(html)]
    hidden = {place for span in covered for place in span}
    stated = {place for match in STATED.finditer(html) for place in range(*match.span("value"))}
    return [place for place, letter in enumerate(html) if letter.isdigit() and (place not in hidden or place in stated)]


def test_a_report_says_what_its_scores_give(report):
    folder, _, found, right = report
    assert verification.differences(found, right) == []
    assert not verification.changed_files(folder)


def test_no_mark_of_a_source_is_left_in_a_file(report):
    folder, *_ = report
    for path in [*folder.glob("*.html"), *folder.rglob("*.json"), *folder.rglob("*.ipynb"), *folder.rglob("*.csv")]:
        assert all(ord(letter) < traced.FIRST for letter in set(path.read_text(encoding="utf-8"))), path.name
    assert all(ord(letter) < traced.FIRST for letter in set(pages.of_pdf(folder / verification.PDF)))


def test_a_changed_digit_is_found_wherever_it_is(report):
    """50 each in the pages, in the text of the PDF, in metrics.json and in the scores."""
    folder, _, found, right = report
    random = Random(0)
    names = [name for name in found.pages if name != verification.EXPLORER]
    missed = []
    for _ in range(50):
        name = random.choice(names)
        html = (folder / name).read_text(encoding="utf-8")
        place = random.choice(digits_of(html))
        page = pages.of_html(changed(html, place, random))
        if not verification.differences(replace(found, pages={**found.pages, name: page}), right):
            missed.append((name, html[place - 60 : place + 20]))
    text = pages.of_pdf(folder / verification.PDF)
    places = [place for place, letter in enumerate(text) if letter.isdigit()]
    for place in random.sample(places, 50):
        numbers = list(pages.in_text(changed(text, place, random)))
        if not verification.differences(replace(found, pdf=numbers), right):
            missed.append((verification.PDF, text[place - 60 : place + 20]))
    written = (folder / "run" / "metrics.json").read_text(encoding="utf-8")
    places = [place for place, letter in enumerate(written) if letter.isdigit()]
    for place in random.sample(places, 50):
        try:
            metrics = json.loads(changed(written, place, random))
        except ValueError:  # no JSON any more, as 0123
            continue
        same = metrics == json.loads(written)  # the last of 17 digits may not change the number
        if not same and not verification.differences(replace(found, metrics=metrics), right):
            missed.append(("metrics.json", written[place - 60 : place + 20]))
    scores = folder / "run" / "scores.parquet"
    frame, whole = pd.read_parquet(scores), scores.read_bytes()
    columns = frame.select_dtypes("float").columns
    for _ in range(50):
        row, column = random.randrange(len(frame)), random.choice(columns)
        shown = repr(float(frame.loc[row, column]))
        place = random.choice([place for place, letter in enumerate(shown.partition("e")[0]) if letter.isdigit()])
        other = frame.copy()
        other.loc[row, column] = float(changed(shown, place, random))
        other.to_parquet(scores, index=False)
        if other.loc[row, column] != frame.loc[row, column] and not verification.changed_files(folder):
            missed.append(("scores.parquet", row, column))
    scores.write_bytes(whole)
    assert not missed


def test_figures_are_recomputed_from_the_scores(report, tmp_path):
    """Also where the checksums were made again after the scores were changed."""
    folder, study, found, _ = report
    forged = shutil.copytree(folder, tmp_path / "digits")
    frame = Run(forged / "run").scores()
    frame["autoencoder"] = frame["autoencoder"].iloc[::-1].to_numpy()
    frame.to_parquet(forged / "run" / "scores.parquet", index=False)
    cache.write_json(forged / "run" / "status.json", {"files": checksums.of(forged)})
    lines = verification.differences(found, verification.expected(forged, study))
    assert any(line.startswith("run/metrics.json#/detectors/autoencoder/auroc/value: ") for line in lines)
    assert any(line.startswith("04_evaluation.html: ") for line in lines)
    assert any(line.startswith("notebooks/04_evaluation.ipynb#") for line in lines)


def test_few_numbers_have_no_source(report):
    _, _, found, _ = report
    kinds = [
        verification.kind_of(name, number) for name, page in found.pages.items() for number in page if number.stated
    ]
    assert kinds.count("written") <= 12  # values in [0, 1], 8 bits
    assert kinds.count("metrics") >= 250


def test_numbers_of_metrics_are_rounded_as_they_say(report):
    _, _, found, _ = report
    for name, page in found.pages.items():
        for number in page:
            if "#/" in number.ref:
                assert comparing.of_source(name, number, found.metrics) == ""


@pytest.mark.parametrize(
    ("text", "value", "right"),
    [
        ("0.949", 0.94923, True),
        ("0.950", 0.94923, False),
        ("1,234", 1234, True),
        ("1,235", 1234, False),
        ("−0.020", -0.0203, True),
        ("0.020", -0.0203, False),
        ("4.1e-07", 4.12e-7, True),
        ("4.2e-07", 4.12e-7, False),
        ("94.9", 94.923, True),
    ],
)
def test_a_printed_number_is_its_source_rounded(text, value, right):
    number = pages.Number(text, "run/metrics.json#/a", repr(value))
    assert (comparing.of_source("page", number, {"a": value}) == "") == right
    assert comparing.of_source("page", number, {"a": value + 1})


def test_a_tooltip_gives_n_interval_and_formula(report):
    _, _, found, _ = report
    title = about("run/metrics.json#/answer/at/recall/value", found.metrics)
    at = found.metrics["answer"]["at"]
    assert title.startswith("recall = TP / (TP + FN); ")
    assert (
        f"n = {at['tp'] + at['fn']:,}; 95 % interval {at['recall']['low']:.4g} to {at['recall']['high']:.4g}" in title
    )
    ranked = about("run/metrics.json#/detectors/autoencoder/auroc/value", found.metrics)
    parts = found.metrics["parts"]["holdout"]
    assert f"n = {parts['normal']:,} normal and {parts['anomalies']:,} anomalies" in ranked
