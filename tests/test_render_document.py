"""Notebooks as one document: numbers, links, and one clear line for what cannot be rendered."""

import nbformat
import pytest
import render_material as material
from nbformat.v4 import new_markdown_cell, new_output

from lib.report.render import pandoc
from lib.report.render.document import parse_outside, read_chapters
from lib.report.render.model import Prose, RenderError, Text


def read(folder, *cells, name="01_page"):
    return read_chapters([material.write(folder, name, material.text("# Title"), *cells)])


def refused(folder, *cells):
    with pytest.raises(RenderError) as caught:
        read(folder, *cells)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def links(chapters):
    return [
        (pandoc.plain(element["c"][1]), element["c"][2][0])
        for chapter in chapters
        for block in chapter.blocks
        if isinstance(block, Prose)
        for element in pandoc.elements(block.content)
        if element["t"] == "Link"
    ]


def test_figures_and_tables_are_numbered_through_all_chapters(tmp_path):
    chapters = read_chapters(material.study(tmp_path))
    assert [figure.number for chapter in chapters for figure in chapter.figures] == [1, 2, 3, 4, 5]
    assert [table.number for chapter in chapters for table in chapter.tables] == [1, 2]
    assert [chapter.number for chapter in chapters] == [1, 2, 3]


def test_titles_and_sections_come_from_the_headings(tmp_path):
    first = read_chapters(material.study(tmp_path))[0]
    assert pandoc.plain(first.title) == "Meet the images"
    assert [(each.anchor, pandoc.plain(each.title)) for each in first.sections] == [
        ("classes", "Classes"),
        ("samples", "Samples"),
    ]


def test_links_to_figures_and_tables_get_their_names(tmp_path):
    found = links(read_chapters(material.study(tmp_path)))
    assert ("Figure 1", "report:01_exploration#fig-classes") in found
    assert ("Table 2", "report:03_evaluation#tab-metrics") in found
    assert ("Figure 2", "report:01_exploration#fig-samples") in found  # from another chapter


def test_links_to_chapters_and_headings_keep_their_words(tmp_path):
    found = links(read_chapters(material.study(tmp_path)))
    assert ("chapter one", "report:01_exploration#") in found
    assert ("its classes", "report:01_exploration#classes") in found
    assert ("below", "report:02_training#reconstructions") in found  # JupyterLab's spelling, with a capital
    assert ("a paper", "https://arxiv.org/abs/1312.6114") in found


def test_a_link_to_a_file_beside_the_report_says_so(tmp_path):
    assert links(read(tmp_path, material.text("[x](beside:../y.html)"))) == [("x", "beside:../y.html")]


def test_equal_headings_get_anchors_of_their_own(tmp_path):
    (chapter,) = read(tmp_path, material.text("## Loss"), material.text("## Loss"), material.text("## Loss"))
    assert [section.anchor for section in chapter.sections] == ["loss", "loss-2", "loss-3"]


def test_outputs_for_jupyterlab_or_the_terminal_are_left_out(tmp_path):
    chapters = read_chapters(material.study(tmp_path))
    texts = [block.text for chapter in chapters for block in chapter.blocks if isinstance(block, Text)]
    prose = [
        pandoc.plain(block.content) for chapter in chapters for block in chapter.blocks if isinstance(block, Prose)
    ]
    assert texts == ["loaded 1,234 images", "2", "x" * 150]  # of a progress bar, what stood there at the end
    assert not any("echo of a caption" in each or "removed wholly" in each for each in prose)
    assert not any("removed wholly" in cell.source for chapter in chapters for cell in chapter.notebook.cells)


def test_one_text_cannot_swallow_the_next(tmp_path):
    (chapter,) = read(tmp_path, material.text("```\nopen fence"), material.text("## Still here"))
    assert [section.anchor for section in chapter.sections] == ["still-here"]


def test_bare_environments_become_mathematics_and_comments_go(tmp_path):
    (chapter,) = read(tmp_path, material.text("\\begin{align}\na &= b\n\\end{align}\n\n<!-- not shown -->\n\nend"))
    kinds = [element["t"] for block in chapter.blocks for element in pandoc.elements(block.content)]
    assert "Math" in kinds
    assert not {"RawBlock", "RawInline"} & set(kinds)


