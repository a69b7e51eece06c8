"""The PDF of a study has everything that the pages have, without a warning, and is the same every time."""

import dataclasses
import re
import shutil
import subprocess

import pytest
import render_material as material

from lib.report.render import placement, tabular
from lib.report.render.document import read_chapters
from lib.report.render.model import RenderError
from lib.report.render.pandoc import parse, plain
from lib.report.render.pdf import quoted, write_pdf, write_source


@pytest.fixture(scope="module")
def chapters(tmp_path_factory):
    return read_chapters(material.study(tmp_path_factory.mktemp("notebooks")))


@pytest.fixture(scope="module")
def pdf(chapters, tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "report.pdf"
    write_pdf(chapters, material.INFO, path)
    return path


@pytest.fixture(scope="module")
def source(chapters, tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    write_source(chapters, material.INFO, folder)
    return folder


@pytest.fixture(scope="module")
def sheets(pdf):
    return read_sheets(pdf)


def read_sheets(pdf):
    """The words of each page."""
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext (poppler) to read the PDF with")
    read = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, check=True)
    return [" ".join(sheet.split()) for sheet in read.stdout.decode().removesuffix("\f").split("\f")]


@pytest.fixture(scope="module")
def words(sheets):
    return " ".join(sheets)


def rendered(folder, *cells):
    chapters = read_chapters([material.write(folder, "01_page", material.text("# Title"), *cells)])
    write_pdf(chapters, dataclasses.replace(material.INFO, headline=()), folder / "report.pdf")
    return folder / "report.pdf"


def table(markdown):
    return parse([markdown])[0][0]


def test_it_is_exported_as_pdf_ua(pdf):
    data = pdf.read_bytes()
    assert data.startswith(b"%PDF-")
    assert b"pdfuaid:part" in data  # in the metadata, which is never compressed
    assert b"/Lang" in data


def test_the_same_notebooks_give_the_same_bytes(pdf, tmp_path):
    again = read_chapters(material.study(tmp_path))
    write_pdf(again, material.INFO, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes() == pdf.read_bytes()


def test_no_temporary_file_stays(pdf):
    assert list(pdf.parent.iterdir()) == [pdf]


def test_every_figure_and_table_is_called_with_its_number(source, chapters):
    body = (source / "body.typ").read_text(encoding="utf-8")
    for chapter in chapters:
        for figure in chapter.figures:
            assert re.search(
                rf'#report-figure\("{figure.label}", "{figure.label}\.\w+", ".+?", {figure.number}, \[', body
            )
            assert (source / f"{figure.label}.{figure.suffix}").read_bytes() == figure.image
        for each in chapter.tables:
            assert f'#captioned-table("{each.label}", {each.number}, ' in body


def test_code_stays_out_of_the_pdf(source):
    body = (source / "body.typ").read_text(encoding="utf-8")
    assert "import numpy" not in body
    assert "secret" not in body
    assert "loaded 1,234 images" in body


def test_nothing_is_fetched(source):
    for path in source.glob("*.typ"):
        assert "@preview" not in path.read_text(encoding="utf-8")


def test_the_pdf_has_what_the_pages_have(words, chapters):
    for chapter in chapters:
        assert plain(chapter.title) in words
        for each in [*chapter.figures, *chapter.tables]:
            assert words.count(each.name) >= 2  # in its list and under it
        for section in chapter.sections:
            assert words.count(plain(section.title)) >= 2
    for text in (material.INFO.title, material.INFO.description, "7,822 of 8,344 anomalies", "loaded 1,234 images"):
        assert text in words
    assert all(value in words for _, value in material.INFO.facts)
    assert "1,000 resamples" in words  # the end of a long caption
    assert "In 20 epochs the loss went from 0.0321 to 0.0080, σ ≈ 0.002." in words
    assert "Contents" in words and "Figures" in words and "Tables" in words


def test_pages_are_numbered_to_the_last(sheets):
    chapters = sheets[2:]  # after the cover and the contents
    for number, sheet in enumerate(chapters, start=1):
        assert re.search(rf"\b{number} ?/ ?{len(chapters)}\b", sheet)


def test_long_tables_continue_on_the_next_page_and_repeat_their_header(words):
    assert "class_1 " in words and "class_90 " in words
    assert words.count("Rank Class Images") == 3


def test_the_notice_is_on_the_cover(chapters, tmp_path):
    write_source(chapters, dataclasses.replace(material.INFO, notice="No network."), tmp_path)
    assert '"notice": "No network."' in (tmp_path / "info.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("lines", [0, 3, 9, 11])
def test_the_cover_is_always_one_page(tmp_path, lines):
    chapters = read_chapters([material.write(tmp_path, "01_page", material.text("# Title\n\nOnly prose."))])
    each = "it catches some of the anomalies and raises false alarms, " * 3
    told = tuple(f"Result {line}: {each}" for line in range(lines))
    info = dataclasses.replace(material.INFO, headline=told, notice="Shown in place of another study. " * 6)
    write_pdf(chapters, info, tmp_path / "report.pdf")
    cover, contents = read_sheets(tmp_path / "report.pdf")[:2]
    assert all(f"Result {line}:" in cover for line in range(lines))
    assert info.facts[-1][1] in cover and "Contents" in contents


@pytest.mark.parametrize("empty", [{"notice": ""}, {"facts": ()}, {"description": ""}])
def test_parts_of_the_cover_may_be_empty(tmp_path, empty):
    chapters = read_chapters([material.write(tmp_path, "01_page", material.text("# Title\n\nOnly prose."))])
    info = dataclasses.replace(material.INFO, headline=(), **empty)
    write_pdf(chapters, info, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").is_file()


def test_a_letter_that_no_font_has_is_an_error(tmp_path):
    with pytest.raises(RenderError, match=r"01_page.ipynb, cell 2: .*日") as caught:
        rendered(tmp_path, material.text("Sun: 日"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.pdf").exists()


def test_an_invalid_date_is_an_error(chapters, tmp_path):
    with pytest.raises(RenderError, match="'today' is not a date"):
        write_pdf(chapters, dataclasses.replace(material.INFO, generated="today"), tmp_path / "report.pdf")


def test_a_report_without_chapters_is_refused(tmp_path):
    with pytest.raises(RenderError, match="at least one"):
        write_pdf([], material.INFO, tmp_path / "report.pdf")


@pytest.mark.parametrize(
    "markdown",
    [
        'Quotes " and \\\\ backslashes, #hash, $5, @at, \\<angle>, ~tilde, `#code("x")`, *star*',
        "[a link](https://example.org/a_b?c=d#e) and <https://example.org>",
        '> quote\n\n---\n\n1. one\n\n   more\n2. two\n\n- a\n  - b\n\n```python\nx = ["#"]\n```',
        "Term\n:   definition\n\nA note.[^1]\n\n[^1]: Below.",
        "| a | b |\n|---|---|\n| $x^2$ | `#y` |\n\nH~2~O, x^2^, ~~gone~~",
        "$$\\sum_{i=1}^{n} \\frac{x_i}{\\sqrt{n}} \\in \\mathbb{R}$$ and $\\hat{x}$, α β σ² ≤ ≥ ≈ → ∞ ✓ ✗",
        "(parentheses) first, then [brackets] and .dots; one",
        "(alone)",
        "",
    ],
)
def test_markdown_of_all_kinds_can_be_printed(tmp_path, markdown):
    output = material.figure(
        "fig-a",
        caption=markdown if markdown and "\n" not in markdown else "Plain.",
        alt='A "quoted" \\ alt\nof two lines.',
    )
    assert rendered(tmp_path, material.text(markdown or "x"), material.code("x", output)).is_file()


def test_strings_are_quoted():
    assert quoted('a "b" \\ c\nd\te') == '"a \\"b\\" \\\\ c\\nd    e"'


def test_wide_tables_break_their_headings_and_then_shrink():
    layout = tabular.layout(table(material.wide_table(12)))
    assert layout.shrink
    assert all(any(part["t"] == "LineBreak" for part in name) for name in layout.header[1:])
    assert set(layout.columns) == {"auto"}
    assert layout.alignments == ["left"] + ["right"] * 11


def test_long_cells_are_broken_and_figures_are_not():
    long = "words " * 30
    layout = tabular.layout(table(f"| Name | Text | n |\n|---|---|---:|\n| a | {long} | 1 |"))
    assert layout.columns[0] == layout.columns[2] == "auto"
    assert layout.columns[1].endswith("fr")
    assert not layout.shrink


def test_narrow_tables_stay_as_they_are():
    layout = tabular.layout(table("| A | B |\n|---|---:|\n| x | 1 |"))
    assert (layout.columns, layout.shrink, layout.breakable) == (["auto", "auto"], True, False)


@pytest.mark.parametrize("rows", [11, 12])
def test_long_lists_are_set_in_two_halves(rows):
    lines = "\n".join(f"| name {row} | {row} |" for row in range(rows))
    layout = tabular.layout(table(f"| Item | Value |\n|---|---|\n{lines}"))
    cells = [[plain(cell) for cell in row] for row in layout.body]
    assert [plain(name) for name in layout.header] == ["Item", "Value"] * 2
    assert [row[0] for row in cells] + [row[2] for row in cells if row[2]] == [f"name {row}" for row in range(rows)]


def test_a_table_in_two_halves_stays_on_one_page():
    layout = tabular.layout(table(material.long_table(80)))
    assert (len(layout.header), len(layout.body), layout.breakable) == (6, 40, False)
    layout = tabular.layout(table(material.long_table(81)))
    assert (len(layout.header), len(layout.body), layout.breakable) == (3, 81, True)


class Pages:
    """Replaces Typst: blocks of given heights fill pages of 245 mm, figures at the top of a page come first."""

    TOP, HEIGHT = 27.0, 245.0

    def __init__(self, *blocks):
        self.blocks = blocks  # label (empty for text), height in mm
        self.rounds = 0

    def __call__(self, placements):
        self.rounds += 1
        marks, page, y, waiting = [], 1, self.TOP, []
        for label, height in self.blocks:
            own = placements.get(label, placement.IN_PLACE)
            height = height * own["part"]
            fits = y + height <= self.TOP + self.HEIGHT
            if own["top"] and (waiting or not fits):  # a figure never overtakes one that waits
                waiting.append((label, height))
                marks.append({"label": label, "side": "begin", "page": page, "y": y})
                continue
            if not fits:
                page, y = page + 1, self.TOP
                for each, tall in waiting:
                    y += tall
                    marks.append({"label": each, "side": "end", "page": page, "y": y})
                waiting = []
            if label:
                marks.append({"label": label, "side": "begin", "page": page, "y": y})
            y += height
            marks.append({"label": label, "side": "end", "page": page, "y": y})
        for each, tall in waiting:
            marks.append({"label": each, "side": "end", "page": page + 1, "y": self.TOP + tall})
        return marks


def test_figures_that_fit_stay_where_they_are_called():
    pages = Pages(("", 50), ("fig-a", 100), ("", 80))
    assert placement.place([["fig-a"]], {"fig-a"}, pages) == {}
    assert pages.rounds == 1


def test_a_figure_that_nearly_fits_becomes_smaller():
    placements = placement.place([["fig-a"]], {"fig-a"}, Pages(("", 140), ("fig-a", 110), ("", 50)))
    assert not placements["fig-a"]["top"]
    assert placement.SMALLEST <= placements["fig-a"]["part"] < 1


def test_a_figure_that_does_not_fit_goes_to_the_top_of_the_next_page():
    placements = placement.place([["fig-a"]], {"fig-a"}, Pages(("", 140), ("fig-a", 200), ("", 50), ("", 50)))
    assert placements == {"fig-a": placement.ON_TOP}


def test_figures_keep_their_order():
    pages = Pages(("", 140), ("fig-a", 200), ("fig-b", 20), ("", 30), ("", 90))
    placements = placement.place([["fig-a", "fig-b"]], {"fig-a", "fig-b"}, pages)
    ends = {mark["label"]: (mark["page"], mark["y"]) for mark in pages(placements) if mark["side"] == "end"}
    assert ends["fig-a"] < ends["fig-b"]


def test_a_figure_under_a_heading_is_not_moved_away_from_it():
    pages = Pages(("", 140), ("fig-a", 200), ("", 50))

    def with_heading(placements):
        return [{**mark, "y": mark["y"] + 20} if mark["page"] == 2 else mark for mark in pages(placements)]

    assert placement.place([["fig-a"]], {"fig-a"}, with_heading) == {}


def test_tables_are_moved_but_never_made_smaller():
    placements = placement.place([["tab-a"]], set(), Pages(("", 140), ("tab-a", 110), ("", 50)))
    assert placements == {"tab-a": placement.ON_TOP}
