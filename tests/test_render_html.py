"""The pages of a study are complete, linked, offline, accessible, and the same every time."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
import render_material as material

from lib.presentation.memo import Memo
from lib.report.render.document import read_chapters
from lib.report.render.html import natural_size, write_site
from lib.report.render.model import APPENDIX, RenderError
from lib.report.studies import write_index

BESIDE = {"report.pdf", "run/metrics.json", "run/scores.parquet", "run/fits.json"}  # written by others
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


def test_nothing_is_loaded_but_images_and_nothing_runs(site):
    for page in site.values():
        for tag, attributes in page.elements:
            assert tag not in ("script", "link", "iframe", "object", "embed", "base")
            assert not any(name.startswith("on") for name in attributes)
            assert attributes.get("src", "images/").startswith("images/")
            assert "srcset" not in attributes
        assert "@import" not in page.source
        assert "url(" not in page.source


def test_the_policy_allows_the_style_sheet_and_images_and_nothing_else(site):
    for page in site.values():
        (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
        style = re.search("<style>(.*?)</style>", page.source, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy.split("; ") == [
            "default-src 'none'",
            f"style-src 'sha256-{digest}'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
        assert not any("style" in attributes for _, attributes in page.elements)


def test_every_inner_link_has_its_target(site, chapters):
    images = {f"images/{figure.label}.{figure.suffix}" for chapter in chapters for figure in chapter.figures}
    beside = BESIDE | images | {"images/cover.svg"} | {f"notebooks/{chapter.stem}.ipynb" for chapter in chapters}
    for name, page in site.items():
        for link in page.all("a"):
            target, _, anchor = link["href"].partition("#")
            if re.match("https?:|mailto:", target) or target in beside:
                continue
            assert (target or name) in site, link
            assert not anchor or anchor in site[target or name].ids, link


def test_every_figure_opens_at_its_full_size(site, chapters, tmp_path):
    write_site(chapters, material.INFO, tmp_path)
    for chapter in chapters:
        page = site[f"{chapter.stem}.html"]
        for figure in chapter.figures:
            file = f"images/{figure.label}.{figure.suffix}"
            assert (tmp_path / file).read_bytes() == figure.image
            assert {"class": "full", "href": file, "title": f"Open {figure.name} at full size"} in page.all("a")
            assert file in [image["src"] for image in page.all("img")]
    assert (tmp_path / "images" / "cover.svg").read_bytes() == material.INFO.memo.picture.image


def test_every_image_has_its_alternative_text_and_size(site):
    images = [image for page in site.values() for image in page.all("img")]
    assert len(images) == 6
    assert {"Bars: 9, 7 and 3.", "Sixteen images.", "Four images in a row."} <= {image["alt"] for image in images}
    assert all(image["alt"].strip() and int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)


def test_figures_carry_their_numbers_captions_and_ids(site, chapters):
    for chapter in chapters:
        page = site[f"{chapter.stem}.html"]
        for each in [*chapter.figures, *chapter.tables]:
            assert each.label in page.ids
            assert f"{each.name}. " in page.text
            assert each.name in site["index.html"].text


def test_code_is_behind_one_switch_and_each_block_has_its_own_name(site):
    page = site["01_exploration.html"]
    assert "secret of a fold" in page.text
    assert page.all("input") == [{"type": "checkbox", "id": "show-code", "class": "switch"}]
    assert [label["for"] for label in page.all("label")] == ["show-code"]
    names = [box["aria-label"] for box in page.all("div") if box.get("class") == "code"]
    assert len(names) == len(set(names)) == 8
    assert {"Default parameters, in cell 3", "Parameters of this study, in cell 4", "Code of cell 2"} <= set(names)
    assert all("removed wholly" not in page.text for page in site.values())
    assert not site["index.html"].all("input")


def test_warnings_on_standard_error_are_not_shown(site):
    assert "a warning for developers" not in site["01_exploration.html"].source
    assert "loaded 1,234 images" in site["01_exploration.html"].text
    assert "10 %" not in site["01_exploration.html"].text


def test_mathematics_is_mathml_and_greek_stays_greek(site):
    page = site["02_training.html"]
    assert len(page.all("math")) == 2
    assert all(formula["tabindex"] == "0" for formula in page.all("math") if formula.get("display") == "block")
    assert "$$" not in page.text
    assert "loss of the β-VAE" in page.text


def test_tables_can_be_scrolled_with_the_keyboard(site):
    page = site["03_evaluation.html"]
    assert [box for box in page.all("div") if box.get("aria-label") == "Table 2"] == [
        {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": "Table 2"}
    ]


def test_tables_have_row_and_column_headers_and_wide_ones_become_cards(site):
    page = site["03_evaluation.html"]
    assert [cell["scope"] for cell in page.all("th")] == ["col"] * 12 + ["row"] * 5
    assert [table["class"] for table in page.all("table")] == ["cards"]
    assert [cell["data-label"] for cell in page.all("td")[:2]] == ["Measured quantity 1", "Measured quantity 2"]
    assert "class" not in site["01_exploration.html"].all("table")[0]


def test_rows_without_a_name_have_no_header(tmp_path):
    markdown = '| A | "B" & $x$ |\n|---|---:|\n| one | 1 |\n| | 2 |'
    notebook = material.write(
        tmp_path, "01_a", material.text("# A"), material.code("a", material.table("tab-a", markdown))
    )
    write_site(read_chapters([notebook]), dataclasses.replace(material.INFO, memo=Memo("Which?")), tmp_path)
    page = Page((tmp_path / "01_a.html").read_text(encoding="utf-8"))
    assert [cell["scope"] for cell in page.all("th")] == ["col", "col"]
    assert [cell.get("data-label") for cell in page.all("td")] == [None, '"B" & x', None, '"B" & x']


def test_headings_carry_their_numbers_on_the_page_in_navigation_and_contents(site):
    assert "1.1 Classes" in site["01_exploration.html"].text and "1.2 Samples" in site["01_exploration.html"].text
    assert "3.1.1 Curve" in site["03_evaluation.html"].text
    for words in ("1 Meet the images 1.1 Classes 1.2 Samples", "3 Judge the scores 3.1 Threshold"):
        assert words in site["index.html"].text
    assert "Chapter 3 of 3 · executed notebook" in site["03_evaluation.html"].text


def test_the_appendix_is_lettered_and_has_no_notebook(tmp_path):
    cells = [material.text("# Appendix\n\n## Glossary\n\n### Terms"), material.code("", count=None)]
    notebooks = [*material.study(tmp_path), material.write(tmp_path, APPENDIX, *cells)]
    write_site(read_chapters(notebooks), material.INFO, tmp_path)
    page = Page((tmp_path / "appendix.html").read_text(encoding="utf-8"))
    assert "A.1 Glossary" in page.text and "A.1.1 Terms" in page.text
    assert "A Appendix A.1 Glossary" in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "Appendix" in page.text and "Chapter" not in page.text.replace("Chapters", "")
    assert not page.all("input"), "a switch for code where there is none"
    assert "notebooks/appendix.ipynb" not in [link["href"] for link in page.all("a")]
    assert "Chapter 3 of 3" in Page((tmp_path / "03_evaluation.html").read_text(encoding="utf-8")).text


def test_navigation_marks_the_page_and_links_to_its_neighbours(site):
    page = site["02_training.html"]
    assert [link["href"] for link in page.all("a") if link.get("aria-current")] == ["02_training.html"]
    assert [(link["rel"], link["href"]) for link in page.all("a") if "rel" in link] == [
        ("prev", "01_exploration.html"),
        ("next", "03_evaluation.html"),
    ]
    assert page.all("a")[0] == {"class": "skip", "href": "#content"}
    assert "#reconstructions" in [link["href"] for link in page.all("a")]


def test_the_first_page_is_the_memo_then_contents_and_facts(site):
    page, memo = site["index.html"], material.INFO.memo
    words = [material.INFO.title, memo.question, "Answer", "7,822 of 8,344 anomalies", "see Figure 5", memo.in_use]
    words += [part for box in memo.boxes for part in (box.value, box.label, box.note)]
    words += [memo.picture.caption, "Warnings", "No image is held out.", memo.warnings[1], "What to do next"]
    words += [memo.next_steps[0], "Contents", "About this report", "metrics.json", "Figures (5)", "Tables (2)"]
    main = page.text[page.text.index("Study shapes") :]
    places = [main.index(each) for each in words]
    assert places == sorted(places)
    assert all(label in page.text and value in page.text for label, value in material.INFO.facts)
    assert "Please note" not in page.text
    assert {link["href"] for link in page.all("a")} >= BESIDE


def test_what_the_memo_does_not_have_is_left_out(chapters, tmp_path):
    bare = dataclasses.replace(material.INFO, memo=Memo(question="Is <b>it</b> & 'that'?"))
    files = write_site(chapters, bare, tmp_path)
    page = Page(files[0].read_text(encoding="utf-8"))
    assert "Is <b>it</b> & 'that'?" in page.text
    for words in ("Answer", "Warnings", "What to do next"):
        assert words not in page.text
    assert not page.all("img") and not (tmp_path / "images" / "cover.svg").exists()


def test_the_explorer_is_linked_where_there_is_one(chapters, tmp_path):
    for explorer in (True, False):
        for file in write_site(chapters, material.INFO, tmp_path, explorer=explorer):
            if file.suffix == ".html":
                links = [link["href"] for link in Page(file.read_text(encoding="utf-8")).all("a")]
                assert ("explorer.html" in links) == explorer


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
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(files)


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
    pages = ["index.html", "01_exploration.html", "appendix.html", "explorer.html", "report.pdf"]
    finished(tmp_path / "airplanes", {"status": "complete", "title": "Airplanes"}, metrics, pages)
    finished(tmp_path / "digits.failed", {"status": "failed", "error": "cell 3: <ValueError>"})
    finished(tmp_path / "odd", "{truncated")
    finished(tmp_path / ".making", {"status": "complete", "title": "Half made"})
    (tmp_path / "no study").mkdir()
    page = Page(write_index(tmp_path).read_text(encoding="utf-8"))
    assert not page.open
    for words in (
        "Airplanes",
        "caltech101",
        "9,144 images",
        "0.9470",
        "0.9400 to 0.9530",
        "β-VAE",
        "Move the threshold",
    ):
        assert words in page.text
    assert "Exploration · Appendix · Move the threshold · PDF" in page.text
    assert "failed" in page.text and "cell 3: <ValueError>" in page.text
    assert "unfinished" in page.text
    assert "no study" not in page.text and "Half made" not in page.text
    for link in page.all("a"):
        assert link["href"].startswith("#") or (tmp_path / link["href"]).is_file()


def test_the_list_of_studies_may_be_empty(tmp_path):
    page = Page(write_index(tmp_path / "reports").read_text(encoding="utf-8"))
    assert "no reports yet" in page.text
