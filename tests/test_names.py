"""Names of classes and files are shown as they are: they break no page, run nothing, and are no formula."""

import csv
import json
import random
import re
import shutil
import subprocess
import unicodedata
import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import render_material as material
import yaml
from drawing import check_words, svg, words
from test_consistency import executed
from watched import PAYLOADS, check_pages

from lib import params
from lib.core import characters, paths
from lib.data.sources.base import Original
from lib.data.sources.digits import Digits
from lib.evaluation import metrics
from lib.presentation import explorer, first_page, plots, tables, text
from lib.presentation.memo import Memo
from lib.presentation.tables.markdown import code, literal
from lib.report.render import pandoc
from lib.report.render.appendix import appendix
from lib.report.render.document import read_chapters
from lib.report.render.html import write_site
from lib.report.render.model import ReportInfo
from lib.report.render.pdf import write_pdf
from lib.report.uptodate import notebooks
from lib.study import Run, Study

NAMES = [
    *("<b>bold</b>", "<script>alert(1)</script>", "<!-- c", "-->", "]]>", "R&D", "R&amp;D", "&#65;", "a<b", "</table>"),
    *("$5 #1", "$x$ and $y$", "$\\frac{", "$$", "x^2^", "H~2~O", "~~gone~~", "100%", "a_b^c", "_under", "__init__"),
    *("*star*", "**", "`tick`", "``", "[link](x)", "![i](x)", "[@key]", "[^1]", "@x", "<https://x.y>", "http://x.y/z"),
    *("|pipe|", "a\\|b", "\\backslash{}", "C:\\new", "end\\", "\"quote'", "''", "x]{.y}", "{{7*7}}", "{% raw %}"),
    *("缺陷", "дефект", "تلف", "שלום 5", "😀", "👩🏽‍🔬", "e\u0301\u0302", "a\u202eb", "a\u2069b", "\ue000", "\x07bell"),
    *("\u00a0", "\u200b", " ", " lead space", "new\nline\ttab", "    code", "NaN", "nan", "None", "1e5", "-0", "12"),
    *("-", "---", "- one", "+ one", "1. one", "a) one", "(1) one", "# head", "> quote", ": def", "::: {.a}", "% title"),
    *(
        "=",
        "=1+1",
        "+1",
        "@sum",
        "../x",
        "CON",
        "a--b...c",
        "x-?y",
        "//",
        "a /* b",
        "x" * 60 + "middle" + "y" * 54,
        "long words " * 12 + "end",
    ),
    *PAYLOADS[:12],
]
LABEL = "<i>PCA</i> | $x$ 缺陷 <img src=x onerror=alert(1)>"  # of a detector
NORMAL = "<b>R&D</b> $5 #1 | {{7*7}} $x^2$ 缺陷"


def spaces(text):
    """A text with single spaces, as a page shows it, without the marks around text from right to left."""
    return " ".join(re.sub("[\u2068\u2069]", "", text).split())


# ---------------------------------------------------------------- characters


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("crack", "crack"),
        ("", ""),
        ("  ", "–"),
        (" a\n\tb ", "a b"),
        ("\u00a0", "[U+00A0]"),
        ("\u200b\u00a0", "[U+200B U+00A0]"),
        ("a\u00a0b", "a\u00a0b"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\x00", "a[U+0000]"),
        ("缺陷 😀", "缺陷 😀"),
        ("תלף", "\u2068תלף\u2069"),
        ("a\u2069תלף", "\u2068a[U+2069]תלף\u2069"),
    ],
)
def test_a_name_is_readable(name, shown):
    assert characters.readable(name) == shown


def test_a_readable_name_has_one_line_and_nothing_unseen_and_stays_as_it_is():
    letters = random.Random(0)
    pool = [
        *"ab -=<&|\\`*_",
        *"\n\t\r\x00\x1f\x85\u00a0\u00ad\u200b\u200d\u2028\u202e\u2066\u2068\u2069\ud800\ue000תل缺e\u0301😀",
    ]
    for name in [*NAMES, *("".join(letters.choices(pool, k=letters.randrange(1, 9))) for _ in range(2000))]:
        shown = characters.readable(name)
        assert shown.strip() == shown and shown.splitlines() == [shown], name
        assert any(unicodedata.category(character)[0] not in "ZC" for character in shown), name
        assert shown.count("\u2068") == shown.count("\u2069") <= 1, name
        assert not {unicodedata.category(character) for character in shown} & {"Cc", "Co", "Cs"}, name
        assert characters.readable(shown) == shown, name


