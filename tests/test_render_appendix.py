"""Sections with nothing to say, the appendix, citations and the glossary."""

import re

import pytest
import render_material as material
from nbformat.v4 import new_markdown_cell, new_notebook

from lib.params import Parameters, load, studies
from lib.presentation.text.glossary import TERMS
from lib.report.render import pandoc
from lib.report.render.appendix import appendix
from lib.report.render.document import parse_outside, read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import APPENDIX, Prose, RenderError
from lib.report.render.pdf import write_pdf

MANIFEST = {
    "study": "shapes",
    "data": {"name": "shapes_<b>", "version": "1.0.0", "images": 1234, "fingerprint": "0f1e"},
    "seed": 555,
    "created": "2026-11-23T10:00:00+00:00",
    "code": {"commit": None, "files": "a1b2"},
    "device": "CPU",
    "machine": "Linux, 2 cores",
    "versions": {"python": "3.11.7", "keras": "3.15.1"},
}
PARAMS = Parameters(title="A & <b>", refinements=[{"latent_dim": 8, "beta": 0.01}, {"epochs": 3}]).model_dump()


def read(folder, *cells, appended=True, name="01_page", title="# Page"):
    path = material.write(folder, name, material.text(title), *cells)
    return read_chapters([path], appendix(MANIFEST, PARAMS) if appended else None)


def words(chapter):
    return [pandoc.plain(block.content) for block in chapter.blocks if isinstance(block, Prose)]


def links(chapter, cls=None):
    return [
        (pandoc.plain(element["c"][1]), element["c"][2][0])
        for block in chapter.blocks
        for tree in (getattr(block, "content", None), getattr(block, "caption", None))
        for element in pandoc.elements(tree)
        if element["t"] == "Link" and (cls is None or cls in element["c"][0][1])
    ]


def sections(chapter):
    return [section.anchor for section in chapter.sections]


# ---------------------------------------------------------------- sections with nothing to say


def test_a_section_with_nothing_to_say_is_left_out_whole(tmp_path):
    (chapter,) = read(
        tmp_path,
        material.text("Before.\n\n## Seeds\n\nHow much depends on it?"),
        material.code("quiet = 1"),
        material.code("...", material.figure("fig-gone"), material.nothing()),
        material.text("Still about it.\n\n### Below it\n\nDetails."),
        material.code("...", material.figure("fig-below")),
        material.text("## Costs\n\nAfter."),
        material.code("...", material.figure("fig-kept")),
        appended=False,
    )
    assert sections(chapter) == ["costs"]
    assert words(chapter) == ["Page", "Before.", "CostsAfter."]
    assert [(figure.label, figure.number) for figure in chapter.figures] == [("fig-kept", 1)]
    assert [cell.source for cell in chapter.notebook.cells if cell.cell_type == "code"] == ["..."]
    indices = [cell.metadata["block"] for cell in chapter.notebook.cells if cell.cell_type == "markdown"]
    indices += [output.metadata["block"] for cell in chapter.notebook.cells for output in cell.get("outputs", [])]
    assert sorted(indices) == list(range(len(chapter.blocks)))


def test_only_the_innermost_section_is_left_out(tmp_path):
    (chapter,) = read(
        tmp_path,
        material.text("## Mistakes"),
        material.text("### Missed\n\nNone here."),
        material.code("...", material.nothing()),
        material.text("### False alarms\n\nSome here."),
        appended=False,
    )
    assert words(chapter) == ["Page", "Mistakes", "False alarmsSome here."]


def test_a_chapter_with_nothing_to_say_is_left_out_and_the_numbers_close_up(tmp_path):
    paths = [
        material.write(
            tmp_path, "01_a", material.text("# A\n\nSee [the next](02_b.ipynb) and [there](02_b.ipynb#In).")
        ),
        material.write(
            tmp_path, "02_b", material.text("# B"), material.code("x", material.nothing()), material.text("## In")
        ),
        material.write(tmp_path, "03_c", material.text("# C")),
    ]
    chapters = read_chapters(paths)
    assert [(chapter.stem, chapter.number) for chapter in chapters] == [("01_a", 1), ("03_c", 2)]
    assert words(chapters[0]) == ["ASee the next and there."] and not links(chapters[0])
    assert pandoc.plain(parse_outside(["As [B](02_b.ipynb) says."], chapters, "memo")) == "As B says."


def test_links_to_what_this_study_does_not_show_become_text(tmp_path):
    cells = [
        material.text("[This](#fig-unshown), [that](#tab-gone), [the part](#Seeds) and [more](01_page.ipynb#seeds)."),
        material.text("## Seeds"),
        material.code("if many:\n    show.figure(label='fig-unshown')", material.nothing()),
        material.code("...", material.table("tab-gone")),
    ]
    (chapter,) = read(tmp_path, *cells, appended=False)
    assert words(chapter)[1] == "This, that, the part and more." and not links(chapter)