def test_the_key_results_may_refer_to_figures(tmp_path):
    chapters = read_chapters(material.study(tmp_path))
    [blocks] = parse_outside(["See [it](#fig-roc)."], chapters, "key results")
    assert pandoc.plain(blocks) == "See Figure 5."
    with pytest.raises(RenderError, match=r"key results: link to unknown label '#fig-rok'.*fig-roc"):
        parse_outside(["See [it](#fig-rok)."], chapters, "key results")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([material.code("1 / 0", new_output("error", ename="ZeroDivisionError", evalue="by\nzero", traceback=[]))],
         ["01_page.ipynb, cell 2", "ZeroDivisionError: by zero"]),
        ([material.code("late = 1", count=None)], ["01_page.ipynb, cell 2", "not executed"]),
        ([material.code("x", material.figure("fig-a")), material.code("x", material.figure("fig-a"))],
         ["cell 3", "'fig-a' is taken", "cell 2"]),
        ([material.code("x", material.figure("fig-a", alt=" "))], ["cell 2", "'fig-a' has no alt"]),
        ([material.code("x", material.figure("fig-a", caption=""))], ["cell 2", "'fig-a' has no caption"]),
        ([material.code("x", material.figure("fig-a", caption="One.\n\nTwo."))], ["cell 2", "not one paragraph"]),
        ([material.code("x", material.figure("tab-a"))], ["cell 2", "figure labelled 'tab-a'"]),
        ([material.code("x", material.figure("fig-a b"))], ["cell 2", "'fig-a b'"]),
        ([material.code("x", material.figure("fig-a", {**material.curve(), **material.grid(1, 1)}))],
         ["cell 2", "2 images"]),
        ([material.code("x", new_output("display_data", data=material.grid(1, 1)))], ["cell 2", "show.figure"]),
        ([material.code("x", material.table("tab-a", "no table"))],
         ["cell 2", "'tab-a' is not one Markdown pipe table"]),
        ([material.code("x", material.table("tab-a", caption=""))], ["cell 2", "'tab-a' has no caption"]),
        ([material.code("x", material.shown("video", {"text/plain": "x"}))], ["cell 2", "unknown kind 'video'"]),
        ([material.text("[x](#fig-nowhere)")], ["cell 2", "unknown label '#fig-nowhere'"]),
        ([material.code("x", material.figure("fig-roc")), material.text("[x](#fig-rok)")],
         ["cell 3", "did you mean 'fig-roc'?"]),
        ([material.text("[x](02_nothing.ipynb)")], ["cell 2", "'02_nothing.ipynb', no chapter"]),
        ([material.text("[x](01_page.ipynb#nothing)")], ["cell 2", "'01_page.ipynb#nothing'"]),
        ([material.text("[x](secret/file.csv)")], ["cell 2", "no part of the report"]),
        ([material.code("x", material.figure("fig-a", caption="As [x](#fig-b)."))], ["cell 2", "'#fig-b'"]),
        ([material.text("# Again")], ["cell 2", "second title 'Again'"]),
        ([material.text("### Deep")], ["cell 2", "'Deep' skips a level"]),
        ([material.code("x", material.prose("## Computed"))], ["cell 2", "'Computed' in an output"]),
        ([material.text("![x](photo.png)")], ["cell 2", "show.figure"]),
        ([material.text("<details>x</details>")], ["cell 2", "html in the text"]),
        ([material.text("so $\\nosuchcommand{x}$")], ["cell 2", "\\nosuchcommand{x}"]),
    ],
)  # fmt: skip
def test_an_error_names_what_cannot_be_rendered(tmp_path, cells, words):
    message = refused(tmp_path, *cells)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    "cells", [[], [material.text("No heading.")], [material.code("x = 1")], [material.text("## B")]]
)
def test_a_notebook_without_title_is_refused(tmp_path, cells):
    path = material.write(tmp_path, "01_page", *cells)
    with pytest.raises(RenderError, match=r"01_page.ipynb.*'# Title'"):
        read_chapters([path])


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "01_page.ipynb").write_text("{truncated", encoding="utf-8")
    with pytest.raises(RenderError, match=r"01_page.ipynb: not a notebook"):
        read_chapters([tmp_path / "01_page.ipynb"])
    with pytest.raises(RenderError, match=r"02_gone.ipynb: no such notebook"):
        read_chapters([tmp_path / "02_gone.ipynb"])


def test_printed_text_is_shown_without_colours_warnings_and_overwritten_lines(tmp_path):
    warning = new_output("stream", name="stderr", text="a warning")
    outputs = [material.stdout("10 %\r100 %\nfitted "), warning, material.stdout("\x1b[1mtwice\x1b[0m\n")]
    (chapter,) = read(tmp_path, material.code("x", *outputs))
    assert chapter.blocks[1:] == (Text("100 %\nfitted twice"),)


def test_an_output_without_metadata_is_shown_as_it_is(tmp_path):
    outputs = [
        new_output("display_data", data={"text/markdown": "*soft*", "text/plain": "soft"}),
        new_output("execute_result", data={"text/html": "<b>x</b>", "text/plain": "x"}, execution_count=1),
    ]
    (chapter,) = read(tmp_path, material.code("x", *outputs))
    assert isinstance(chapter.blocks[1], Prose)
    assert chapter.blocks[2] == Text("x")


def test_attachments_and_raw_cells_do_not_reach_a_page(tmp_path):
    cells = [new_markdown_cell("fine"), nbformat.v4.new_raw_cell("raw"), material.text("")]
    (chapter,) = read(tmp_path, *cells)
    assert [cell.source for cell in chapter.notebook.cells] == ["# Title", "fine"]