def test_what_a_font_lacks_is_printed_as_its_code_point():
    assert characters.printable("a中文b", lambda cluster: cluster < "\u0100") == "a[U+4E2D U+6587]b"
    assert characters.printable("plain", lambda _: False) == "plain"


@pytest.mark.parametrize(
    ("text", "cell"), [("=1+1", "'=1+1"), (" =1", "' =1"), ("-5", "'-5"), ("@x", "'@x"), ("a=b", "a=b"), ("", "")]
)
def test_no_spreadsheet_computes_a_name(text, cell):
    assert characters.plain_cell(text) == cell


# ---------------------------------------------------------------- Markdown and PDF


def test_markdown_shows_a_name_and_nothing_else():
    forms = ("{}", "**{}**", "- {}: one", "See class {} (0.5 % of 3).", "1. {}")
    texts = [form.format(literal(name)) for name in NAMES for form in forms]
    for markdown, (name, form), blocks in zip(
        texts, [(name, form) for name in NAMES for form in forms], pandoc.parse(texts), strict=True
    ):
        plain = form.replace("**", "").removeprefix("- ").removeprefix("1. ").format(characters.readable(name))
        assert spaces(pandoc.plain(blocks)) == spaces(plain), markdown
        kinds = {element["t"] for element in pandoc.elements(blocks)} - {"Str", "Space", "Para", "Plain"}
        expected = {"**{}**": {"Strong"}, "- {}: one": {"BulletList"}, "1. {}": {"OrderedList", "Decimal", "Period"}}
        assert kinds == expected.get(form, set()), markdown


def test_a_table_has_the_names_in_its_cells():
    frame = pd.DataFrame({"Class": [literal(name) for name in NAMES], "Images": range(len(NAMES))})
    ((table,),) = pandoc.parse([tables.to_markdown(frame)])
    rows = [row[1] for body in table["c"][4] for row in body[3]]
    cells = [[spaces(pandoc.plain(cell[4])) for cell in row] for row in rows]
    assert cells == [[spaces(characters.readable(name)), str(place)] for place, name in enumerate(NAMES)]


def test_a_sentence_about_costs_has_the_name():
    sentence = text.threshold_costs(NORMAL, [0.1, 0.2], [{"fp": 2, "fn": 0}, {"fp": 1, "fn": 1}])
    assert f"an image of class {NORMAL};" in pandoc.plain(pandoc.parse([sentence])[0])


def test_code_may_have_backticks():
    for name, (paragraph,) in zip(NAMES, pandoc.parse([f"x {code(name)} y" for name in NAMES]), strict=True):
        found = [element["c"][1] for element in pandoc.elements(paragraph) if element["t"] == "Code"]
        assert found == [characters.readable(name)], name


def test_the_pdf_has_every_name(tmp_path):
    frame = pd.DataFrame({"Class": [literal(name) for name in NAMES], "Note": ["words " * 20] * len(NAMES)})
    prose = "\n\n".join(f"Class {literal(name)} here." for name in NAMES)
    output = material.table("tab-a", tables.to_markdown(frame), caption=f"Class {literal(NORMAL)}.")
    notebook = material.write(tmp_path, "01_page", material.text(f"# Names\n\n{prose}"), material.code("x", output))
    info = ReportInfo(NORMAL, "names", " ".join(NAMES), "2026-11-25", (), Memo(question=NORMAL))
    write_pdf(read_chapters([notebook]), info, tmp_path / "report.pdf")
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext (poppler) to read the PDF with")
    done = subprocess.run(["pdftotext", "-raw", tmp_path / "report.pdf", "-"], capture_output=True, check=True)
    found = re.sub(r"\s|[\u200b-\u200d\u2060-\u206f\ufe0f-]", "", unicodedata.normalize("NFC", done.stdout.decode()))
    for name in NAMES:
        if name.isascii():
            assert re.sub(r"\s|-", "", f"Class{characters.readable(name)}here.") in found, name