def test_a_link_to_what_no_study_shows_is_an_error(tmp_path):
    cells = [material.text("[x](#fig-unshwon)\n\n## S"), material.code("label='fig-unshown'", material.nothing())]
    with pytest.raises(RenderError, match=r"01_page.ipynb, cell 2: link to unknown label '#fig-unshwon'"):
        read(tmp_path, *cells, appended=False)
    with pytest.raises(RenderError, match=r"cell 2: link to '03_gone.ipynb'"):
        read(tmp_path, material.text("[x](03_gone.ipynb)"), appended=False)


# ---------------------------------------------------------------- citations


def test_citations_lead_to_the_list_of_works_cited(tmp_path):
    caption = "An interval [@clopper1934]."
    page, last = read(
        tmp_path,
        material.text("By DeLong et al. [-@delong1988] and [see @sun2014, p. 1390]. All are [listed](#refs)."),
        material.code("...", material.prose("Computed [@delong1988]."), material.figure("fig-a", caption=caption)),
    )
    assert words(page)[1:] == [
        "By DeLong et al. (1988) and (see Sun and Xu 2014, 1390). All are listed.",
        "Computed (DeLong et al. 1988).",
    ]
    assert pandoc.plain(page.figures[0].caption) == "An interval (Clopper and Pearson 1934)."
    found = dict(links(page))
    assert found["DeLong et al. 1988"] == "report:appendix#ref-delong1988"
    assert found["Clopper and Pearson 1934"] == "report:appendix#ref-clopper1934"
    assert found["listed"] == "report:appendix#refs"
    assert "references" in sections(last)
    listed = [target for _, target in links(last)]
    assert listed == [f"https://doi.org/{doi}" for doi in ("10.1093/biomet/26.4.404", "10.2307/2531595",
                                                            "10.1109/LSP.2014.2337313")]  # fmt: skip


def test_without_citations_there_is_no_list(tmp_path):
    page, last = read(tmp_path, material.text("See [the list](#refs)."))
    assert "references" not in sections(last) and words(page)[1] == "See the list."


def test_an_unknown_work_is_an_error(tmp_path):
    with pytest.raises(RenderError, match=r"^01_page.ipynb, cell 2: .*'@delong88' \(did you mean 'delong1988'\?\)$"):
        read(tmp_path, material.text("[@delong88]"))
    with pytest.raises(RenderError, match=r"cell 2: citation of '@delong1988' in a report without an appendix"):
        read(tmp_path, material.text("[@delong1988]"), appended=False)
    with pytest.raises(RenderError, match=r"memo: citation of '@delong1988' outside the chapters"):
        parse_outside(["[@delong1988]"], read(tmp_path), "memo")


def test_names_with_an_at_sign_are_no_citations(tmp_path):
    page, _ = read(tmp_path, material.text("Class @home, @delong1988, a@b.c and \\[\\@x\\]."))
    assert words(page)[1] == "Class @home, @delong1988, a@b.c and [@x]." and not links(page, "")


def test_every_work_of_the_bibliography_has_a_link(tmp_path):
    keys = sorted(pandoc.works())
    page, last = read(tmp_path, *(material.text(f"[@{key}]") for key in keys))
    cited = [target.removeprefix("report:appendix#ref-") for _, target in links(page)]
    assert cited == keys and len(keys) > 20
    entries = [
        element
        for block in last.blocks
        for element in pandoc.elements(block.content if isinstance(block, Prose) else None)
        if element["t"] == "Div" and "csl-entry" in element["c"][0][1]
    ]
    without = [
        element["c"][0][0] for element in entries if not any(each["t"] == "Link" for each in pandoc.elements(element))
    ]
    assert len(entries) == len(keys) and without == ["ref-study2025"]  # a student project, published nowhere


# ---------------------------------------------------------------- glossary


def test_the_first_use_of_a_term_in_a_chapter_is_linked(tmp_path):
    pages = [
        material.write(tmp_path, "01_a", material.text("# A threshold\n\nTwo thresholds and a threshold.")),
        material.write(
            tmp_path, "02_b", material.text("# B\n\n- Thresholds,\n- **false\n  alarm rates** and false alarms")
        ),
    ]
    first, second, last = read_chapters(pages, appendix(MANIFEST, PARAMS))
    assert links(first) == [("thresholds", "report:appendix#term-threshold")]
    assert links(second, "term") == [
        ("Thresholds", "report:appendix#term-threshold"),
        ("false alarm rates", "report:appendix#term-false-alarm-rate-false-positive-rate"),
        ("false alarms", "report:appendix#term-false-alarm-false-positive"),
    ]
    assert words(second) == ["BThresholds,false alarm rates and false alarms"]
    assert words(last)[1].count("flagged") == 3 and "Posterior" not in words(last)[1]  # of the terms that are used


