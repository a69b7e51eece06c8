"""`score`: decisions as in the report, the same for an image alone, whole files or none, and a page that is safe."""

import base64
import hashlib
import html
import io
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import small_folder
from PIL import Image
from test_explorer import Browser
from watched import check_pages

from lib import detectors
from lib.__main__ import main
from lib.core import cache, paths
from lib.core.errors import UserError
from lib.data import ImageSet
from lib.evaluation import discoveries, drift, scoring
from lib.evaluation.scoring import scorer as scorer_module
from lib.presentation import scored as presented
from lib.presentation.scored.cards import laid_over

STUDY = "small_parts"
UNREADABLE = {"cut.png", "empty.jpg"}


@pytest.fixture(scope="module")
def parts():
    return small_folder.studied()


@pytest.fixture(scope="module")
def scorer(parts):
    return scoring.Scorer.of(STUDY)


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    return small_folder.new_images(tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="module")
def table(scorer, new):
    return scorer.score(str(new))


def score(*words):
    """Runs the command; a study's report is there."""
    return main(["score", STUDY, *map(str, words)])


# ---------------------------------------------------------------- scores


def test_scores_and_decisions_are_those_of_the_report(parts, scorer):
    study, run, folder = parts
    test = study.split.test
    names = [str(folder / name) for name in study.images.table["id"].to_numpy()[test]]
    found = scorer.score(names).set_index("file").loc[names]
    expected = run.scores_of(small_folder.COLUMNS[0])[test]
    np.testing.assert_allclose(found["score"], expected, rtol=1e-5)
    flagged = expected > scorer.saved.threshold["value"]
    assert (found["decision"] == np.where(flagged, "flagged", "normal")).all() and 0 < flagged.sum() < len(test)


@pytest.mark.parametrize("column", small_folder.COLUMNS)
def test_an_image_alone_scores_as_it_does_among_others(parts, new, column):
    one = scoring.Scorer.of(STUDY, column)
    table = one.score(str(new)).set_index("file")
    for name in ("good/8_003.png", "bad/3_011.png"):
        alone = one.score(str(new / name))
        assert alone["score"].tolist() == [table.loc[name, "score"]]
        assert alone["decision"].tolist() == [table.loc[name, "decision"]]


def test_scores_do_not_depend_on_the_chunks(scorer, new, table, monkeypatch):
    monkeypatch.setattr(scorer_module, "CHUNK", 7)
    pd.testing.assert_frame_equal(scorer.score(str(new)), table, check_exact=True)


def test_images_in_memory_score_as_their_files_do(scorer, new, table):
    names = ["good/8_001.png", "bad/3_002.png"]
    pixels = [np.asarray(Image.open(new / name).resize((32, 32), Image.Resampling.BILINEAR)) for name in names]
    images = ImageSet.of(np.stack(pixels)[..., None], pd.DataFrame({"id": names}))
    found = scorer.score_images(images)
    assert found["file"].tolist() == names and found.columns.tolist() == table.columns.tolist()
    # Pillow resizes with other rounding than the preparation, so the scores are only near.
    np.testing.assert_allclose(found["score"], table.set_index("file").loc[names, "score"], atol=0.3)
    for wrong in (np.zeros((1, 32, 32, 3), np.uint8), np.zeros((1, 40, 40, 1), np.uint8)):
        with pytest.raises(UserError, match="images: "):
            scorer.score_images(ImageSet.of(wrong))


def test_a_detector_that_looks_at_several_sizes_gets_them_from_the_files(parts, scorer, new):
    study, *_ = parts
    members = [{"mean_image": {"image_size": 16}}, {"mean_image": {"image_size": 48}}]
    ensemble = detectors.spec("ensemble", {"members": members}, {}).create()
    ensemble.fit(study.images, study.split.fit)
    several = scoring.Scorer(replace(scorer.saved, detector=ensemble))
    test = study.split.test[:9]
    names = [str(parts[2] / name) for name in study.images.table["id"].to_numpy()[test]]
    found = several.score(names).set_index("file").loc[names, "score"]
    np.testing.assert_allclose(found, ensemble.score(study.images)[test], rtol=1e-9)


def test_p_values_and_the_list_are_those_of_the_calibration_scores(scorer, new, table):
    known = table["score"].notna()
    expected = discoveries.p_values(table["score"][known], scorer.saved.calibration)
    np.testing.assert_array_equal(table["p_value"][known], expected)
    listed = scorer.score(str(new), fdr=0.3)
    chosen = discoveries.benjamini_hochberg(expected, 0.3)
    assert listed["discovery"][known].tolist() == np.where(chosen, "yes", "no").tolist() and chosen.any()
    pd.testing.assert_frame_equal(listed.drop(columns="discovery"), table)