def test_a_long_word_stays_on_the_page(tmp_path):
    word = "x" * 300
    cell = material.text(f"# T\n\n{word}\n\n| A | B |\n|---|---|\n| {word} | {'words ' * 30} |")
    write_pdf(
        read_chapters([material.write(tmp_path, "01_page", cell)]),
        ReportInfo("T", "t", "", "2026-11-25", (), Memo("Q?")),
        tmp_path / "report.pdf",
    )
    done = subprocess.run(["pdftotext", "-bbox", tmp_path / "report.pdf", "-"], capture_output=True, check=True)
    ends = [float(end) for end in re.findall(r'xMax="([\d.]+)"', done.stdout.decode())]
    assert max(ends) <= 595.3 - 20  # of an A4 page


# ---------------------------------------------------------------- figures

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
HEAT = np.random.default_rng(1).gamma(2.0, 0.3, (12, 4, 4))
AREA = {"value": 0.8, "low": 0.7, "high": 0.9}
STEP = ([0.0, 0.5, 1.0], [0.0, 0.8, 1.0], AREA)


def by_class(names):
    labels = np.repeat([0, 1], [5, 2 * len(names)])
    classes = np.array(["normal"] * 5 + [name for name in names for _ in range(2)], object)
    return metrics.by_class(labels, np.linspace(0, 1, len(labels)), classes, 0.7)


def ranked(names, key="auroc"):
    return [{"name": name, "family": name, "seconds": place + 1.0, key: AREA} for place, name in enumerate(names)]


# Every figure that has names, of a list of them.
NAMED = {
    "class_counts": lambda names: plots.class_counts(names, range(len(names)), names[0]),
    "by_class": lambda names: plots.by_class(by_class(names)),
    "leaderboard": lambda names: plots.leaderboard(ranked(names), names[-1]),
    "differences": lambda names: plots.differences(
        [{"name": names[0], "difference": None}, *ranked(names, "difference")], 0.1
    ),
    "seed_spread": lambda names: plots.seed_spread({name: [0.9, 0.91] for name in names[:12]}),
    "cost_benefit": lambda names: plots.cost_benefit(ranked(names)),
    "rate_distortion": lambda names: plots.rate_distortion(
        {name: {"kl": float(place), "reconstruction": 0.1} for place, name in enumerate(names[:25])}
    ),
    "roc_curves": lambda names: plots.roc_curves(
        dict.fromkeys(names[:4], STEP), {names[0]: (0.5, 0.8, names[1 - len(names)])}
    ),
    "pr_curves": lambda names: plots.pr_curves(dict.fromkeys(names[:4], STEP), 0.5),
    "loss_curve": lambda names: plots.loss_curve({name: [0.2, 0.1] for name in names[:3]}),
    "loss_terms": lambda names: plots.loss_terms({name: {"KL": [0.2, 0.1]} for name in names[:2]}),
    "latent_use": lambda names: plots.latent_use(
        {name: {"kl_by_value": [1.0], "kl": 1.0, "active": 1, "latent": 1} for name in names[:4]}, 0.01
    ),
    "image_grid": lambda names: plots.image_grid(IMAGES[: len(names)], names[: len(IMAGES)]),
    "heat_maps": lambda names: plots.heat_maps(
        IMAGES[: len(names)][:8], HEAT[: len(names)][:8], [1.0] * len(names[:8]), names[:8]
    ),
    "decisions": lambda names: plots.decisions(IMAGES[: len(names)][:4], names[:4]),
    "inspected": lambda names: plots.inspected(IMAGES[: len(names)], HEAT[: len(names)], names[:12], 0.0, 1.0),
    "score_distribution": lambda names: plots.score_distribution({name: [0.1, 0.9] for name in names}, 0.5),
    "mean_ranks": lambda names: plots.mean_ranks(names, range(1, len(names) + 1), [(0, len(names) - 1)]),
    "by_setting": lambda names: plots.by_setting(names[0], [1, 2], {name: [AREA, AREA] for name in names[:8]}),
    "by_study": lambda names: plots.by_study(names, names[:4], np.full((len(names), len(names[:4])), 0.8)),
}
NEEDS_NO_NAME = {
    *("confusion", "difference_maps", "expected_cost", "extremes", "operations", "reconstruction_pairs"),
    *("score_histogram", "threshold_sweep"),
}