def test_terms_are_linked_in_prose_only_and_as_whole_words(tmp_path):
    caption = "The recall."
    (page, last) = read(
        tmp_path,
        material.text("## Recall\n\n`recall` recalled [recall](https://example.org), $recall$, total-recall"),
        material.text("| recall |\n|---|\n| recall |"),
        material.code("...", material.figure("fig-a", caption=caption), material.table("tab-a", caption=caption)),
        material.code("...", material.prose("In mixed precision a random anomaly scores higher.")),
    )
    assert links(page, "term") == [] and "glossary" not in sections(last)
    page, _ = read(tmp_path, material.code("...", material.prose("Computed recall.")))
    assert [word for word, _ in links(page, "term")] == ["recall"]


def test_a_beta_vae_is_not_a_vae(tmp_path):
    page, _ = read(tmp_path, material.text("A β-VAE, then the VAE with FPR at 95\u00a0% TPR."))
    assert [target.rpartition("#")[2] for _, target in links(page)] == [
        "term-beta-vae", "term-vae", "term-fpr-at-95-tpr"]  # fmt: skip


def test_without_a_glossary_no_term_is_linked(tmp_path):
    (page,) = read(tmp_path, material.text("The recall."), appended=False)
    assert links(page) == []


def test_terms_differ_and_their_definitions_are_sentences():
    anchors = [term.anchor for term in TERMS]
    spellings = [word.lower() for term in TERMS for word in term.words]
    assert len(set(anchors)) == len(anchors) and len(set(spellings)) == len(spellings)
    assert all(re.fullmatch(r"term-[a-z0-9-]+", anchor) for anchor in anchors)
    for term in TERMS:
        assert term.definition[0].isupper() and term.definition.endswith("."), term.name
        assert not re.search(r"\. [A-Z]", term.definition), term.name
        assert not re.search(r"\d", re.sub("95 %|F1", "", term.definition)), term.name


# ---------------------------------------------------------------- where the report came from


def test_the_appendix_comes_last_and_says_where_the_report_came_from(tmp_path):
    _, last = read(tmp_path, material.code("...", material.table("tab-a")))
    assert (last.stem, last.numeral, pandoc.plain(last.title)) == (APPENDIX, "A", "Appendix")
    assert [(table.label, table.number) for table in last.tables] == [("tab-provenance", 2), ("tab-parameters", 3)]
    provenance, parameters = (pandoc.plain(table.content) for table in last.tables)
    for text in (
        "shapes_<b> 1.0.0",
        "1,234",
        "0f1e",
        "commit unknown",
        "a1b2",
        "CPU",
        "keras 3.15.1",
        "2026-11-23 10:00",
    ):
        assert text in provenance
    for text in ("A & <b>", "Title of the report", "latent_dim 8 and beta 0.01, epochs 3", "0.005, 0.01, 0.015"):
        assert text in parameters
    assert Parameters.model_fields["published"].description not in parameters  # no value, no row


@pytest.mark.parametrize("study", studies())
def test_every_parameter_of_a_study_has_a_description(study):
    values = load(study).model_dump()
    table = appendix(MANIFEST, values).cells[-1].outputs[0].data["text/markdown"]
    rows = table.splitlines()[2:]
    networks = {
        "latent_dim",
        "epochs",
        "batch_size",
        "learning_rate",
        "beta",
        "threshold",
        "thresholds",
        "dtype_policy",
    }
    unused = networks if study == "solar_cells" else {"unreadable_share"}  # it has no network, the others no files
    assert len(rows) == sum(value not in ("", []) for name, value in values.items() if name not in unused)
    assert not unused & {row.strip("| ").split(" | ")[0].strip().replace("\\_", "_") for row in rows}
    assert all(len(row.strip("| ").split(" | ")) == 3 for row in rows)


def test_the_appendix_is_not_changed_by_reading_it(tmp_path):
    notebook = new_notebook(cells=[new_markdown_cell("# Appendix"), new_markdown_cell("## More\n\nText.")])
    path = material.write(tmp_path, "01_page", material.text("# Page\n\n[More](appendix.ipynb#more)."))
    first, second = (read_chapters([path], notebook)[1] for _ in range(2))
    assert words(first) == words(second) == ["Appendix", "MoreText."]


def test_html_and_pdf_have_the_targets_of_terms_and_works(tmp_path):
    site = tmp_path / "site"
    evaluation = material.study(tmp_path)
    extra = material.write(
        tmp_path, "04_more", material.text("# More\n\nThe recall and the false alarms, by DeLong [@delong1988].")
    )
    chapters = read_chapters([*evaluation, extra], appendix(MANIFEST, PARAMS))
    write_site(chapters, material.INFO, site)
    page, last = ((site / f"{name}.html").read_text(encoding="utf-8") for name in ("04_more", APPENDIX))
    inner = re.findall(r'href="appendix.html#((?:term|ref)-[^"]*)"', page)
    assert len(inner) == 3 and all(f'id="{anchor}"' in last for anchor in inner)
    assert re.search(r'<a[^>]*class="term"', page)
    write_pdf(chapters, material.INFO, site / "report.pdf")  # Typst refuses a link to a missing label
    assert (site / "report.pdf").stat().st_size > 10_000
