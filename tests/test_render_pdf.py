"""The PDF of a study has everything that the pages have, without a warning, and is the same every time."""

import dataclasses
import re
import shutil
import subprocess

import pytest
import render_material as material

from lib.presentation.memo import Memo
from lib.report.render import fonts, placement, tabular
from lib.report.render.document import read_chapters
from lib.report.render.model import RenderError
from lib.report.render.pandoc import parse, plain
from lib.report.render.pdf import quoted, write_pdf, write_source
from lib.report.render.placement import Plan, Unit


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
    write_pdf(chapters, without_links(), folder / "report.pdf")
    return folder / "report.pdf"


def without_links(**memo):
    """A first page whose texts do not refer to chapters."""
    return dataclasses.replace(material.INFO, memo=Memo(question="Which images are odd?", **memo))


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
    for text in (material.INFO.title, material.INFO.memo.question, "loaded 1,234 images"):
        assert text in words
    assert "1,000 resamples" in words  # the end of a long caption
    assert "In 20 epochs the loss went from 0.0321 to 0.0080, σ ≈ 0.002." in words
    assert "Contents" in words and "Figures" in words and "Tables" in words


def test_pages_are_numbered_to_the_last(sheets):
    chapters = sheets[2:]  # after the cover and the contents
    for number, sheet in enumerate(chapters, start=1):
        assert re.search(rf"\b{number} ?/ ?{len(chapters)}\b", sheet)


def test_long_tables_continue_on_the_next_page_and_repeat_their_header(words):
    assert "class_1 " in words and "class_90 " in words
    assert words.count("Rank") == 2


def test_the_notice_is_on_the_cover(chapters, tmp_path):
    write_source(chapters, dataclasses.replace(material.INFO, notice="No network."), tmp_path)
    assert '"notice": "No network."' in (tmp_path / "info.json").read_text(encoding="utf-8")


def test_the_first_page_is_the_memo(sheets):
    for text in (
        material.INFO.title,
        material.INFO.memo.question,
        "It detects 7,822 of 8,344 anomalies and flags 193 of 800 normal images, see Figure 5",
        material.INFO.memo.in_use,
        material.INFO.memo.picture.caption,
        "The loss still falls.",
        "Hold images out.",
    ):
        assert text in sheets[0]
    for box in material.INFO.memo.boxes:
        assert all(word in sheets[0] for word in f"{box.value} {box.label} {box.note}".split())
    assert re.search("Answer.*Warnings.*What to do next", sheets[0])
    assert "Answer" not in sheets[1] and "Warnings" not in sheets[1]


@pytest.mark.parametrize("warnings", [0, 3, 8, 12])
def test_the_memo_is_always_one_page(tmp_path, warnings):
    chapters = read_chapters([material.write(tmp_path, "01_page", material.text("# Title\n\nOnly prose."))])
    each = "it catches some of the anomalies and raises false alarms, " * 4
    info = without_links(
        answer=f"Use it: {each}",
        in_use=f"In use {each}",
        boxes=material.INFO.memo.boxes,
        picture=material.INFO.memo.picture,
        warnings=tuple(f"**Warning {number}:** {each}" for number in range(warnings)),
        next_steps=(f"First {each}", "Then the last step."),
    )
    info = dataclasses.replace(info, notice="Shown in place of another study. " * 6)
    write_pdf(chapters, info, tmp_path / "report.pdf")
    memo, contents = read_sheets(tmp_path / "report.pdf")[:2]
    assert all(f"Warning {number}:" in memo for number in range(warnings))
    assert ("Warnings" in memo) == bool(warnings)
    assert "Then the last step." in memo
    assert contents.startswith("Contents")


def test_the_title_and_the_parts_of_the_memo_are_headings(pdf):
    if not shutil.which("pdfinfo"):
        pytest.skip("no pdfinfo (poppler) to read the PDF's structure with")
    read = subprocess.run(["pdfinfo", "-struct-text", str(pdf)], capture_output=True, check=True)
    structure = " ".join(read.stdout.decode().replace('"', " ").split())
    assert re.search(rf"H1 \S* ?(\(\w+\) )?{material.INFO.title}", structure)
    for heading in ("Answer", "Warnings", "What to do next"):
        assert re.search(rf"H2 \S* ?(\(\w+\) )?{heading}", structure)


