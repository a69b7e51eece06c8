"""The pages of a study are complete, linked, offline, accessible, and the same every time."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest
import render_material as material

from lib.report.render.document import read_chapters
from lib.report.render.html import natural_size, write_site
from lib.report.render.model import RenderError
from lib.report.studies import write_index

VOID = {"img", "br", "hr", "meta", "link", "input", "col", "source", "wbr"}


class Page(HTMLParser):
    """What a test asks of a page: its elements with their attributes, and the words in it."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words, self.open, self.source = [], [], [], text
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()

    def handle_data(self, data):
        if not {"style", "script", "annotation"} & set(self.open):
            self.words.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    chapters = read_chapters(material.study(tmp_path_factory.mktemp("notebooks")))
    write_site(chapters, material.INFO, folder)
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.html"))}


@pytest.fixture(scope="module")
def chapters(tmp_path_factory):
    return read_chapters(material.study(tmp_path_factory.mktemp("notebooks")))


def test_there_is_a_first_page_and_a_page_for_each_notebook(site):
    assert list(site) == ["01_exploration.html", "02_training.html", "03_evaluation.html", "index.html"]


def test_pages_are_well_formed_and_say_their_language(site):
    for page in site.values():
        assert not page.open
        assert page.source.startswith("<!DOCTYPE html>")
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("h1")) == 1
        assert len(page.all("title")) == 1
        assert len(page.ids) == len(set(page.ids))


def test_nothing_is_loaded_and_nothing_runs(site):
    for page in site.values():
        for tag, attributes in page.elements:
            assert tag not in ("script", "link", "iframe", "object", "embed", "base")
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("src", "data:").startswith("data:")
            assert "srcset" not in attributes
        assert "@import" not in page.source
        assert "url(" not in page.source


def test_every_inner_link_has_its_target(site):
    for name, page in site.items():
        for link in page.all("a"):
            target, _, anchor = link["href"].partition("#")
            if re.match("https?:|mailto:", target) or target == "report.pdf":
                continue
            assert (target or name) in site, link
            assert not anchor or anchor in site[target or name].ids, link


def test_every_image_has_its_alternative_text_and_size(site):
    images = [image for page in site.values() for image in page.all("img")]
    assert len(images) == 5
    assert {"Bars: 9, 7 and 3.", "Sixteen images."} <= {image["alt"] for image in images}
    assert all(image["alt"].strip() and int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)


def test_figures_carry_their_numbers_captions_and_ids(site, chapters):
    for chapter in chapters:
        page = site[f"{chapter.stem}.html"]
        for each in [*chapter.figures, *chapter.tables]:
            assert each.label in page.ids
            assert f"{each.name}. " in page.text
            assert each.name in site["index.html"].text


def test_code_is_folded(site):
    page = site["01_exploration.html"]
    assert "secret of a fold" in page.text
    assert len(page.all("details")) == 8
    assert not any("open" in attributes for attributes in page.all("details"))
    assert "Show parameters of this study" in page.text
    assert all("removed wholly" not in page.text for page in site.values())


def test_warnings_on_standard_error_are_not_shown(site):
    assert "a warning for developers" not in site["01_exploration.html"].source
    assert "loaded 1,234 images" in site["01_exploration.html"].text
    assert "10 %" not in site["01_exploration.html"].text


def test_mathematics_is_mathml_and_greek_stays_greek(site):
    page = site["02_training.html"]
    assert len(page.all("math")) == 2
    assert "$$" not in page.text
    assert "loss of the β-VAE" in page.text