@pytest.mark.parametrize("at", [-1e9, 0.0, 1e9])
def test_another_threshold_changes_decisions_and_nothing_else(scorer, new, table, at):
    other = scorer.score(str(new), threshold=at)
    known = table["score"].notna()
    assert (other["decision"][known] == np.where(table["score"][known] > at, "flagged", "normal")).all()
    assert (other["threshold"] == at).all()
    rest = ["file", "score", "p_value", "problem"]
    pd.testing.assert_frame_equal(other[rest], table[rest])


def test_files_that_cannot_be_read_are_listed_without_a_score(table):
    missing = table[table["score"].isna()]
    assert set(missing["file"]) == UNREADABLE and missing["problem"].str.len().gt(0).all()
    assert (missing["decision"] == "").all() and missing["p_value"].isna().all()
    assert (table["problem"][table["score"].notna()] == "").all()
    assert table["file"].tolist() == sorted(table["file"])


def test_the_expected_false_alarms_at_the_conformal_threshold_are_at_most_its_rate(scorer):
    rate = scorer.false_alarms(scorer.saved.threshold["value"])
    assert rate <= scorer.saved.threshold["alpha"]
    assert scorer.false_alarms(1e9) == 1 / (len(scorer.saved.calibration) + 1)
    assert scorer.false_alarms(-1e9) == 1


# ---------------------------------------------------------------- the command