def test_parts_of_the_cover_may_be_empty(tmp_path):
    chapters = read_chapters([material.write(tmp_path, "01_page", material.text("# Title\n\nOnly prose."))])
    write_pdf(chapters, dataclasses.replace(without_links(), notice=""), tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").is_file()


HOSTILE = [
    "\u4e2d\u6587",
    "\u65e5\u672c\u8a9e",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0e44\u0e17\u0e22",
    "\U0001f600\U0001f469\U0001f3fd\u200d\U0001f52c\U0001f1e9\U0001f1ea",
    "1\ufe0f\u20e3",
    "e\u0301 \u4e2d\u0301 x\u0e34 \u0301",
    "\u0915\u094d\u200d\u0937",
    "\ue000",
    "a\x00b\x07c\x7f",
    "a\u202eb",
    "\U0010ffff",
]


def test_class_names_in_any_script_do_not_stop_the_report(tmp_path):
    all_of_them = " ".join(HOSTILE)
    names = "\n".join(f"| {name} | **{name}** |" for name in HOSTILE)
    printed = "\n\n".join(f"{name} *{name}* **{name}** ***{name}*** `{name}`" for name in HOSTILE)
    chapters = read_chapters(
        [
            material.write(
                tmp_path,
                "01_page",
                material.text(f"# Title {HOSTILE[0]}\n\n## {HOSTILE[1]}\n\n{printed}"),
                material.code(
                    "x",
                    material.figure("fig-a", caption=f"{all_of_them} here.", alt=all_of_them),
                    material.table("tab-a", f"| A | B |\n|---|---|\n{names}"),
                    material.stdout("\n".join(HOSTILE)),
                ),
            )
        ]
    )
    box = dataclasses.replace(material.INFO.memo.boxes[0], label=all_of_them)
    info = without_links(answer=all_of_them, boxes=(box,), warnings=tuple(HOSTILE))
    info = dataclasses.replace(info, title=all_of_them, study=HOSTILE[0])
    write_pdf(chapters, info, tmp_path / "report.pdf")
    assert "U+E000" in read_sheets(tmp_path / "report.pdf")[0]


def test_every_font_of_the_pdf_is_embedded(pdf):
    if not shutil.which("pdffonts"):
        pytest.skip("no pdffonts (poppler) to list the fonts with")
    lines = subprocess.run(["pdffonts", str(pdf)], capture_output=True, check=True).stdout.decode().splitlines()[2:]
    assert lines and all(line.split()[-5] == "yes" for line in lines)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain", "plain"),
        ("na\u00efve \u2212 \u03c3\u00b2 \u0436 \u26a0", "na\u00efve \u2212 \u03c3\u00b2 \u0436 \u26a0"),
        ("a\ue000b", "a[U+E000]b"),
        ("\ue000\ue001", "[U+E000 U+E001]"),
        ("x\u0301 x\ue000", "x\u0301 x[U+E000]"),
        ("x\U000e0100", "x[U+E0100]"),
        ("a\x00", "a[U+0000]"),
        ("a\u202eb", "a[U+202E]b"),
        ("\ud800", "[U+D800]"),
        ("line\nline\tend", "line\nline\tend"),
    ],
)
def test_what_no_font_has_is_printed_as_its_code_point(text, printed):
    assert fonts.printable(text) == printed


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