def test_tables_can_be_scrolled_with_the_keyboard(site):
    page = site["03_evaluation.html"]
    assert [box for box in page.all("div") if box.get("aria-label") == "Table 2"] == [
        {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Table 2"}
    ]
    assert len(page.all("th")) == 12


def test_navigation_marks_the_page_and_links_to_its_neighbours(site):
    page = site["02_training.html"]
    assert [link["href"] for link in page.all("a") if link.get("aria-current")] == ["02_training.html"]
    assert [(link["rel"], link["href"]) for link in page.all("a") if "rel" in link] == [
        ("prev", "01_exploration.html"),
        ("next", "03_evaluation.html"),
    ]
    assert page.all("a")[0] == {"class": "skip", "href": "#content"}
    assert "#reconstructions" in [link["href"] for link in page.all("a")]


def test_the_first_page_has_title_key_results_and_facts(site):
    page = site["index.html"]
    for words in (material.INFO.title, material.INFO.description, "0.9470", "7,822 of 8,344 anomalies", "see Figure 5"):
        assert words in page.text
    assert all(label in page.text and value in page.text for label, value in material.INFO.facts)
    assert "Please note" not in page.text
    assert "report.pdf" in [link["href"] for link in page.all("a")]


def test_lists_show_only_the_first_sentence_of_a_caption(site):
    assert "Receiver operating characteristic" in site["index.html"].text
    assert "Every threshold is one point" not in site["index.html"].text
    assert "Every threshold is one point" in site["03_evaluation.html"].text


def test_a_notice_is_prominent_and_markup_in_texts_is_text(chapters, tmp_path):
    info = dataclasses.replace(material.INFO, notice="No <b>network</b> & no data.", title="A < B")
    write_site(chapters, info, tmp_path)
    page = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "Please note. No <b>network</b> & no data." in page.text
    assert "A < B" in page.text


def test_the_same_notebooks_give_the_same_bytes(chapters, tmp_path):
    once = [path.read_bytes() for path in write_site(chapters, material.INFO, tmp_path / "a")]
    again = read_chapters(material.study(tmp_path))
    assert once == [path.read_bytes() for path in write_site(again, material.INFO, tmp_path / "b")]


def test_no_temporary_file_stays(chapters, tmp_path):
    files = write_site(chapters, material.INFO, tmp_path)
    assert files[0].name == "index.html"
    assert sorted(tmp_path.iterdir()) == sorted(files)


def test_a_report_without_chapters_is_refused(tmp_path):
    with pytest.raises(RenderError, match=r"at least one"):
        write_site([], material.INFO, tmp_path)


def test_figures_keep_the_size_they_were_drawn_for(chapters):
    for chapter in chapters:
        for figure in chapter.figures:
            assert natural_size(figure)[0] == pytest.approx(6.3, abs=0.01)


def test_a_damaged_image_is_named(chapters):
    for suffix in ("png", "svg"):
        damaged = dataclasses.replace(chapters[0].figures[0], image=b"no image", suffix=suffix)
        with pytest.raises(RenderError, match=r"Figure 1 .fig-classes."):
            natural_size(damaged)


def finished(folder, status, metrics=None, pages=()):
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "status.json").write_text(status if isinstance(status, str) else json.dumps(status))
    if metrics is not None:
        (folder / "run" / "metrics.json").write_text(json.dumps(metrics))
    for page in pages:
        (folder / page).write_text("page")


def test_the_list_of_studies(tmp_path):
    metrics = {
        "study": "airplanes",
        "protocol": "resubstitution",
        "dataset": {"name": "caltech101", "images": 9144},
        "detectors": {"autoencoder": {"auroc": {"value": 0.947, "low": 0.94, "high": 0.953}}, "beta_vae": {}},
    }
    pages = ["index.html", "01_exploration.html", "report.pdf"]
    finished(tmp_path / "airplanes", {"status": "complete", "title": "Airplanes"}, metrics, pages)
    finished(tmp_path / "digits.failed", {"status": "failed", "error": "cell 3: <ValueError>"})
    finished(tmp_path / "odd", "{truncated")
    finished(tmp_path / ".making", {"status": "complete", "title": "Half made"})
    (tmp_path / "no study").mkdir()
    page = Page(write_index(tmp_path).read_text(encoding="utf-8"))
    assert not page.open
    for words in ("Airplanes", "caltech101", "9,144 images", "0.9470", "0.9400 to 0.9530", "β-VAE"):
        assert words in page.text
    assert "failed" in page.text and "cell 3: <ValueError>" in page.text
    assert "unfinished" in page.text
    assert "no study" not in page.text and "Half made" not in page.text
    for link in page.all("a"):
        assert link["href"].startswith("#") or (tmp_path / link["href"]).is_file()


def test_the_list_of_studies_may_be_empty(tmp_path):
    page = Page(write_index(tmp_path / "reports").read_text(encoding="utf-8"))
    assert "no reports yet" in page.text