def test_the_exit_code_says_whether_something_is_flagged(new, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert score(new, "--out", out, "--threshold=1e9") == 0
    assert score(new, "--out", out, "--threshold=-1e9") == 1
    assert score(new / "cut.png", "--out", out) == 2
    assert "none of 1 file can be read; the first: cut.png" in capsys.readouterr().err


def test_the_table_the_page_and_a_summary_are_written(new, tmp_path, capsys, table):
    out = tmp_path / "made" / "scores.csv"
    assert score(new, "--out", out, "--fdr", "0.3") == 1
    assert sorted(path.name for path in out.parent.iterdir()) == ["scores.csv", "scores.html"]
    printed = capsys.readouterr()
    flagged = int((table["decision"] == "flagged").sum())
    assert f"33 images: {flagged} are flagged" in printed.out and "2 files could not be read" in printed.out
    assert "If all of them were normal" in printed.out and "false discovery rate of 30 %" in printed.out
    assert "threshold still means 10 %" in printed.out or "threshold may no longer mean 10 %" in printed.out
    assert str(out) in printed.out and "scores.html" in printed.out
    assert all(name in printed.err for name in UNREADABLE)


def test_csv_is_utf8_and_harmless_in_a_spreadsheet_and_parquet_has_names_as_they_are(new, tmp_path, table):
    for name in ("a.csv", "a.parquet"):
        score(new, "--out", tmp_path / name)
    text = (tmp_path / "a.csv").read_bytes().decode("utf-8")
    assert "'=1+1" in text and "\n=1+1" not in text and "é" in text
    again = pd.read_csv(tmp_path / "a.csv", keep_default_na=False, na_values={"score": "", "p_value": ""})
    rest = table.drop(columns="file")
    pd.testing.assert_frame_equal(again.drop(columns="file"), rest, check_exact=True, check_dtype=False)
    parquet = pd.read_parquet(tmp_path / "a.parquet")
    assert parquet["file"].tolist() == table["file"].tolist() and small_folder.HOSTILE in set(parquet["file"])


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\ta", "\ra"])
def test_every_start_of_a_formula_is_neutralised(text, tmp_path):
    frame = pd.DataFrame({"file": [text, "a=1"], "problem": ["", text], "score": [-1.0, 2.0]})
    scoring.write(frame, tmp_path / "t.csv")
    again = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert again["score"].tolist() == [-1, 2]
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        assert f"'{text}" in file.read()


def test_without_a_name_the_table_is_beside_the_report(new, capsys):
    score(new / "good")
    out = paths.reports_folder() / f"{STUDY}.scores" / "good.csv"
    assert out.is_file() and str(out) in capsys.readouterr().out
    shutil.rmtree(out.parent)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["small_part"], "did you mean 'small_parts'"),
        ([STUDY, "--detector", "mean_imag"], "did you mean 'mean_image'"),
        ([STUDY, "--out", "x.txt"], "must end in .csv or .parquet"),
        ([STUDY, "--out", "."], "must end in"),
        ([STUDY, "--fdr", "1"], "FDR=1"),
        ([STUDY, "--threshold", "nan"], "THRESHOLD=nan"),
        (["../small_parts"], "there is no report"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_scored(parts, words, line, new, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(scorer_module.Scorer, "_scores", lambda *_: pytest.fail("scored"))
    words = [words[0], str(new), *words[1:]]
    words += [] if "--out" in words else ["--out", "x.csv"]
    assert main(["score", *words]) == 2
    error = capsys.readouterr().err
    assert line in error and "Traceback" not in error and not list(tmp_path.iterdir())


def test_a_list_of_images_is_not_overwritten(parts, new, tmp_path, capsys):
    manifest = tmp_path / "list.csv"
    manifest.write_text(f"path\n{new}/good/8_000.png\n")
    assert score(manifest, "--out", manifest) == 2
    assert "would be overwritten" in capsys.readouterr().err and manifest.read_text().startswith("path")


def test_images_that_would_be_prepared_otherwise_are_refused(parts, new, tmp_path, capsys):
    _, run, _ = parts
    file = run.detector("mean_image") / "provenance.json"
    before = cache.read_json(file)
    try:
        cache.write_json(file, before | {"images": before["images"] | {"code": "other"}})
        assert score(new, "--detector", "mean_image", "--out", tmp_path / "a.csv") == 2
    finally:
        cache.write_json(file, before)
    error = capsys.readouterr().err
    assert "make the report again" in error and not list(tmp_path.iterdir())


def test_an_unexpected_error_does_not_end_as_if_something_was_flagged(parts, new, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(scorer_module.Scorer, "_scores", lambda *_: 1 / 0)
    assert score(new, "--out", tmp_path / "a.csv") == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_disk_that_is_full_is_one_line(parts, new, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    assert score(new, "--out", tmp_path / "a.csv") == 2
    assert "No space left on device" in capsys.readouterr().err and not (tmp_path / "a.csv").exists()


# ---------------------------------------------------------------- a run that is stopped


def test_a_run_that_is_stopped_goes_on_where_it_was(parts, new, tmp_path, monkeypatch, table):
    images = shutil.copytree(new, tmp_path / "images")
    out = tmp_path / "out" / "a.csv"
    monkeypatch.setattr(scorer_module, "CHUNK", 8)
    own, calls = scorer_module.Scorer._scores, []

    def stopping(self, images):
        calls.append(images.table["id"].tolist())
        if len(calls) == limit:
            raise KeyboardInterrupt
        return own(self, images)

    monkeypatch.setattr(scorer_module.Scorer, "_scores", stopping)
    limit = 4
    assert score(images, "--out", out) == 130
    assert not out.exists() and len(list(out.parent.glob(".a.csv.*/*.parquet"))) == 3
    done, limit = [name for names in calls[:3] for name in names], 0
    calls.clear()
    score(images, "--out", out, "--threshold", "0.5")  # another threshold needs no other scores
    again = [name for names in calls for name in names]
    assert not set(done) & set(again) and {*done, *again} == set(table["file"]) - UNREADABLE
    found = pd.read_csv(out)
    np.testing.assert_array_equal(found["score"], table["score"])
    assert sorted(path.name for path in out.parent.iterdir()) == ["a.csv", "a.html"]


def test_a_file_that_has_changed_is_scored_again(parts, new, tmp_path, monkeypatch, scorer):
    images = shutil.copytree(new, tmp_path / "images")
    first = scorer.run(str(images), beside=tmp_path / "a.csv").table.set_index("file")["score"]
    shutil.copy(images / "bad" / "3_000.png", images / "good" / "8_000.png")
    second = scorer.run(str(images), beside=tmp_path / "a.csv").table.set_index("file")["score"]
    assert second["good/8_000.png"] == second["bad/3_000.png"] != first["good/8_000.png"]
    assert second.drop("good/8_000.png").equals(first.drop("good/8_000.png"))


# ---------------------------------------------------------------- drift


def test_darker_images_are_called_darker(parts, scorer, tmp_path):
    small_folder.write(tmp_path, 8, 100, 170, gain=0.4)
    scored = scorer.run(str(tmp_path))
    found = scorer.drift(scored)
    words = " ".join(presented.summary(scorer, scored, found))
    assert "These images are darker" in words and dict(found.changed)["brightness"] < -1


def test_images_like_those_of_the_study_are_called_unchanged(parts, scorer, tmp_path):
    study, _, folder = parts
    for name in study.images.table["id"].to_numpy()[study.normal]:
        shutil.copy(folder / name, tmp_path / name.replace("/", "_"))
    scored = scorer.run(str(tmp_path))
    found = scorer.drift(scored)
    assert found.kind == "holds" and not found.changed and found.embeddings["images"] >= drift.ENOUGH
    assert "The threshold still means 10 %" in " ".join(presented.verdict(scorer, found))


def test_sentences_of_every_verdict(scorer):
    nothing = drift.of([], [], *[pd.DataFrame(columns=["height", "width", "brightness", "sharpness"])] * 2)
    random = np.random.default_rng(0)
    frames = [pd.DataFrame(columns=["height", "width", "brightness", "sharpness"])] * 2
    normal, high = random.normal(size=300), random.normal(size=300) + 9
    said = {
        "Cannot tell whether the threshold still means 10 %: 0 images": nothing,
        "Cannot tell whether the threshold still means 10 %: only": drift.of(high, normal, *frames),
        "The threshold may no longer mean 10 %": drift.of(normal + 1, random.normal(size=300), *frames),
        "The threshold still means 10 %": drift.of(normal, random.normal(size=300), *frames),
    }
    for words, found in said.items():
        assert presented.verdict(scorer, found)[0].startswith(words)


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def pages(parts, new, tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("pages"), {}
    for column in small_folder.COLUMNS:
        score(new, "--out", folder / f"{column}.csv", "--detector", column)
        made[column] = folder / f"{column}.html"
    return made


def test_the_page_has_a_policy_that_allows_its_own_style_and_nothing_else(pages):
    for page in pages.values():
        text = page.read_text(encoding="utf-8")
        style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
        assert "default-src 'none'" in policy and f"style-src 'sha256-{digest}'" in policy
        markup = re.sub('"[^"]*"', '""', text)  # without values of attributes, which may hold any name
        assert "<script" not in text and "style=" not in text and not re.search(r"<[^>]*\bon\w+=", markup)
        assert not re.search(r'(?:src|href)="(?!data:|#)', text)


def test_names_are_escaped_on_the_page(pages):
    for page in pages.values():
        text = page.read_text(encoding="utf-8")
        assert "=1+1 &lt;b&gt;&amp;&#39;é&lt;img src=x onerror=alert(1)&gt;.png" in text and "<b>&'" not in text
        assert "Small &lt;parts&gt; &amp; more" in text


def test_the_cards_show_the_highest_scores_with_what_the_detector_has(pages, scorer, new):
    able, plain = (pages[column].read_text(encoding="utf-8") for column in small_folder.COLUMNS)
    table = scorer.score(str(new)).dropna(subset="score").sort_values("score", ascending=False, kind="stable")
    shown = re.findall(r'<h3 dir="auto">([^<]*)</h3>', able)
    assert [name.replace("&#39;", "'") for name in shown][:3] == [
        name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for name in table["file"][:3]
    ]
    assert len(shown) == 24 and able.count("<figcaption>Heat map</figcaption>") == 24
    assert able.count("<figcaption>Nearest normal</figcaption>") == 24
    assert "Heat map" not in plain and "Nearest normal" not in plain and plain.count("<li class") <= 24
    for source in re.findall(r'src="data:image/jpeg;base64,([^"]*)"', able):
        picture = Image.open(io.BytesIO(base64.b64decode(source)))
        assert picture.width / picture.height == pytest.approx(64 / 48, rel=0.02)  # in the proportions of the files
    assert pages[small_folder.COLUMNS[0]].stat().st_size < 1_500_000


def test_a_heat_map_is_drawn_on_a_fixed_scale_and_whole():
    picture, low, high = np.full((8, 8, 1), 128, np.uint8), 1.0, 3.0
    drawn = [laid_over(picture, np.full((2, 2), value), (low, high)) for value in (0.0, 1.0, 3.0, 99.0)]
    assert (drawn[0] == drawn[1]).all() and (drawn[2] == drawn[3]).all() and (drawn[1] != drawn[2]).any()
    assert drawn[0].shape == (8, 8, 3) and drawn[0].mean() < drawn[2].mean()
    corner = laid_over(picture, np.array([[3.0, 1.0], [1.0, 1.0]]), (low, high)).mean(axis=2)
    assert corner[0, 0] == corner.max() and corner[7, 7] == corner.min()


class Page(Browser):
    """A page without a script."""

    def open(self, path, width, dark):
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=path.as_uri())
        while not self.value("document.readyState == 'complete' && !!document.querySelector('.files')"):
            pass


@pytest.mark.browser
def test_nothing_of_a_name_runs_on_the_page(pages, chromium, tmp_path):
    check_pages(chromium, pages.values(), tmp_path)


@pytest.mark.browser
def test_the_page_fits_a_phone_and_a_desk_light_and_dark(pages, chromium, tmp_path):
    browser = Page(chromium, tmp_path / "profile")
    try:
        for page in pages.values():
            for width in (390, 1440):
                backgrounds = []
                for dark in (False, True):
                    browser.open(page, width, dark)
                    assert browser.value("document.documentElement.scrollWidth") <= width
                    assert browser.value("[...document.images].every(image => image.naturalWidth > 0)")
                    assert not browser.complaints()
                    backgrounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
                assert backgrounds[0] != backgrounds[1]
    finally:
        browser.close()