@pytest.mark.parametrize("rows", [10, 11])
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


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The pages of a report of six chapters and an appendix, with 48 sections, 36 figures and 30 tables."""
    folder, words = tmp_path_factory.mktemp("large"), "The caption of this one says what it shows, and of which images"
    notebooks = []
    for chapter in range(1, 7):
        cells = [material.text(f"# The long title of chapter {chapter}")]
        for section in range(1, 9):
            cells.append(material.text(f"## Section {section} of chapter {chapter}\n\nA paragraph that says a little."))
            name = f"{chapter}-{section}"
            if section <= 6:
                cells.append(material.code("x", material.figure(f"fig-{name}", material.grid(), f"{words}, {name}.")))
            if section > 3:
                cells.append(material.code("x", material.table(f"tab-{name}", caption=f"{words}, {name}.")))
        notebooks.append(material.write(folder, f"0{chapter}_page", *cells))
    appendix = material.text("# Appendix\n\n## Glossary\n\n[AUROC]{#term-auroc}\n:   An area.\n\n## References\n\nOne.")
    notebooks.append(material.write(folder, "appendix", appendix))
    write_pdf(read_chapters(notebooks), without_links(), folder / "report.pdf")
    return read_sheets(folder / "report.pdf")


def test_contents_and_lists_take_two_pages_at_most(large):
    first = next(number for number, sheet in enumerate(large) if "A paragraph that says a little." in sheet)
    assert first == 3  # after the memo and two pages


def test_the_appendix_is_counted_by_letters(large):
    assert re.search(r"A Appendix .*A\.1 \w+", large[1])
    assert re.search(r"A Appendix .*A\.1 \w+", large[-1])


def test_chapters_begin_below_the_end_of_the_chapter_before(tmp_path):
    texts = {"01_one": "# The first\n\nA few words.", "02_two": "# The second\n\nSome more words."}
    written = [material.write(tmp_path, name, material.text(markdown)) for name, markdown in texts.items()]
    write_pdf(read_chapters(written), without_links(), tmp_path / "report.pdf")
    assert any(
        re.search("A few words.*The second.*Some more words", sheet) for sheet in read_sheets(tmp_path / "report.pdf")
    )


def test_no_page_is_nearly_empty(large):
    assert min(len(sheet.split()) for sheet in large[3:-1]) > 40


TEXT, NEXT = Unit("text", "text"), Unit("next", "text")
FIGURE, TABLE = Unit("fig-a", "figure", breakable=False), Unit("tab-a", "table", breakable=False)
BOTTOM = placement.BOTTOM


class Pages:
    """Replaces Typst: units of given heights in mm fill the pages; headings go to the next page with what follows."""

    def __init__(self, *units):
        self.heights = {unit.key: height for unit, height in units}
        self.units = [unit for unit, _ in units]
        self.rounds = 0

    def place(self):
        return placement.place(self.units, self)

    def __call__(self, plan):
        self.rounds += 1
        known = {unit.key: unit for unit in self.units}
        begins, ends, page, y = {}, {}, 1, placement.TOP
        for index, key in enumerate(plan.order):
            unit, height = known[key], self.heights[key] * plan.parts.get(key, 1.0)
            height *= plan.scale if unit.kind == "figure" else 1.0
            needed = 0.0 if unit.breakable or key in plan.broken else height
            if unit.kind in ("heading", "chapter"):
                following = plan.order[index + 1]
                needed = height + (20 if known[following].breakable else self.heights[following])
            if y + needed > BOTTOM or key in plan.breaks:
                page, y = page + 1, placement.TOP
            begins[key] = placement.Mark(page, y)
            y += height
            if y > BOTTOM:
                page, y = page + 1, placement.TOP + y - BOTTOM
            if unit.kind != "heading":
                ends[key] = placement.Mark(page, y)
        return placement.Marks(begins, ends)


def test_figures_that_fit_stay_where_they_are_called():
    pages = Pages((TEXT, 50), (FIGURE, 100), (NEXT, 80))
    assert pages.place() == Plan(("text", "fig-a", "next"))
    assert pages.rounds == 1


def test_a_figure_that_nearly_fits_becomes_smaller():
    plan = Pages((TEXT, 146), (FIGURE, 120), (NEXT, 100)).place()
    assert plan.order == ("text", "fig-a", "next")
    assert placement.SMALLEST <= plan.parts["fig-a"] < 1


def test_a_figure_that_does_not_fit_comes_after_the_text_that_fills_the_page():
    others = [(Unit(f"text {number}", "text"), 40) for number in range(5)]
    plan = Pages((TEXT, 140), (FIGURE, 200), *others).place()
    assert plan == Plan(("text", "text 0", "text 1", "text 2", "fig-a", "text 3", "text 4"))


def test_a_table_is_moved_but_never_made_smaller():
    plan = Pages((TEXT, 146), (TABLE, 120), (NEXT, 110)).place()
    assert plan == Plan(("text", "next", "tab-a"))


def test_figures_keep_their_order_and_their_chapter():
    second, chapter = Unit("fig-b", "figure", breakable=False), Unit("chapter", "chapter", binds=True)
    assert Pages((TEXT, 140), (FIGURE, 200), (second, 20), (NEXT, 90)).place().order[1:] == ("next", "fig-a", "fig-b")
    assert Pages((TEXT, 140), (FIGURE, 200), (chapter, 20), (NEXT, 90)).place().order[1] == "fig-a"


def test_a_figure_does_not_come_between_a_heading_and_its_text_or_a_colon_and_its_list():
    heading, colon = Unit("heading", "heading", binds=True), Unit("colon", "text", binds=True)
    plan = Pages((TEXT, 180), (FIGURE, 200), (heading, 15), (colon, 60), (NEXT, 30)).place()
    assert plan.order == ("text", "heading", "colon", "next", "fig-a")


def test_a_chapter_does_not_begin_at_the_foot_of_a_page():
    chapter = Unit("chapter", "chapter", binds=True)
    assert Pages((TEXT, 210), (chapter, 15), (NEXT, 100)).place().breaks == {"chapter"}
    assert Pages((TEXT, 100), (chapter, 15), (NEXT, 100)).place().breaks == frozenset()


def test_a_table_that_leaves_a_large_gap_continues_on_the_next_page():
    chapter = Unit("chapter", "chapter", binds=True)
    plan = Pages((TEXT, 150), (TABLE, 160), (chapter, 15), (NEXT, 90)).place()
    assert plan.broken == {"tab-a"}


def test_all_figures_become_smaller_where_the_last_page_would_have_a_few_lines():
    figures = [(Unit(f"fig-{number}", "figure", breakable=False), 60) for number in range(4)]
    pages = Pages((TEXT, 10), *figures, (NEXT, 10))
    assert pages(Plan(tuple(pages.heights))).ends["next"].page == 2
    plan = pages.place()
    assert plan.scale < 1
    assert pages(plan).ends["next"].page == 1