def test_every_figure_with_names_is_drawn_here():
    functions = {name for name in plots.__all__ if callable(getattr(plots, name))} - {"style"}
    assert functions - NEEDS_NO_NAME == NAMED.keys()


@pytest.mark.parametrize("name", NAMED)
def test_a_figure_draws_names_as_text_that_its_font_has(name):
    names = [
        *(
            "$\\frac{",
            "_under",
            "缺陷",
            "👩🏽‍🔬",
            "a\u202eb",
            "\x07bell",
            "\u00a0",
            "new\nline\ttab",
            "תלף 5",
            "x" * 300,
        )
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing glyph is a warning
        figure = NAMED[name](names)
        assert svg(figure).rstrip().endswith(b"</svg>")
    assert not any(each.get_parse_math() for each in figure.findobj(match=lambda each: hasattr(each, "get_parse_math")))
    alt = figure.get_label()
    assert alt == " ".join(alt.split()) and characters.printable(alt, lambda _: True) == alt


ANY_NUMBER = ("class_counts", "by_class", "leaderboard", "differences", "score_distribution")
NUMBERS = [*((name, count) for name in NAMED for count in (1, 2)), *((name, 1000) for name in ANY_NUMBER)]


@pytest.mark.parametrize(("name", "count"), NUMBERS)
def test_a_figure_of_one_two_or_many_names_is_readable(name, count):
    figure = NAMED[name]([f"class_{place}" for place in range(count)])
    check_words(figure)
    assert figure.get_figheight() < 9 and len(figure.get_label()) < 1500


@pytest.mark.parametrize("name", ["class_counts", "by_class", "leaderboard", "score_distribution"])
def test_a_long_name_keeps_its_ends_and_the_numbers_their_room(name):
    figure = NAMED[name](["begin" + "x" * 400 + "end", "other"])
    check_words(figure)
    assert any(re.fullmatch("beginx+…x+end.*", word) for word in words(figure))
    assert figure.axes[0].get_position().width > 0.2


def test_uncovered_characters_are_code_points_and_dollars_are_dollars():
    shown = words(plots.class_counts(["缺陷", "$x^2$", "<b>"], [3, 2, 1]))
    assert {"[U+7F3A U+9677]", "$x^2$", "<b>"} <= set(shown)


@pytest.mark.parametrize("images", range(3))
def test_few_images_are_all_drawn(images):
    some, scores = IMAGES[:images], np.linspace(0, 1, images)
    figures = {
        plots.image_grid(some): images,
        plots.reconstruction_pairs(some, some): 2 * images,
        plots.extremes(some, some, scores, scores > 0.5): 2 * images,
        plots.difference_maps(some, some, scores): 3 * images,
        plots.heat_maps(some, HEAT[:images], scores): 3 * images,  # the map is over a grey image
        plots.inspected(some, HEAT[:images], ["a"] * images, 0.0, 1.0): 3 * images,
    }
    for figure, expected in figures.items():
        assert sum(len(axes.images) for axes in figure.axes if axes.get_label() != "<colorbar>") == expected
        check_words(figure)


@pytest.mark.parametrize("normal", range(3))
@pytest.mark.parametrize("anomalies", range(3))
def test_few_scores_are_drawn(normal, anomalies):
    normal, anomalies = np.linspace(0.1, 0.2, normal), np.linspace(0.1, 0.3, anomalies)
    if not len(normal) + len(anomalies):
        with pytest.raises(ValueError):
            plots.score_histogram(normal, anomalies, 0.15)
        return
    check_words(plots.score_histogram(normal, anomalies, 0.15))
    check_words(
        plots.score_distribution({"calibration images": normal, "normal test images": [], "a": anomalies}, 0.15)
    )


# ---------------------------------------------------------------- a report


class Page(HTMLParser):
    """The words of a page, the texts of its attributes, and its elements."""

    def __init__(self, text):
        super().__init__()
        self.words, self.attributes, self.tags, self.within = "", "", [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.within = tag
        self.attributes += " ".join(value for _, value in attributes if value) + "\n"

    def handle_endtag(self, tag):
        self.within = ""

    def handle_data(self, data):
        if self.within not in ("script", "style"):
            self.words += data


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The folder of a report on a few digits whose normal class and 109 other classes have the names above."""
    folder = tmp_path_factory.mktemp("names")

    def originals(self):
        for image in originals_of_digits(self):
            number = int(image.id.split("/")[1])
            name = NORMAL if image.class_name == "8" else NAMES[number % len(NAMES)]
            if number < 2 * len(NAMES) or (name == NORMAL and number < 600):
                yield Original(f"{name}/{number}.png", name, pixels=image.pixels)

    originals_of_digits = Digits.originals
    changes = {"extends": "digits", "normal_class": NORMAL, "title": NORMAL, "image_size": 16, "protocol": "holdout"}
    changes |= {"refinements": [], "backbone": "", "validation_share": 0.2, "detector": "pca", "detectors": []}
    changes["detectors"] = [{"pca": {"components": 4}}, {"hog": {"label": LABEL}}]
    shutil.copy(paths.params_folder() / "digits.yaml", folder)
    (folder / "names.yaml").write_text(yaml.safe_dump(changes), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Digits, "originals", originals)
        patch.setattr(Digits, "class_names", (NORMAL, *NAMES))
        patch.setattr(Digits, "version", "with other names")
        patch.setattr(paths, "params_folder", lambda: folder)
        patch.setenv("ANOMALY_RUN_FOLDER", str(folder / "run"))
        parameters = params.load("names")
        study, run = Study.open(parameters), Run(folder / "run")
        written = [executed(path, parameters, folder) for path in notebooks(study)]
        memo = first_page.memo(study, run)
        info = ReportInfo(NORMAL, "names", NORMAL, "2026-11-25", (("Normal", NORMAL),), memo)
        chapters = read_chapters(written, appendix(run.read("manifest"), run.read("params")))
        write_site(chapters, info, folder, explorer=True)
        explorer.write_explorer(study, run, folder, info.generated)
        write_pdf(chapters, info, folder / "report.pdf")
    return folder


@pytest.fixture(scope="module")
def pages(report):
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in sorted(report.glob("*.html"))}


def test_a_name_makes_no_element(pages):
    for name, page in pages.items():
        assert page.tags.count("script") == (2 if name == "explorer.html" else 0), name
        assert not {"i", "iframe", "object", "base"} & set(page.tags), name
        assert "49" not in re.findall(r"\{\{.*?\}\}|R&D.{0,12}", page.words)


def test_names_are_on_the_pages_as_they_are(pages, report):
    normal = characters.readable(NORMAL)
    for name in ("index", "01_exploration", "appendix", "explorer"):
        assert normal in pages[f"{name}.html"].words, name
    assert normal in pages["01_exploration.html"].attributes  # the alternative text of the chart of classes
    assert LABEL in pages["06_comparison.html"].words and LABEL in pages["02_training.html"].words
    with (report / "run" / "classes.csv").open(encoding="utf-8", newline="") as file:
        classes = [row["class"] for row in csv.DictReader(file)]
    shown = spaces(pages["03_inspection.html"].words)
    assert len(classes) > 70 and not [name for name in classes if name.startswith(("=", "+", "-", "@"))]
    for name in [*classes[:10], *classes[-10:]]:
        assert spaces(characters.readable(name.removeprefix("'") if name[1:2] in "=+-@" else name)) in shown, name


def test_the_explorer_has_the_names_as_data(report):
    page = (report / "explorer.html").read_text(encoding="utf-8")
    (block,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(block)
    assert (report / data["page"]).is_file() and f'href="{data["page"]}"' in page
    assert "<" not in block and data["normal_class"] == characters.readable(NORMAL)
    assert {picture["class"] for picture in data["pictures"]} <= {*map(characters.readable, [NORMAL, *NAMES])}


@pytest.mark.browser
def test_nothing_of_a_name_runs_on_the_pages_of_a_study(report, chromium, tmp_path):
    check_pages(chromium, sorted(report.glob("*.html")), tmp_path, scripts={"explorer.html": 2})
