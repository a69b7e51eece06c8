"""Figures of refinements: every number at its place, every word on the canvas and none on another."""

import math

import numpy as np
import pytest
from drawing import check_size, check_words, drawn, svg

from lib.presentation import plots

RNG = np.random.default_rng(0)
MANY = 25
SECONDS = np.geomspace(0.2, 300, MANY)
AUROCS = np.array([*np.linspace(0.57, 0.95, 15), *(1 - np.geomspace(0.04, 0.0003, 10))])
AUROCS[[3, 9, 20]] = AUROCS[[2, 4, 16]]
HALF = 0.3 * (1 - AUROCS)
FAMILIES = [
    ("reference", "shortcut", "autoencoder", "VAE", "features", "ensemble")[one * 6 // MANY] for one in range(25)
]
DETECTORS = [f"a detector with a name {one}" for one in range(MANY)]
CHANGES = np.linspace(-0.06, 0.07, 30)
NAMES = [f"a refinement with a name {one}" for one in range(30)]
IMAGES = RNG.integers(0, 256, (8, 24, 32, 3), dtype=np.uint8)
MAPS = RNG.uniform(1, 4, (8, 6, 8))
LATENT = {"VAE": RNG.permutation(np.geomspace(1e-3, 5, 64)), "β-VAE": [0.0] * 30 + [2.0, 1.0], "one": [0.3]}


def cost(names=DETECTORS, seconds=SECONDS, values=AUROCS, lows=None, highs=None, families=None):
    """The figure, with intervals and families made up where none are given."""
    values = np.asarray(values, dtype=float)
    lows = np.maximum(values - 0.3 * (1 - values), 0) if lows is None else lows
    highs = np.minimum(values + 0.3 * (1 - values), 1) if highs is None else highs
    return plots.cost_benefit(names, seconds, values, lows, highs, families or [FAMILIES[0]] * len(names))


FIGURES = {
    "differences": lambda: plots.differences(
        NAMES, CHANGES, CHANGES - 0.01, CHANGES + 0.02, 0.004, [f"group {one // 4}" for one in range(30)]
    ),
    "differences, one": lambda: plots.differences(["a"], [0.0], [0.0], [0.0]),
    "differences, named": lambda: plots.differences(NAMES[:3], [0.1, -0.1, 0], [0, -0.2, 0], [0.2, 0, 0], 0.0),
    "cost, 25": lambda: cost(families=FAMILIES),
    "cost, 10": lambda: cost(DETECTORS[:10], SECONDS[5:15], AUROCS[5:15], families=FAMILIES[5:15]),
    "cost, one": lambda: cost(["a"], [3.0], [0.5]),
    "cost, all perfect": lambda: cost(["a", "b"], [3.0, 9000.0], [1.0, 1.0]),
    "cost, chance and perfect": lambda: cost(["a", "b", "c"], [0.01, 0.01, 60], [0.5, 1.0, 0.999], [0.4, 1.0, 0.99]),
    "cost, 25 in one second": lambda: cost(seconds=np.linspace(10, 11, MANY), values=np.linspace(0.97, 0.98, MANY)),
    "cost, all the same": lambda: cost(DETECTORS[:12], [5.0] * 12, [0.9] * 12),
    "cost, worse than chance": lambda: cost(["a", "b"], [1, 2], [0.0, 0.3]),
    "latent": lambda: plots.latent_use(LATENT, 0.01),
    "latent, nothing": lambda: plots.latent_use({"VAE": [0.0, 0.0]}, 0.01),
    "rates": lambda: plots.rate_distortion(
        [f"β = {beta}" for beta in (1, 0.1, 0.01, 0.001)], [0, 3, 40, 250], [0.05, 0.04, 0.02, 0.01]
    ),
    "rates, 14": lambda: plots.rate_distortion(NAMES[:14], [0, 0, *np.geomspace(0.1, 900, 12)], [0.05] * 14),
    "rates, one": lambda: plots.rate_distortion(["a"], [0.0], [0.0]),
    "maps": lambda: plots.heat_maps(IMAGES, MAPS, np.linspace(0.001, 12345, 8), NAMES[:8]),
    "maps, one": lambda: plots.heat_maps(IMAGES[:1, ..., 0], MAPS[:1], [3.2]),
    "maps, one distance": lambda: plots.heat_maps(IMAGES[:2, ..., :1], np.ones((2, 1, 1)), [1, 1], ["a", "b\nc"]),
    "maps, none": lambda: plots.heat_maps(IMAGES[:0], MAPS[:0], []),
}


@pytest.fixture(params=FIGURES, scope="module")
def figure(request):
    return FIGURES[request.param]()


def words(figure):
    return [text.get_text() for text in drawn(figure)]


def points(axes, marker=None):
    """Every marked point in the order drawn."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", None, "")]
    return [point for line in lines for point in zip(*line.get_data(), strict=True)]


def line_of(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


# ---------------------------------------------------------------- every figure


def test_every_word_is_on_the_canvas_and_none_on_another(figure):
    check_words(figure)


def test_fits_a_page_and_saves(figure):
    check_size(figure)


def test_the_same_numbers_give_the_same_bytes():
    assert svg(FIGURES["cost, 25"]()) == svg(FIGURES["cost, 25"]())


# ---------------------------------------------------------------- differences


def test_every_difference_stands_in_its_row():
    figure = plots.differences(
        ["a", "b", "c"], [0.012, -0.02, 0.0001], [0.003, -0.03, -0.01], [0.021, -0.01, 0.02], 0.005, ["x", "x", "y"]
    )
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["x", "a", "b", "y", "c"]
    assert points(axes) == [(0.012, 1), (-0.02, 2), (0.0001, 4)]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top
    whiskers = [line.get_xdata() for line in axes.lines if list(line.get_ydata()) in ([1, 1], [2, 2], [4, 4])]
    assert [tuple(ends) for ends in whiskers if len(ends) == 2] == [(0.003, 0.021), (-0.03, -0.01), (-0.01, 0.02)]
    said = words(figure)
    assert {"+0.012 [+0.003, +0.021]", "−0.020 [−0.030, −0.010]", "0.000 [−0.010, +0.020]"} <= set(said)
    assert "spread of seeds" in said and any("positive = better" in text for text in said)
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-0.005, 0.005))


def test_a_difference_that_may_be_none_is_hollow():
    (axes,) = FIGURES["differences"]().axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    hollow = [line.get_markerfacecolor() == "white" for line in dots]
    assert hollow == [bool(value - 0.01 <= 0 <= value + 0.02) for value in CHANGES] and 0 < sum(hollow) < 30


def test_without_noise_and_groups_there_is_neither_band_nor_heading():
    figure = FIGURES["differences, one"]()
    assert "spread of seeds" not in words(figure) and not figure.axes[0].patches
    assert "to the mean" in " ".join(words(plots.differences(["a"], [0], [0], [0], baseline="the mean")))


# ---------------------------------------------------------------- cost and benefit


def test_every_detector_stands_at_its_time_and_auroc():
    axes = FIGURES["cost, 25"]().axes[0]
    assert sorted(points(axes)) == sorted(zip(SECONDS, AUROCS, strict=True))
    ends = {
        tuple(line.get_ydata()) for line in axes.lines if len(set(line.get_xdata())) == 1 and len(line.get_xdata()) == 2
    }
    for low, high in zip(AUROCS - HALF, AUROCS + HALF, strict=True):
        assert any(end == pytest.approx((low, high)) for end in ends)


def test_high_aurocs_are_told_apart():
    figure = FIGURES["cost, 25"]()
    axes = figure.axes[0]
    height = axes.get_window_extent().height
    low, high = axes.transData.transform([(1, 0.98), (1, 0.999)])[:, 1]
    assert high - low > 0.2 * height
    assert {"0.5", "0.9", "0.99", "0.999", "1 s", "10 s", "1 min"} <= set(words(figure))
    ticks = {text.get_text(): where for text, where in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    assert all(float(text) == pytest.approx(where) for text, where in ticks.items())


def test_an_auroc_of_one_stands_on_the_edge():
    for name, count in (("cost, all perfect", 2), ("cost, chance and perfect", 1)):
        figure = FIGURES[name]()
        axes = figure.axes[0]
        edge = max(axes.get_ylim())
        assert [y for _, y in points(axes)].count(edge) == count and "1" in words(figure)
        assert all(np.isfinite(axes.transData.transform(points(axes))).ravel())
    assert "1" not in words(FIGURES["cost, one"]()) and "0.5" in words(FIGURES["cost, one"]())


def test_the_step_line_joins_what_no_other_beats():
    seconds, values = [1, 2, 2, 3, 4, 5, 6], [0.6, 0.9, 0.7, 0.9, 0.8, 0.95, 0.94]
    axes = cost(list("abcdefg"), seconds, values).axes[0]
    line = line_of(axes, "best for the time")
    corners = list(zip(*line.get_data(orig=True), strict=True))
    assert corners[:3] == [(1, 0.6), (2, 0.9), (5, 0.95)]
    assert line.get_drawstyle() == "steps-post" and corners[3] == (axes.get_xlim()[1], 0.95) and len(corners) == 4


def test_the_step_line_of_many_is_that_of_the_definition():
    seconds, values = RNG.uniform(1, 99, 20), RNG.uniform(0.5, 0.99, 20).round(2)
    line = line_of(cost(DETECTORS[:20], seconds, values).axes[0], "best for the time")
    expected = {
        (time, value)
        for time, value in zip(seconds, values, strict=True)
        if all(value > other or time == when for when, other in zip(seconds, values, strict=True) if when <= time)
    }
    assert set(list(zip(*line.get_data(orig=True), strict=True))[:-1]) == expected


def test_few_are_named_where_they_stand_and_many_by_number():
    axes = FIGURES["cost, 10"]().axes[0]
    assert [text.get_text() for text in axes.texts] == DETECTORS[:10]
    figure = FIGURES["cost, 25"]()
    assert [text.get_text() for text in figure.axes[0].texts] == [str(number) for number in range(1, 26)]
    assert [tuple(text.xy) for text in figure.axes[0].texts] == list(zip(SECONDS, AUROCS, strict=True))
    key = [text.get_text() for text in figure.texts]
    assert key == [text for number, name in enumerate(DETECTORS, 1) for text in (str(number), name)]


@pytest.mark.parametrize("name", ["cost, 25", "cost, 10", "rates"])
def test_labels_cover_no_dot_and_are_near_their_own(name):
    figure = FIGURES[name]()
    axes = figure.axes[0]
    boxes = {text: box for text, box in drawn(figure).items() if text in axes.texts}
    dots = axes.transData.transform(points(axes))
    assert len(boxes) == len(axes.texts)
    for text, box in boxes.items():
        x, y = axes.transData.transform(text.xy)
        away = math.hypot(max(box.x0 - x, x - box.x1, 0), max(box.y0 - y, y - box.y1, 0))
        assert away < 40 / 72 * figure.dpi and (away < 16 / 72 * figure.dpi or text.arrow_patch), text
        assert not any(box.contains(*dot) for dot in dots)


def test_families_are_told_apart_without_colour():
    axes = FIGURES["cost, 25"]().axes[0]
    marks = [line_of(axes, family).get_marker() for family in dict.fromkeys(FAMILIES)]
    assert len(set(marks)) == 6 and {*FAMILIES, "best for the time"} <= set(words(FIGURES["cost, 25"]()))


# ---------------------------------------------------------------- latent values, rates, maps


def test_latent_values_fall_and_nothing_stands_at_the_lowest_level():
    figure = FIGURES["latent"]()
    axes = figure.axes[0]
    said = words(figure)
    assert axes.get_yscale() == "log" and any("0.01 nats: below" in text for text in said)
    assert any("all below 0.0001 at 0.0001" in text for text in said)
    first, second, third, floor = axes.lines
    np.testing.assert_allclose(first.get_ydata(), sorted(LATENT["VAE"], reverse=True))
    np.testing.assert_allclose(second.get_ydata(), [2.0, 1.0] + [1e-4] * 30)
    assert set(floor.get_ydata()) == {0.01} and list(third.get_xdata()) == [1]
    assert len({str(line._dash_pattern) for line in (first, second, third)}) == 3
    assert "β-VAE (2 of 32 above)" in said
    low, high = axes.get_ylim()
    assert low < 1e-4 and high > 5
    assert not any("all below" in text for text in words(plots.latent_use({"VAE": [1.0, 0.1]}, 0.01)))


def test_rates_are_joined_in_order():
    axes = plots.rate_distortion(["a", "b", "c"], [40, 0, 3], [0.01, 0.05, 0.03]).axes[0]
    assert [tuple(xy) for xy in axes.lines[0].get_xydata()] == [(0, 0.05), (3, 0.03), (40, 0.01)]
    assert {text.get_text(): tuple(text.xy) for text in axes.texts} == {"a": (40, 0.01), "b": (0, 0.05), "c": (3, 0.03)}
    where = axes.transData.transform([(0, 0.01), (3, 0.01), (40, 0.01)])[:, 0]
    assert (np.diff(where) > 0.15 * axes.get_window_extent().width).all()


def test_maps_lie_over_their_images_on_one_scale():
    figure = FIGURES["maps"]()
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == 16
    for one in range(8):
        np.testing.assert_allclose(pictures[one].images[0].get_array(), IMAGES[one] / 255, atol=1e-6)
        grey, over = pictures[8 + one].images
        assert grey.get_array().shape == (24, 32) and over.get_interpolation() == "bilinear"
        np.testing.assert_array_equal(over.get_array(), MAPS[one])
        assert tuple(over.get_extent()) == tuple(grey.get_extent()) and over.get_clim() == (MAPS.min(), MAPS.max())
    said = words(figure)
    assert "distance to the nearest normal patch" in said and "Score" in said and "0.0010" in said
    assert words(FIGURES["maps, none"]()) == ["No image in this group."]


@pytest.mark.parametrize(
    "call",
    [
        lambda: plots.differences([], [], [], []),
        lambda: plots.differences(["a"], [0.1], [0.1], [0.1, 0.2]),
        lambda: plots.differences(["a"], [0.1], [0.1], [0.1], groups=["x", "y"]),
        lambda: plots.differences(["a"], [0.1], [0.1], [0.1], noise=-0.1),
        lambda: plots.cost_benefit(["a"], [1], [0.5], [0.4], [0.6], []),
        lambda: cost(["a", "b"], [1.0], [0.5]),
        lambda: cost(["a"], [0.0], [0.5]),
        lambda: cost(["a"], [1.0], [float("nan")]),
        lambda: cost(["a"], [1.0], [0.5], highs=[1.5]),
        lambda: cost(DETECTORS[:9], SECONDS[:9], AUROCS[:9], families=DETECTORS[:9]),
        lambda: plots.latent_use({}, 0.01),
        lambda: plots.latent_use({"a": []}, 0.01),
        lambda: plots.latent_use({"a": [-1.0]}, 0.01),
        lambda: plots.latent_use({"a": [1.0]}, 0.0),
        lambda: plots.rate_distortion(["a"], [1.0, 2.0], [0.1]),
        lambda: plots.rate_distortion(["a"], [-1.0], [0.1]),
        lambda: plots.heat_maps(IMAGES, MAPS[:7], range(8)),
        lambda: plots.heat_maps(IMAGES, MAPS, range(7)),
        lambda: plots.heat_maps(IMAGES, MAPS, range(8), ["a"]),
        lambda: plots.heat_maps(IMAGES[:2], MAPS[0, :2], [1, 2]),
        lambda: plots.heat_maps(np.repeat(IMAGES, 2, axis=0), np.repeat(MAPS, 2, axis=0), range(16)),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call):
    with pytest.raises(ValueError) as caught:
        call()
    assert "\n" not in str(caught.value)
