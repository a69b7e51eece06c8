"""Figures: drawn headless, nothing clipped, nothing left out, the same bytes twice."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from drawing import check_size, check_words, drawn, svg
from matplotlib.colors import same_color
from matplotlib.figure import Figure

from lib.evaluation import metrics
from lib.presentation import plots

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (20, 24, 24, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (20, 32, 32, 1), dtype=np.uint8)
MADE = COLOUR.astype(np.float32) / 255  # reconstructions come as floats
SCORES = RNG.lognormal(-3.5, 0.5, 20)
NAMES = [f"a_class_with_a_long_name_{number}" for number in range(20)]
LABELS = np.repeat([0, 1], [200, 600])
RANKED = RNG.lognormal(LABELS - 4.0, 0.5)
CURVE = (*metrics.roc_curve(LABELS, RANKED)[:2], metrics.auroc(LABELS, RANKED))
STEPS = (*metrics.pr_curve(LABELS, RANKED)[:2], metrics.aupr(LABELS, RANKED))
GRID = np.linspace(0.005, 0.1, 60)
MISSES, ALARMS = metrics.error_rates(LABELS, RANKED, GRID)
COSTS = {
    words: metrics.relative_cost(MISSES, ALARMS, 0.75, ratio) for words, ratio in {"10 : 1": 10, "1 : 1": 1}.items()
}
LOSS = 0.05 * np.exp(-np.arange(20) / 4) + 0.008

FIGURES = {
    "class counts": lambda: plots.class_counts(NAMES, range(1, 21), NAMES[19]),
    "class counts, small normal class": lambda: plots.class_counts(NAMES, range(1, 21), NAMES[0]),
    "class counts, one class": lambda: plots.class_counts(["only"], [0]),
    "image grid": lambda: plots.image_grid(COLOUR, [f"{name}\n{1 / 3:.4f}" for name in NAMES]),
    "image grid, grey": lambda: plots.image_grid(GREY[:3]),
    "image grid, two dimensions": lambda: plots.image_grid(GREY[..., 0], columns=5),
    "image grid, none": lambda: plots.image_grid(COLOUR[:0], []),
    "pairs": lambda: plots.reconstruction_pairs(COLOUR, MADE),
    "pairs, one": lambda: plots.reconstruction_pairs(GREY[:1], GREY[:1]),
    "pairs, none": lambda: plots.reconstruction_pairs(COLOUR[:0], MADE[:0]),
    "extremes": lambda: plots.extremes(COLOUR, MADE, SCORES, SCORES > 0.03),
    "extremes, three": lambda: plots.extremes(GREY[:3], GREY[:3], [1e-9, 2.5, 1234.5], [False, True, True]),
    "extremes, one": lambda: plots.extremes(COLOUR[:1], MADE[:1], SCORES[:1], [False]),
    "extremes, none": lambda: plots.extremes(COLOUR[:0], MADE[:0], [], []),
    "differences": lambda: plots.difference_maps(COLOUR, MADE[::-1], SCORES),
    "differences, two equal": lambda: plots.difference_maps(GREY[:2], GREY[:2], [0.0, 0.0]),
    "differences, none": lambda: plots.difference_maps(COLOUR[:0], MADE[:0], []),
    "loss": lambda: plots.loss_curve({"autoencoder": LOSS}),
    "loss, one epoch": lambda: plots.loss_curve({"autoencoder": LOSS[:1]}),
    "losses, logarithmic": lambda: plots.loss_curve({"autoencoder": LOSS, "VAE": 2 * LOSS}, log=True),
    "loss terms": lambda: plots.loss_terms({"reconstruction": LOSS, "KL": 1e-7 * LOSS}),
    "loss terms of two": lambda: plots.loss_terms(
        {"VAE": {"reconstruction": LOSS, "KL": 0 * LOSS}, "β-VAE": {"reconstruction": LOSS, "KL": 9 * LOSS}}
    ),
    "histogram": lambda: plots.score_histogram(RANKED[LABELS == 0], RANKED[LABELS == 1], 0.02),
    "histogram, no anomalies": lambda: plots.score_histogram(RANKED, [], 0.02),
    "histogram, constant": lambda: plots.score_histogram([0.5] * 9, [0.5], 0.5),
    "histogram, zero and below": lambda: plots.score_histogram([-1.0, 0.0, 3.0], [0.0, 9.0], -2.0),
    "histogram, threshold of zero": lambda: plots.score_histogram([0.001, 0.01], [0.1, 1.0], 0.0),
    "ROC": lambda: plots.roc_curves({"autoencoder": CURVE}, {"autoencoder": (0.2, 0.9, "threshold 0.02")}),
    "ROC, eight": lambda: plots.roc_curves({f"detector {number}": CURVE for number in range(8)}),
    "ROC, marks in the corners": lambda: plots.roc_curves(
        {"a": CURVE, "b": (*CURVE[:2], 0.9)}, {"a": [(0.0, 0.0, "0.05"), (1.0, 1.0, "0.01")], "b": (0.9, 0.8, "0.02")}
    ),
    "precision and recall": lambda: plots.pr_curves({"autoencoder": STEPS}, 0.75),
    "precision and recall, low": lambda: plots.pr_curves({"a": (*STEPS[:2], 0.9)}, 0.1, {"a": (0.5, 0.2, "here")}),
    "confusion": lambda: plots.confusion(7822, 193, 607, 522),
    "confusion, no anomalies": lambda: plots.confusion(tp=0, fp=0, tn=1_000_000, fn=0),
    "sweep": lambda: plots.threshold_sweep(GRID, MISSES, ALARMS, 0.02),
    "sweep of five": lambda: plots.threshold_sweep([0.01, 0.02, 0.03, 0.04, 0.05], MISSES[:5], ALARMS[:5], 0.02),
    "cost": lambda: plots.expected_cost(GRID, COSTS, 0.02),
    "cost of nothing": lambda: plots.expected_cost([0.1, 0.2, 0.3], {"1 : 1": [1.0, 0.0, 0.5]}),
    "shifts": lambda: plots.attribute_shift(NAMES[:6], [0.1, 0.2, 0.5, 0.5, 0.7, 1.0], [0.0] * 6, [1.0] * 6),
    "shift, one": lambda: plots.attribute_shift(["brightness"], [0.5], [0.5], [0.5]),
}

WORK = metrics.operations(MISSES, ALARMS, 0.1)
CLASSES = metrics.by_class(
    LABELS, RANKED, np.where(LABELS == 1, np.array([*NAMES, "b", "c", "d"])[np.arange(800) % 23], "normal"), 0.02
)
FIGURES |= {
    "work": lambda: plots.operations(GRID, WORK["reviewed"], WORK["missed"], WORK["in_vain"], 0.0213456),
    "work at five thresholds": lambda: plots.operations([0.01, 0.02, 0.03, 0.04, 5], [9] * 5, [0] * 5, [1] * 5, per=10),
    "work at one threshold": lambda: plots.operations([0.01], [0.0], [0.0], [0.0], 0.01),
    "classes": lambda: plots.by_class(CLASSES),
    "classes, three of either end": lambda: plots.by_class(CLASSES, n=3),
    "classes, one": lambda: plots.by_class(CLASSES.head(1)),
    "classes, none": lambda: plots.by_class(CLASSES.head(0)),
    "references": lambda: plots.references(
        ["autoencoder", *NAMES[:7]],
        np.linspace(0.3, 1, 8),
        np.linspace(0.2, 0.98, 8),
        np.linspace(0.4, 1, 8),
        "autoencoder",
    ),
    "references, all at chance": lambda: plots.references(["a", "b"], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]),
    "seeds": lambda: plots.seed_spread({"autoencoder": [0.918, 0.9203, 0.9164, 0.9188], "β-VAE": {555: 0.87, 7: 0.89}}),
    "seeds, one": lambda: plots.seed_spread({"autoencoder": [0.918]}),
    "seeds, all equal": lambda: plots.seed_spread({"autoencoder": [0.5, 0.5, 0.5]}, xlabel="AUPR"),
}


@pytest.fixture(params=FIGURES, scope="module")
def figure(request):
    return FIGURES[request.param]()


def texts(figure):
    return list(drawn(figure))


def words(figure):
    return " ".join(text.get_text() for text in texts(figure))


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


# ---------------------------------------------------------------- every figure


def test_is_a_figure_that_fits_a_page_and_saves_as_vector_and_as_pixels(figure):
    assert isinstance(figure, Figure)
    check_size(figure)


def test_texts_are_readable_on_paper_and_neither_clipped_nor_overlapping(figure):
    check_words(figure)


@pytest.mark.parametrize("name", ["ROC", "histogram", "extremes", "confusion"])
def test_the_same_arrays_give_the_same_bytes(name):
    assert svg(FIGURES[name]()) == svg(FIGURES[name]())


def test_the_callers_settings_are_left_alone():
    before = matplotlib.rcParams.copy()
    FIGURES["ROC"]()
    assert matplotlib.rcParams == before


def test_no_pyplot_and_no_tensorflow():
    code = "import sys, lib.presentation.plots, lib.presentation.tables, lib.evaluation.metrics, lib.data.attributes; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"matplotlib.pyplot", "tensorflow", "keras"}.isdisjoint(loaded)


# ---------------------------------------------------------------- what each shows


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("image grid", 20),
        ("image grid, grey", 3),
        ("image grid, none", 0),
        ("pairs", 16),
        ("pairs, one", 2),
        ("extremes", 16),
        ("extremes, three", 6),
        ("extremes, one", 2),
        ("differences", 15),
        ("differences, two equal", 6),
    ],
)
def test_number_of_pictures(name, count):
    assert len(pictures(FIGURES[name]())) == count


@pytest.mark.parametrize("name", ["image grid, none", "pairs, none", "extremes, none", "differences, none"])
def test_no_images_say_so(name):
    assert words(FIGURES[name]()) == "No image in this group."


def test_class_counts_show_the_ten_largest_and_pick_out_the_normal_one():
    figure = plots.class_counts(NAMES, range(1, 21), NAMES[15])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == list(range(20, 10, -1))
    picked = [bar for bar in axes.patches if same_color(bar.get_facecolor(), plots.NORMAL)]
    assert [bar.get_width() for bar in picked] == [16]
    assert "16  normal class" in words(figure)
    assert len(FIGURES["class counts, small normal class"]().axes[0].patches) == 11


def test_extremes_are_the_lowest_and_the_highest_in_order():
    figure = FIGURES["extremes"]()
    ranked = sorted(SCORES)
    shown = [text.get_text() for text in texts(figure)]
    assert [text for text in shown if text[0] == "0"] == [f"{score:.4f}" for score in ranked[:4] + ranked[-4:]]
    assert shown.count("anomaly") + shown.count("normal") == 8
    top = pictures(figure)[: 2 * 8]
    np.testing.assert_allclose(top[0].images[0].get_array(), COLOUR[np.argmin(SCORES)] / 255, atol=1e-6)


def test_grey_images_are_shown_grey():
    shown = pictures(FIGURES["image grid, grey"]())[0].images[0]
    assert shown.get_array().shape == (32, 32) and shown.get_cmap().name == "gray" and shown.get_clim() == (0, 1)


def test_difference_maps_share_one_scale():
    figure = FIGURES["differences"]()
    maps = [axes.images[0] for axes in figure.axes if axes.images and axes.images[0].get_cmap().name == "inferno"]
    expected = np.abs(COLOUR / 255 - MADE[::-1]).mean(-1)[:5]
    np.testing.assert_allclose([shown.get_array() for shown in maps], expected, atol=1e-6)
    limits = {shown.get_clim() for shown in maps}
    assert len(limits) == 1 and limits.pop() == pytest.approx((0, expected.max()))


def test_histogram_shares_sum_to_one_for_either_class():
    axes = FIGURES["histogram"]().axes[0]
    shares = [patch.get_data().values.sum() for patch in axes.patches]
    assert shares == pytest.approx([1] * 4)  # a fill and an outline each
    assert axes.get_xscale() == "log" and FIGURES["histogram, constant"]().axes[0].get_xscale() == "linear"


def test_histogram_legend_tells_the_shares_above_the_threshold():
    figure = plots.score_histogram([1, 2, 3, 4], [3, 4, 5], 3)
    assert "n = 4, 25.0\N{NO-BREAK SPACE}% above" in words(figure) and "n = 3, 66.7" in words(figure)


def test_confusion_shows_counts_and_shares_of_rows():
    said = words(FIGURES["confusion"]())
    for text in ("7,822", "193", "607", "522", "93.7", "24.1", "75.9", "6.3"):
        assert text in said
    assert words(FIGURES["confusion, no anomalies"]()).count("no images") == 2


def test_curves_are_told_apart_without_colour():
    axes = FIGURES["ROC, eight"]().axes[0]
    dashes = [str(line._dash_pattern) for line in axes.lines]
    assert len(set(dashes)) == len(dashes) == 9  # the diagonal of chance among them


def test_areas_stand_in_the_legend():
    assert f"AUROC {CURVE[2]['value']:.3f} [{CURVE[2]['low']:.3f}" in words(FIGURES["ROC"]())
    assert "AUPR 0.750" in words(FIGURES["precision and recall"]())


def test_precision_axis_says_where_it_starts():
    assert "axis starts at 0.70" in words(FIGURES["precision and recall"]())
    assert "axis starts" not in words(FIGURES["precision and recall, low"]())


def test_shifts_that_include_the_reference_are_hollow():
    figure = plots.attribute_shift(["a", "b"], [0.7, 0.5], [0.6, 0.4], [0.8, 0.6])
    filled = [line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert filled[0] != "white" and filled[1] == "white"


def test_classes_show_either_end_and_how_many_are_between():
    figure = FIGURES["classes, three of either end"]()
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == [*CLASSES["class"].head(3), "", *CLASSES["class"].tail(3)]
    assert "17 classes between" in words(figure) and f"n = {CLASSES['n'][0]}" in words(figure)
    assert "between" not in words(plots.by_class(CLASSES, n=12))
    assert words(FIGURES["classes, none"]()) == "There are no anomalies, and so no classes of them."


def test_every_class_stands_at_its_recall_within_its_interval():
    (axes,) = plots.by_class(CLASSES, n=20).axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    whiskers = [line for line in axes.lines if line.get_marker() != "o" and line.get_ydata()[0] == line.get_ydata()[-1]]
    assert [dot.get_xdata()[0] for dot in dots] == CLASSES["recall"].tolist()
    assert [tuple(line.get_xdata()) for line in whiskers] == list(
        zip(CLASSES["recall_low"], CLASSES["recall_high"], strict=True)
    )
    whole = metrics.at_threshold(LABELS, RANKED, 0.02)["recall"]["value"]
    assert f"All anomalies, {100 * whole:.1f}" in words(plots.by_class(CLASSES))


def test_references_show_chance_and_pick_out_the_detector_compared_with():
    figure = FIGURES["references"]()
    said = words(figure)
    assert "Chance" in said and "0.300 [0.200, 0.400]" in said and "1.000 [0.980, 1.000]" in said
    squares = [line for line in figure.axes[0].lines if line.get_marker() == "s"]
    assert [line.get_xdata()[0] for line in squares] == [0.3]


def test_the_spread_over_seeds_is_told():
    said = words(FIGURES["seeds"]())
    values = np.array([0.918, 0.9203, 0.9164, 0.9188])
    assert f"{values.mean():.4f} ± {values.std(ddof=1):.4f} (4 seeds)" in said and "(2 seeds)" in said
    assert "0.9180 (1 seed)" in words(FIGURES["seeds, one"]())
    dots = FIGURES["seeds, all equal"]().axes[0].lines[1]
    assert len(set(dots.get_ydata())) == 3  # equal values stay apart


def test_work_is_drawn_per_so_many_images():
    figure = FIGURES["work"]()
    above, below = figure.axes
    assert above.lines[0].get_ydata() == pytest.approx(WORK["reviewed"].to_numpy())
    assert below.lines[0].get_ydata() == pytest.approx(WORK["missed"].to_numpy())
    assert words(figure).count("Per 1,000 images") == 2 and "Threshold in use, 0.0213456" in words(figure)
    assert below.get_xscale() == "linear" and "log" not in words(figure)
    few = FIGURES["work at five thresholds"]()
    assert few.axes[1].get_xscale() == "log" and "(log scale)" in words(few) and "Per 10 images" in words(few)


def test_long_titles_are_broken_and_shortened():
    figure = plots.image_grid(COLOUR[:1], ["background_google"], columns=8)
    assert words(figure).replace("\n", "") == "background_google"
    figure = plots.image_grid(COLOUR[:1], ["x" * 200])
    assert words(figure).endswith("…")


# ---------------------------------------------------------------- what cannot be drawn


@pytest.mark.parametrize(
    "call",
    [
        lambda: plots.class_counts([], []),
        lambda: plots.class_counts(["a"], [1], highlight="b"),
        lambda: plots.image_grid(COLOUR, ["one"]),
        lambda: plots.image_grid(COLOUR[0][0]),
        lambda: plots.image_grid(np.zeros((2, 8, 8, 4))),
        lambda: plots.reconstruction_pairs(COLOUR, MADE[:3]),
        lambda: plots.extremes(COLOUR, MADE, SCORES, [True]),
        lambda: plots.difference_maps(COLOUR, MADE, SCORES[:2]),
        lambda: plots.loss_curve({}),
        lambda: plots.loss_curve({"a": []}),
        lambda: plots.loss_terms({}),
        lambda: plots.score_histogram([], []),
        lambda: plots.score_histogram([np.nan], [1.0]),
        lambda: plots.score_histogram([0.0], [1.0], log=True),
        lambda: plots.roc_curves({}),
        lambda: plots.roc_curves({"a": CURVE}, {"b": (0, 0, "")}),
        lambda: plots.threshold_sweep([], [], []),
        lambda: plots.expected_cost([1.0], {"1 : 1": [1.0, 2.0]}),
        lambda: plots.attribute_shift(["a"], [1], [1], [1, 2]),
        lambda: plots.by_class(CLASSES, n=0),
        lambda: plots.references(["a"], [0.5], [0.4], [0.6], "b"),
        lambda: plots.references([], [], [], []),
        lambda: plots.seed_spread({}),
        lambda: plots.seed_spread({"a": []}),
        lambda: plots.operations([], [], [], []),
        lambda: plots.operations([1.0], [1.0], [1.0], [1.0, 2.0]),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call):
    with pytest.raises(ValueError) as caught:
        call()
    assert "\n" not in str(caught.value)
