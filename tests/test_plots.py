"""Figures are complete, with readable text and an alternative text, and the same every time."""

import functools
import math
import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from drawing import check_words, drawn, svg, words
from matplotlib.colors import same_color
from matplotlib.layout_engine import PlaceHolderLayoutEngine

from lib.evaluation import metrics
from lib.presentation import plots

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (20, 24, 24, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (20, 32, 32, 1), dtype=np.uint8)
RECONSTRUCTED = COLOUR.astype(np.float32) / 255  # reconstructions are floats
SCORES = RNG.lognormal(-3.5, 0.5, 20)
NAMES = [f"a_class_with_a_long_name_{number}" for number in range(20)]
LABELS = np.repeat([0, 1], [200, 600])
RANKED = RNG.lognormal(LABELS - 4.0, 0.5)
CURVE = (*metrics.roc_curve(LABELS, RANKED)[:2], metrics.auroc(LABELS, RANKED))
STEPS = (*metrics.pr_curve(LABELS, RANKED)[:2], metrics.aupr(LABELS, RANKED))
GRID = np.linspace(0.005, 0.1, 60)
MISSES, ALARMS = metrics.error_rates(LABELS, RANKED, GRID)
COSTS = {
    ratio_text: metrics.relative_cost(MISSES, ALARMS, 0.75, ratio)
    for ratio_text, ratio in {"10 : 1": 10, "1 : 1": 1}.items()
}
LOSS = 0.05 * np.exp(-np.arange(20) / 4) + 0.008
WORK = metrics.operations(MISSES, ALARMS, 0.1, thresholds=GRID)
FEW_WORK = metrics.operations([0.0] * 5, [0.1] * 5, 0.1, per=10, thresholds=[0.01, 0.02, 0.03, 0.04, 5])
CLASSES = metrics.by_class(
    LABELS, RANKED, np.where(LABELS == 1, np.array([*NAMES, "b", "c", "d"])[np.arange(800) % 23], "normal"), 0.02
)
COUNTS = {"tp": 7822, "fp": 193, "tn": 607, "fn": 522}
IMAGES = RNG.integers(0, 256, (8, 24, 32, 3), dtype=np.uint8)
MAPS = RNG.uniform(1, 4, (8, 6, 8))

HEAT = RNG.gamma(2.0, 0.2, (12, 7, 7))
MASKS = np.zeros((12, 24, 24), bool)
MASKS[::2, :9, 4:12] = True
GROUPS = {
    name: RANKED[: 900 // (place + 1)] for place, name in enumerate(["calibration", "test", *map(str, range(50))])
}

MANY = 25
SECONDS = np.geomspace(0.2, 300, MANY)
AUROCS = np.array([*np.linspace(0.57, 0.95, 15), *(1 - np.geomspace(0.04, 0.0003, 10))])
AUROCS[[3, 9, 20]] = AUROCS[[2, 4, 16]]
FAMILIES = [
    ("autoencoder", "features", "baseline", "shortcut", "ensemble", "a new family")[one * 6 // MANY]
    for one in range(MANY)
]
DETECTORS = [f"a detector with a name {one}" for one in range(60)]


def rows(values, names=DETECTORS, seconds=None, families=FAMILIES[:1] * 60, key="auroc", width=0.3):
    """Rows of a leaderboard, with intervals that narrow towards 1."""
    return [
        {
            "name": names[one],
            "family": families[one],
            "seconds": 1.0 if seconds is None else seconds[one],
            key: {
                "value": value,
                "low": max(value - width * (1 - value), -(key != "auroc")),
                "high": value + width * (1 - value),
            },
        }
        for one, value in enumerate(values)
    ]


def cost(values, seconds, **options):
    return plots.cost_benefit(rows(values, seconds=seconds, **options))


def latent(kl_by_value):
    return {"kl_by_value": kl_by_value, "kl": float(np.sum(kl_by_value)), "active": 1, "latent": len(kl_by_value)}


def rates(nats, errors):
    return {
        f"β = {one}": {"kl": kl, "reconstruction": error}
        for one, (kl, error) in enumerate(zip(nats, errors, strict=True))
    }


MEANS = [{"value": value, "low": value - 0.1, "high": value + 0.05} for value in (0.7, 0.8, 0.9)]
LATENT = {"VAE": RNG.permutation(np.geomspace(1e-3, 5, 64)), "β-VAE": [0.0] * 30 + [2.0, 1.0], "one": [0.3]}
SIXTY = rows(np.linspace(0.3, 0.99, 60), families=[*FAMILIES, *FAMILIES, *FAMILIES])
CHANGES = rows(np.linspace(-0.06, 0.07, 25), key="difference", width=0.02)

# Each figure is named by its function, a colon, and its case.
FIGURES = {
    "class_counts: twenty": lambda: plots.class_counts(NAMES, range(1, 21), NAMES[19]),
    "class_counts: small normal class": lambda: plots.class_counts(NAMES, range(1, 21), NAMES[0]),
    "class_counts: one": lambda: plots.class_counts(["only"], [0]),
    "image_grid: titles": lambda: plots.image_grid(COLOUR, [f"{name}\n{1 / 3:.4f}" for name in NAMES]),
    "image_grid: grey": lambda: plots.image_grid(GREY[:3]),
    "image_grid: two dimensions": lambda: plots.image_grid(GREY[..., 0], columns=5),
    "image_grid: none": lambda: plots.image_grid(COLOUR[:0], []),
    "reconstruction_pairs: eight": lambda: plots.reconstruction_pairs(COLOUR, RECONSTRUCTED[::-1]),
    "reconstruction_pairs: one": lambda: plots.reconstruction_pairs(GREY[:1], GREY[:1]),
    "reconstruction_pairs: none": lambda: plots.reconstruction_pairs(COLOUR[:0], RECONSTRUCTED[:0]),
    "extremes: eight": lambda: plots.extremes(COLOUR, RECONSTRUCTED, SCORES, SCORES > 0.03),
    "extremes: three": lambda: plots.extremes(GREY[:3], GREY[:3], [1e-9, 2.5, 1234.5], [False, True, True]),
    "extremes: one": lambda: plots.extremes(COLOUR[:1], RECONSTRUCTED[:1], SCORES[:1], [False]),
    "extremes: none": lambda: plots.extremes(COLOUR[:0], RECONSTRUCTED[:0], [], []),
    "difference_maps: five": lambda: plots.difference_maps(COLOUR, RECONSTRUCTED[::-1], SCORES),
    "difference_maps: two equal": lambda: plots.difference_maps(GREY[:2], GREY[:2], [0.0, 0.0]),
    "difference_maps: none": lambda: plots.difference_maps(COLOUR[:0], RECONSTRUCTED[:0], []),
    "decisions: four": lambda: plots.decisions(COLOUR[:3], [f"Kind\n{name}" for name in NAMES[:3]], MAPS[0]),
    "decisions: one without a map": lambda: plots.decisions(GREY[:1], ["False alarm\nonly"]),
    "heat_maps: eight": lambda: plots.heat_maps(IMAGES, MAPS, np.linspace(0.001, 12345, 8), DETECTORS[:8]),
    "heat_maps: one": lambda: plots.heat_maps(IMAGES[:1, ..., 0], MAPS[:1], [3.2]),
    "heat_maps: one distance": lambda: plots.heat_maps(IMAGES[:2, ..., :1], np.ones((2, 1, 1)), [1, 1], ["a", "b\nc"]),
    "heat_maps: none": lambda: plots.heat_maps(IMAGES[:0], MAPS[:0], []),
    "inspected: twelve with masks": lambda: plots.inspected(
        COLOUR[:12], HEAT[:12], [f"{name}\n{1 / 3:.3g}" for name in NAMES[:12]], 0.0, 1.0, MASKS[:12]
    ),
    "inspected: five": lambda: plots.inspected(GREY[:5], HEAT[:5], ["a\n1.5"] * 5, 0.2, 0.3),
    "inspected: two": lambda: plots.inspected(IMAGES[:2], HEAT[:2], ["a", ""], -1.0, 3.0, MASKS[:2]),
    "inspected: one": lambda: plots.inspected(GREY[:1, ..., 0], HEAT[:1, :1, :1], ["only"], 0, 1, np.ones((1, 9, 9))),
    "inspected: none": lambda: plots.inspected(COLOUR[:0], HEAT[:0], [], 0.0, 1.0),
    "loss_curve: one": lambda: plots.loss_curve({"autoencoder": LOSS}),
    "loss_curve: one epoch": lambda: plots.loss_curve({"autoencoder": LOSS[:1]}),
    "loss_curve: two": lambda: plots.loss_curve({"autoencoder": LOSS, "VAE": 2 * LOSS}),
    "loss_terms: one model": lambda: plots.loss_terms({"reconstruction": LOSS, "KL": 1e-7 * LOSS}),
    "loss_terms: two models": lambda: plots.loss_terms(
        {"VAE": {"reconstruction": LOSS, "KL": 0 * LOSS}, "β-VAE": {"reconstruction": LOSS, "KL": 9 * LOSS}}
    ),
    "score_distribution: fifty classes": lambda: plots.score_distribution(GROUPS, 0.05),
    "score_distribution: no anomalies": lambda: plots.score_distribution({"calibration": RANKED, "test": [0.1]}, 0.05),
    "score_distribution: one value": lambda: plots.score_distribution({"calibration": [0.0], "test": [], "a": []}, 2.0),
    "score_distribution: constant": lambda: plots.score_distribution({"calibration": [0.5] * 9, "test": [0.5]}, 0.5),
    "score_distribution: no threshold": lambda: plots.score_distribution(
        {"calibration": [-1, 2], "test": []}, math.inf
    ),
    "score_histogram: both": lambda: plots.score_histogram(RANKED[LABELS == 0], RANKED[LABELS == 1], 0.02),
    "score_histogram: no anomalies": lambda: plots.score_histogram(RANKED, [], 0.02),
    "score_histogram: constant": lambda: plots.score_histogram([0.5] * 9, [0.5], 0.5),
    "score_histogram: zero and below": lambda: plots.score_histogram([-1.0, 0.0, 3.0], [0.0, 9.0], -2.0),
    "score_histogram: threshold of zero": lambda: plots.score_histogram([0.001, 0.01], [0.1, 1.0], 0.0),
    "roc_curves: one": lambda: plots.roc_curves({"autoencoder": CURVE}, {"autoencoder": (0.2, 0.9, "threshold 0.02")}),
    "roc_curves: eight": lambda: plots.roc_curves({f"detector {number}": CURVE for number in range(8)}),
    "roc_curves: marks in the corners": lambda: plots.roc_curves(
        {"a": CURVE, "b": (*CURVE[:2], 0.9)}, {"a": [(0.0, 0.0, "0.05"), (1.0, 1.0, "0.01")], "b": (0.9, 0.8, "0.02")}
    ),
    "pr_curves: high": lambda: plots.pr_curves({"autoencoder": STEPS}, 0.75),
    "pr_curves: low": lambda: plots.pr_curves({"a": (*STEPS[:2], 0.9)}, 0.1, {"a": (0.5, 0.2, "here")}),
    "confusion: both": lambda: plots.confusion(COUNTS | {"accuracy": {"value": 0.9}}),
    "confusion: no anomalies": lambda: plots.confusion({"tp": 0, "fp": 0, "tn": 1_000_000, "fn": 0}),
    "threshold_sweep: many": lambda: plots.threshold_sweep(GRID, MISSES, ALARMS, 0.02),
    "threshold_sweep: long number": lambda: plots.threshold_sweep(GRID, MISSES, ALARMS, 0.0312959),
    "threshold_sweep: five": lambda: plots.threshold_sweep([0.01, 0.02, 0.03, 0.04, 0.05], MISSES[:5], ALARMS[:5]),
    "expected_cost: two ratios": lambda: plots.expected_cost(GRID, COSTS, 0.02),
    "expected_cost: zero": lambda: plots.expected_cost([0.1, 0.2, 0.3], {"1 : 1": [1.0, 0.0, 0.5]}),
    "operations: many": lambda: plots.operations(WORK, 0.0213456),
    "operations: five": lambda: plots.operations(FEW_WORK, per=10),
    "operations: one": lambda: plots.operations(metrics.operations([0.0], [0.0], 0.1, thresholds=[0.01]), 0.01),
    "by_class: all": lambda: plots.by_class(CLASSES, n=12),
    "by_class: three at either end": lambda: plots.by_class(CLASSES, n=3),
    "by_class: one": lambda: plots.by_class(CLASSES.head(1)),
    "by_class: none": lambda: plots.by_class(CLASSES.head(0)),
    "leaderboard: seven": lambda: plots.leaderboard(rows(np.linspace(0.3, 1, 7), families=FAMILIES[::4]), DETECTORS[1]),
    "leaderboard: sixty": lambda: plots.leaderboard(SIXTY, DETECTORS[10]),
    "leaderboard: long names": lambda: plots.leaderboard(
        rows([0.9, 0.8], names=["ensemble of " + "a refinement, " * 9, "x" * 90], families=["f" * 30, "g" * 30]),
        "x" * 90,
    ),
    "leaderboard: all at chance": lambda: plots.leaderboard({name: rows([0.5])[0] | {"name": name} for name in "ab"}),
    "differences: twenty-five": lambda: plots.differences([{"name": "baseline", "difference": None}, *CHANGES], 0.004),
    "differences: sixty": lambda: plots.differences(rows(np.linspace(-0.3, 0.1, 60), key="difference", width=0.01)),
    "differences: one": lambda: plots.differences(rows([0.0], key="difference", width=0.0), 0.0),
    "differences: none": lambda: plots.differences([]),
    "seed_spread: two": lambda: plots.seed_spread(
        {"autoencoder": [0.918, 0.9203, 0.9164, 0.9188], "β-VAE": {555: 0.87, 7: 0.89}}
    ),
    "seed_spread: one": lambda: plots.seed_spread({"autoencoder": [0.918]}),
    "seed_spread: all equal": lambda: plots.seed_spread({"autoencoder": [0.5, 0.5, 0.5]}, xlabel="AUPR"),
    "latent_use: three": lambda: plots.latent_use({name: latent(values) for name, values in LATENT.items()}, 0.01),
    "latent_use: hundreds": lambda: plots.latent_use(
        {n: latent(np.geomspace(1, 1e-3, 512)) for n in ("VAE", "β-VAE")}, 0.01
    ),
    "latent_use: nothing": lambda: plots.latent_use({"VAE": latent([0.0, 0.0])}, 0.01),
    "latent_use: none": lambda: plots.latent_use({}, 0.01),
    "cost_benefit: twenty-five": lambda: cost(AUROCS, SECONDS, families=FAMILIES),
    "cost_benefit: sixty": lambda: plots.cost_benefit(
        [row | {"seconds": 0.1 * one} for one, row in enumerate(reversed(SIXTY))]
    ),
    "cost_benefit: ten": lambda: cost(AUROCS[5:15], SECONDS[5:15], families=FAMILIES[5:15]),
    "cost_benefit: one": lambda: cost([0.5], [3.0]),
    "cost_benefit: all perfect": lambda: cost([1.0, 1.0], [3.0, 9000.0]),
    "cost_benefit: chance and perfect": lambda: cost([0.5, 1.0, 0.999], [0.0, 0.01, 60]),
    "cost_benefit: in one second": lambda: cost(np.linspace(0.97, 0.98, MANY), np.linspace(10, 11, MANY)),
    "cost_benefit: all the same": lambda: cost([0.9] * 12, [5.0] * 12),
    "cost_benefit: below chance": lambda: cost([0.0, 0.3], [1, 2]),
    "rate_distortion: four": lambda: plots.rate_distortion(rates([0, 3, 40, 250], [0.05, 0.04, 0.02, 0.01])),
    "rate_distortion: fourteen": lambda: plots.rate_distortion(rates([0, 0, *np.geomspace(0.1, 900, 12)], [0.05] * 14)),
    "rate_distortion: one": lambda: plots.rate_distortion(rates([0.0], [0.0])),
    "rate_distortion: none": lambda: plots.rate_distortion({}),
    "mean_ranks: four in two groups": lambda: plots.mean_ranks(DETECTORS[:4], [1.2, 2.1, 2.9, 3.8], [(0, 1), (1, 3)]),
    "mean_ranks: twenty": lambda: plots.mean_ranks(DETECTORS[:20], np.linspace(2, 19, 20), []),
    "mean_ranks: one": lambda: plots.mean_ranks(["only"], [1.0], []),
    "by_setting: three": lambda: plots.by_setting("Normal images", [1, 2, 64], {name: MEANS for name in DETECTORS[:3]}),
    "by_setting: one study": lambda: plots.by_setting("Share", [0.0, 0.1], {"a": [{"value": 0.5}, {"value": 1.0}]}),
    "by_study: sixty": lambda: plots.by_study(DETECTORS, NAMES[:4], RNG.uniform(0.3, 1, (60, 4))),
    "by_study: one": lambda: plots.by_study(["only"], ["a"], np.array([[1.0]])),
    "by_study: without some": lambda: plots.by_study(["a", "b"], ["c", "d"], np.array([[0.9, np.nan], [0.5, 1.0]])),
}


@functools.cache
def figure_of(name):
    return FIGURES[name]()


@pytest.fixture(params=FIGURES, scope="module")
def figure(request):
    return figure_of(request.param)


def text(figure):
    return " ".join(words(figure))


def pictures(figure):
    return [axes for axes in figure.axes if axes.images]


def points(axes):
    """Every marked point in the order drawn."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", None, "")]
    return [point for line in lines for point in zip(*line.get_data(), strict=True)]


def whiskers(axes):
    """The ends of the horizontal lines of rows."""
    return [
        tuple(line.get_xdata())
        for line in axes.lines
        if line.get_marker() == "None" and len(line.get_ydata()) == 2 and len(set(line.get_ydata())) == 1
    ]


def line_of(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


# ---------------------------------------------------------------- every figure


def test_every_function_is_drawn_here():
    functions = {name for name in plots.__all__ if callable(getattr(plots, name))} - {"style"}
    assert {name.partition(":")[0] for name in FIGURES} == functions


def test_fits_a_page_and_is_saved_as_vectors(figure):
    assert 0 < figure.get_figwidth() <= plots.WIDTH + 1e-6 and figure.get_figheight() < 9
    assert svg(figure).rstrip().endswith(b"</svg>")


def test_texts_are_readable_on_paper_and_neither_clipped_nor_overlapping(figure):
    if figure.axes:  # one without a layout is saved as it is drawn here
        assert isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine)
    check_words(figure)


def test_alternative_text_is_one_bounded_line_without_missing_numbers(figure):
    alt = figure.get_label()
    assert alt == " ".join(alt.split()) and alt.endswith(".") and ".." not in alt
    assert 20 < len(alt) < 1500
    assert not {"nan", "inf", "None"} & set(alt.replace(",", " ").replace(";", " ").split())


@pytest.mark.parametrize("name", ["roc_curves: one", "score_histogram: both", "extremes: eight", "cost_benefit: sixty"])
def test_the_same_arrays_give_the_same_bytes_and_words(name):
    first, second = FIGURES[name](), FIGURES[name]()
    assert svg(first) == svg(second) and first.get_label() == second.get_label()


def test_the_callers_settings_are_left_alone():
    before = matplotlib.rcParams.copy()
    FIGURES["roc_curves: one"]()
    assert matplotlib.rcParams == before


def test_no_pyplot_and_no_tensorflow():
    code = "import sys, lib.presentation.plots, lib.presentation.tables; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"matplotlib.pyplot", "tensorflow", "keras"}.isdisjoint(loaded)


@pytest.mark.parametrize("name", [name for name in FIGURES if name.endswith(": none")])
def test_without_anything_to_draw_one_sentence_says_so(name):
    figure = figure_of(name)
    assert words(figure) == [figure.get_label()] and figure.get_label()[:3] in ("No ", "The")


@pytest.mark.parametrize(("name", "gaps"), [("loss_terms: one model", False), ("loss_terms: two models", True)])
def test_a_term_of_the_loss_of_zero_leaves_a_gap_that_the_axis_explains(name, gaps):
    figure = figure_of(name)
    lines = [line.get_ydata() for axes in figure.axes for line in axes.lines]
    assert any(np.isnan(line).any() for line in lines) == gaps
    assert any("a gap is 0" in text for text in words(figure)) == gaps


# ---------------------------------------------------------------- alternative texts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "class_counts: twenty",
            ["Bar chart", "10 of 20 classes", "name_19: 20;", "2 more", f"Normal class {NAMES[19]}: 20."],
        ),
        ("class_counts: small normal class", ["11 of 20 classes", f"Normal class {NAMES[0]}: 1."]),
        ("confusion: both", ["800 normal images", "607 true", "193 false positives", "522 false", "7,822 true"]),
        ("confusion: no anomalies", ["of 0 anomalies, 0 false negatives"]),
        ("loss_curve: one", ["loss (mean squared error)", "autoencoder: 0.058 to 0.00843 in 20 epochs"]),
        ("loss_curve: one epoch", ["autoencoder: 0.058 in 1 epoch."]),
        ("loss_terms: two models", ["VAE, reconstruction: 0.058 to 0.00843", "β-VAE,", "KL: 0.522 to 0.0759"]),
        (
            "score_histogram: zero and below",
            ["3 normal images, median 0", "100.0 % above", "2 anomalies", "Threshold -2."],
        ),
        (
            "roc_curves: one",
            [f"AUROC of autoencoder: {CURVE[2]['value']:.3f} [", "rate 0.200, true positive rate 0.900"],
        ),
        ("pr_curves: low", ["AUPR of a: 0.900; chance: 0.100", "here: recall 0.500, precision 0.200"]),
        ("expected_cost: zero", ["1 : 1, cheapest at 0.2 with 0."]),
        ("operations: five", ["Of 10 images, at 0.01, 1.9 are reviewed, of which 0.9 are false alarms", "at 5, "]),
        ("by_class: one", ["1 class of anomalies", f"{CLASSES['class'][0]}: "]),
        (
            "leaderboard: seven",
            ["7 detectors", "with a name 6: 1.000 [1.000, 1.000]", "at place 6, a detector with a name 1"],
        ),
        ("leaderboard: sixty", ["60 detectors", "and 52 more", "place 50", "34 detectors left out"]),
        ("differences: twenty-five", ["25 detectors minus that of baseline", "name 0: −0.060 [−0.081, ", "±0.004"]),
        ("differences: sixty", ["minus that of the baseline", "35 detectors with lower values left out"]),
        ("seed_spread: two", ["autoencoder: mean 0.9184 ± 0.0016 (4 seeds), 0.9164 to 0.9203", "(2 seeds)"]),
        ("latent_use: nothing", ["VAE: 0 nats in all, 1 of 2 values active"]),
        ("cost_benefit: sixty", ["60 detectors", "name 59: 0.9900 in 0 s", "35 detectors left out"]),
        ("rate_distortion: four", ["β = 0: 0 nats, error 0.05; β = 1: 3 nats, error 0.04"]),
        ("image_grid: titles", ["Grid of 20 images of 24 × 24 pixels", f"{NAMES[0]}: 0.3333", "12 more"]),
        ("reconstruction_pairs: one", ["1 image above its reconstruction; mean squared error 0."]),
        ("extremes: three", ["3 images", "Lowest scores", "1e-09 (normal)", "Highest scores", "1.23e+03 (anomaly)"]),
        ("difference_maps: two equal", ["2 images", "of at most 0.00", "score 0; 0."]),
        ("heat_maps: one distance", ["normal patches, 1.0000 to 1.0000", "a: 1.0000; b c: 1.0000"]),
    ],
)
def test_alternative_text_has_the_main_numbers(name, parts):
    alt = figure_of(name).get_label()
    assert [part for part in parts if part not in alt] == [], alt


def test_alternative_text_reads_curves_at_the_threshold():
    alt = figure_of("threshold_sweep: many").get_label()
    nearest = np.abs(GRID - 0.02).argmin()
    assert f"At {GRID[nearest]:.4g}, {100 * MISSES[nearest]:.1f} % of the anomalies" in alt
    assert f"{100 * ALARMS[nearest]:.1f} % of the normal images" in alt and "Threshold in use: 0.02." in alt
    assert "At 0.01, " in (ends := figure_of("threshold_sweep: five").get_label()) and "At 0.05, " in ends


# ---------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("image_grid: titles", 20),
        ("image_grid: grey", 3),
        ("reconstruction_pairs: eight", 16),
        ("reconstruction_pairs: one", 2),
        ("extremes: eight", 16),
        ("extremes: three", 6),
        ("extremes: one", 2),
        ("difference_maps: five", 15),
        ("difference_maps: two equal", 6),
        ("heat_maps: eight", 16),
    ],
)
def test_number_of_pictures(name, count):
    assert len(pictures(figure_of(name))) == count


def test_extremes_are_the_lowest_and_the_highest_scores_in_order():
    figure = figure_of("extremes: eight")
    ranked = sorted(SCORES)
    texts = words(figure)
    assert [text for text in texts if text[0] == "0"] == [f"{score:.4f}" for score in ranked[:4] + ranked[-4:]]
    assert texts.count("anomaly") + texts.count("normal") == 8
    top = pictures(figure)[: 2 * 8]
    np.testing.assert_allclose(top[0].images[0].get_array(), COLOUR[np.argmin(SCORES)] / 255, atol=1e-6)


def test_grey_images_are_drawn_grey():
    image = pictures(figure_of("image_grid: grey"))[0].images[0]
    assert image.get_array().shape == (32, 32) and image.get_cmap().name == "gray" and image.get_clim() == (0, 1)


def test_difference_maps_have_one_scale():
    figure = figure_of("difference_maps: five")
    maps = [axes.images[0] for axes in figure.axes if axes.images and axes.images[0].get_cmap().name == "inferno"]
    expected = np.abs(COLOUR / 255 - RECONSTRUCTED[::-1]).mean(-1)[:5]
    np.testing.assert_allclose([image.get_array() for image in maps], expected, atol=1e-6)
    limits = {image.get_clim() for image in maps}
    assert len(limits) == 1 and limits.pop() == pytest.approx((0, expected.max()))


def test_heat_maps_cover_their_images_on_one_scale():
    figure = figure_of("heat_maps: eight")
    above, below = np.array(pictures(figure)).reshape(2, 8)
    for one in range(8):
        np.testing.assert_allclose(above[one].images[0].get_array(), IMAGES[one] / 255, atol=1e-6)
        grey, over = below[one].images
        assert grey.get_array().shape == (24, 32) and over.get_interpolation() == "bilinear"
        np.testing.assert_array_equal(over.get_array(), MAPS[one])
        assert tuple(over.get_extent()) == tuple(grey.get_extent()) and over.get_clim() == (MAPS.min(), MAPS.max())
    assert {"distance from normal patches", "Score", "0.0010"} <= set(words(figure))


def test_long_titles_are_broken_and_shortened():
    figure = plots.image_grid(COLOUR[:1], ["background_google"], columns=8)
    assert text(figure).replace("\n", "") == "background_google"
    assert re.fullmatch("ax+…x+b", text(plots.image_grid(COLOUR[:1], ["a" + "x" * 200 + "b"])))


# ---------------------------------------------------------------- counts, scores and curves


def test_class_counts_are_the_ten_largest_and_the_normal_class():
    figure = plots.class_counts(NAMES, range(1, 21), NAMES[15])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == list(range(20, 10, -1))
    normal = [bar for bar in axes.patches if same_color(bar.get_facecolor(), plots.NORMAL)]
    assert [bar.get_width() for bar in normal] == [16]
    assert "16  normal class" in text(figure)
    assert len(figure_of("class_counts: small normal class").axes[0].patches) == 11


def test_confusion_has_counts_and_shares_of_rows():
    texts = text(figure_of("confusion: both"))
    for number in ("7,822", "193", "607", "522", "93.7 %", "24.1 %", "75.9 %", "6.3 %"):
        assert number in texts
    assert text(figure_of("confusion: no anomalies")).count("no images") == 2


def test_histogram_shares_sum_to_one_for_either_class():
    axes = figure_of("score_histogram: both").axes[0]
    shares = [patch.get_data().values.sum() for patch in axes.patches]
    assert shares == pytest.approx([1] * 4)  # a fill and an outline each
    assert axes.get_xscale() == "log" and figure_of("score_histogram: constant").axes[0].get_xscale() == "linear"


def test_histogram_legend_has_the_shares_above_the_threshold():
    texts = text(plots.score_histogram([1, 2, 3, 4], [3, 4, 5], 3))
    assert "n = 4, 25.0 % above" in texts and "n = 3, 66.7 % above" in texts


def test_curves_differ_without_colour():
    axes = figure_of("roc_curves: eight").axes[0]
    dashes = [str(line._dash_pattern) for line in axes.lines]
    assert len(set(dashes)) == len(dashes) == 9  # with the diagonal of chance


def test_areas_are_in_the_legend():
    assert f"AUROC {CURVE[2]['value']:.3f} [{CURVE[2]['low']:.3f}" in text(figure_of("roc_curves: one"))
    assert "AUPR 0.750" in text(figure_of("pr_curves: high"))


def test_precision_axis_says_where_it_starts():
    assert "axis starts at 0.70" in text(figure_of("pr_curves: high"))
    assert "axis starts" not in text(figure_of("pr_curves: low"))


def test_workload_is_per_so_many_images():
    figure = figure_of("operations: many")
    above, below = figure.axes
    assert above.lines[0].get_ydata() == pytest.approx(WORK["reviewed"].to_numpy())
    assert above.lines[1].get_ydata() == pytest.approx(WORK["false_alarms"].to_numpy())
    assert below.lines[0].get_ydata() == pytest.approx(WORK["missed"].to_numpy())
    assert text(figure).count("Per 1,000 images") == 2 and "Threshold in use, 0.0213456" in text(figure)
    assert below.get_xscale() == "linear" and "log" not in text(figure)
    few = figure_of("operations: five")
    assert few.axes[1].get_xscale() == "log" and "(log scale)" in text(few) and "Per 10 images" in text(few)


def test_latent_values_are_sorted_and_zero_is_at_the_lowest_level():
    figure = figure_of("latent_use: three")
    axes = figure.axes[0]
    texts = text(figure)
    assert axes.get_yscale() == "log" and "0.01 nats: below" in texts and "all below 0.0001 at 0.0001" in texts
    first, second, third, floor = axes.lines
    np.testing.assert_allclose(first.get_ydata(), sorted(LATENT["VAE"], reverse=True))
    np.testing.assert_allclose(second.get_ydata(), [2.0, 1.0] + [1e-4] * 30)
    assert set(floor.get_ydata()) == {0.01} and list(third.get_xdata()) == [1]
    assert len({str(line._dash_pattern) for line in (first, second, third)}) == 3
    assert "β-VAE (2 of 32 above)" in texts
    low, high = axes.get_ylim()
    assert low < 1e-4 and high > 5
    assert "all below" not in text(plots.latent_use({"VAE": latent([1.0, 0.1])}, 0.01))


# ---------------------------------------------------------------- rows


def test_classes_are_those_at_either_end_with_the_number_between():
    figure = figure_of("by_class: three at either end")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [*CLASSES["class"].head(3), "", *CLASSES["class"].tail(3)]
    assert "17 classes between" in text(figure) and f"n = {CLASSES['n'][0]}" in text(figure)
    assert "between" not in text(figure_of("by_class: all"))


def test_every_class_is_at_its_recall_within_its_interval():
    (axes,) = figure_of("by_class: all").axes
    assert [x for x, _ in points(axes)] == CLASSES["recall"].tolist()
    assert whiskers(axes) == list(zip(CLASSES["recall_low"], CLASSES["recall_high"], strict=True))
    recall = metrics.at_threshold(LABELS, RANKED, 0.02)["recall"]["value"]
    assert f"All anomalies, {100 * recall:.1f}" in text(plots.by_class(CLASSES))


def test_leaderboard_is_sorted_and_highlights_one_detector():
    board = rows([0.3, 0.9, 0.6], names=["a", "b", "c"])
    figure = plots.leaderboard(board, "c")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "c", "a"]
    assert points(axes)[-3:] == [(0.9, 0), (0.6, 1), (0.3, 2)] and axes.get_ylim()[0] > axes.get_ylim()[1]
    assert whiskers(axes) == [(row["auroc"]["low"], row["auroc"]["high"]) for row in (board[1], board[2], board[0])]
    assert {"chance", "AUROC of c", "0.600 [0.480, 0.720]"} <= set(words(figure))
    assert [label.get_fontweight() for label in axes.get_yticklabels()] == ["normal", "bold", "normal"]
    assert set(line_of(axes, "AUROC of c").get_xdata()) == {0.6}


def test_leaderboard_by_name_is_that_of_rows():
    board = rows([0.3, 0.9])
    by_name = {row["name"]: {key: value for key, value in row.items() if key != "name"} for row in board}
    assert svg(plots.leaderboard(by_name)) == svg(plots.leaderboard(board))


def test_leaderboard_of_many_has_the_best_and_the_highlighted_one():
    figure = figure_of("leaderboard: sixty")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == [*DETECTORS[59:34:-1], "", DETECTORS[10], ""]
    assert "24 detectors left out" in text(figure) and "10 detectors left out" in text(figure)
    last = [*DETECTORS[59:34:-1], ""]
    assert [label.get_text() for label in plots.leaderboard(SIXTY).axes[0].get_yticklabels()] == last
    assert [label.get_text() for label in plots.leaderboard(SIXTY, DETECTORS[59]).axes[0].get_yticklabels()] == last


@pytest.mark.parametrize("name", ["leaderboard: sixty", "cost_benefit: twenty-five"])
def test_families_differ_without_colour_and_unknown_ones_are_grey(name):
    figure = figure_of(name)
    families = ["autoencoder", "features", "baseline", "shortcut", "ensemble", "a new family"]
    lines = [line_of(figure.axes[0], family) for family in families]
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 6
    assert set(families) <= set(words(figure))
    red, green, blue = matplotlib.colors.to_rgb(lines[-1].get_color())
    assert red == green == blue


def test_every_difference_is_in_its_row():
    board = rows([0.012, -0.02, 0.0001], names=["a", "b", "c"], key="difference", width=0.01)
    board[0]["difference"] |= {"low": 0.003, "high": 0.021}
    figure = plots.differences([board[0], {"name": "mean image", "difference": None}, *board[1:]], 0.005)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert points(axes) == [(0.012, 0), (-0.02, 1), (0.0001, 2)]
    assert whiskers(axes) == [(row["difference"]["low"], row["difference"]["high"]) for row in board]
    assert {"+0.012 [+0.003, +0.021]", "−0.020 [−0.030, −0.010]", "0.000 [−0.010, +0.010]"} <= set(words(figure))
    assert "spread of seeds" in words(figure) and "AUROC minus that of mean image (positive = better)" in words(figure)
    band = axes.patches[0].get_extents().transformed(axes.transData.inverted())
    assert (band.x0, band.x1) == pytest.approx((-0.005, 0.005))


def test_a_difference_whose_interval_includes_zero_is_hollow():
    figure = plots.differences(CHANGES)
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    hollow = [line.get_markerfacecolor() == "white" for line in dots]
    assert hollow == [row["difference"]["low"] <= 0 <= row["difference"]["high"] for row in CHANGES]
    assert 0 < sum(hollow) < 25
    assert "spread of seeds" not in words(figure) and not figure.axes[0].patches


def test_of_many_differences_the_highest_are_drawn():
    figure = figure_of("differences: sixty")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [*DETECTORS[35:60], ""]


def test_the_spread_over_seeds_is_written():
    texts = text(figure_of("seed_spread: two"))
    values = np.array([0.918, 0.9203, 0.9164, 0.9188])
    assert f"{values.mean():.4f} ± {values.std(ddof=1):.4f} (4 seeds)" in texts and "(2 seeds)" in texts
    assert "0.9180 (1 seed)" in text(figure_of("seed_spread: one"))
    dots = figure_of("seed_spread: all equal").axes[0].lines[1]
    assert len(set(dots.get_ydata())) == 3  # equal values are at different heights


# ---------------------------------------------------------------- cost, rate and the names of dots


def test_every_detector_is_at_its_time_and_auroc():
    axes = figure_of("cost_benefit: twenty-five").axes[0]
    assert sorted(points(axes)) == sorted(zip(SECONDS, AUROCS, strict=True))
    half = 0.3 * (1 - AUROCS)
    intervals = {tuple(line.get_ydata()) for line in axes.lines if len(line.get_xdata()) == 2}
    for ends in zip(AUROCS - half, AUROCS + half, strict=True):
        assert any(interval == pytest.approx(ends) for interval in intervals)


def test_high_aurocs_are_far_from_each_other():
    figure = figure_of("cost_benefit: twenty-five")
    axes = figure.axes[0]
    height = axes.get_window_extent().height
    low, high = axes.transData.transform([(1, 0.98), (1, 0.999)])[:, 1]
    assert high - low > 0.2 * height
    assert {"0.5", "0.9", "0.99", "0.999", "1 s", "10 s", "1 min"} <= set(words(figure))
    ticks = {label.get_text(): where for label, where in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    assert all(float(label) == pytest.approx(where) for label, where in ticks.items())


def test_an_auroc_of_one_is_on_the_edge():
    for name, count in (("cost_benefit: all perfect", 2), ("cost_benefit: chance and perfect", 1)):
        figure = figure_of(name)
        axes = figure.axes[0]
        edge = max(axes.get_ylim())
        assert [y for _, y in points(axes)].count(edge) == count and "1" in words(figure)
        assert all(np.isfinite(axes.transData.transform(points(axes))).ravel())
    chance = words(figure_of("cost_benefit: one"))
    assert "1" not in chance and "0.5" in chance


def test_times_below_a_hundredth_of_a_second_are_drawn_there():
    axes = figure_of("cost_benefit: chance and perfect").axes[0]
    assert sorted(x for x, _ in points(axes)) == [0.01, 0.01, 60]


def test_the_step_line_joins_detectors_that_are_best_for_the_time():
    axes = cost([0.6, 0.9, 0.7, 0.9, 0.8, 0.95, 0.94], [1, 2, 2, 3, 4, 5, 6]).axes[0]
    line = line_of(axes, "best for the time")
    corners = list(zip(*line.get_data(orig=True), strict=True))
    assert corners == [(1, 0.6), (2, 0.9), (5, 0.95), (axes.get_xlim()[1], 0.95)]
    assert line.get_drawstyle() == "steps-post"


def test_the_step_line_of_many_is_that_of_the_definition():
    rng = np.random.default_rng(1)
    seconds, values = rng.uniform(1, 99, 20), rng.uniform(0.5, 0.99, 20).round(2)
    line = line_of(cost(values, seconds).axes[0], "best for the time")
    expected = {
        (time, value)
        for time, value in zip(seconds, values, strict=True)
        if all(value > other or time == when for when, other in zip(seconds, values, strict=True) if when <= time)
    }
    assert set(list(zip(*line.get_data(orig=True), strict=True))[:-1]) == expected


def test_of_many_detectors_the_best_for_the_time_and_the_best_are_drawn():
    fast_but_poor = rows([0.2], names=["fast"], seconds=[0.01])
    axes = plots.cost_benefit([*SIXTY, *fast_but_poor]).axes[0]
    assert sorted(y for _, y in points(axes)) == pytest.approx([0.2, *(row["auroc"]["value"] for row in SIXTY[-24:])])


def test_few_dots_have_names_and_many_have_numbers():
    axes = figure_of("cost_benefit: ten").axes[0]
    assert [label.get_text() for label in axes.texts] == DETECTORS[:10]
    figure = figure_of("cost_benefit: twenty-five")
    labels = figure.axes[0].texts
    assert [label.get_text() for label in labels] == [str(number) for number in range(1, 26)]
    assert [tuple(label.xy) for label in labels] == list(zip(SECONDS, AUROCS, strict=True))
    below = [label.get_text() for label in figure.texts]
    assert below == [part for number, name in enumerate(DETECTORS[:25], 1) for part in (str(number), name)]


@pytest.mark.parametrize("name", ["cost_benefit: twenty-five", "cost_benefit: ten", "rate_distortion: four"])
def test_labels_cover_no_dot_and_are_near_their_own(name):
    figure = figure_of(name)
    axes = figure.axes[0]
    boxes = {label: box for label, box in drawn(figure).items() if label in axes.texts}
    dots = axes.transData.transform(points(axes))
    assert len(boxes) == len(axes.texts) > 0
    for label, box in boxes.items():
        x, y = axes.transData.transform(label.xy)
        away = math.hypot(max(box.x0 - x, x - box.x1, 0), max(box.y0 - y, y - box.y1, 0))
        assert away < 40 / 72 * figure.dpi and (away < 16 / 72 * figure.dpi or label.arrow_patch), label
        assert not any(box.contains(*dot) for dot in dots)


def test_rates_are_joined_in_order():
    axes = plots.rate_distortion(rates([40, 0, 3], [0.01, 0.05, 0.03])).axes[0]
    assert [tuple(xy) for xy in axes.lines[0].get_xydata()] == [(0, 0.05), (3, 0.03), (40, 0.01)]
    places = {label.get_text(): tuple(label.xy) for label in axes.texts}
    assert places == {"β = 0": (40, 0.01), "β = 1": (0, 0.05), "β = 2": (3, 0.03)}
    where = axes.transData.transform([(0, 0.01), (3, 0.01), (40, 0.01)])[:, 0]
    assert (np.diff(where) > 0.15 * axes.get_window_extent().width).all()


# ---------------------------------------------------------------- what cannot be drawn


@pytest.mark.parametrize(
    "call",
    [
        lambda: plots.class_counts([], []),
        lambda: plots.class_counts(["a"], [1], highlight="b"),
        lambda: plots.image_grid(COLOUR, ["one"]),
        lambda: plots.image_grid(COLOUR[0][0]),
        lambda: plots.image_grid(np.zeros((2, 8, 8, 4))),
        lambda: plots.reconstruction_pairs(COLOUR, RECONSTRUCTED[:3]),
        lambda: plots.extremes(COLOUR, RECONSTRUCTED, SCORES, [True]),
        lambda: plots.difference_maps(COLOUR, RECONSTRUCTED, SCORES[:2]),
        lambda: plots.heat_maps(IMAGES, MAPS[:7], range(8)),
        lambda: plots.heat_maps(IMAGES, MAPS, range(7)),
        lambda: plots.heat_maps(IMAGES, MAPS, range(8), ["a"]),
        lambda: plots.heat_maps(IMAGES[:2], MAPS[0, :2], [1, 2]),
        lambda: plots.heat_maps(np.repeat(IMAGES, 2, axis=0), np.repeat(MAPS, 2, axis=0), range(16)),
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
        lambda: plots.operations(WORK.head(0)),
        lambda: plots.by_class(CLASSES, n=0),
        lambda: plots.leaderboard(rows([0.5]), "b"),
        lambda: plots.leaderboard([]),
        lambda: plots.leaderboard([{"name": "a", "auroc": {"value": 0.5}}]),
        lambda: plots.differences(CHANGES, noise=-0.1),
        lambda: plots.differences(rows([math.nan], key="difference")),
        lambda: plots.seed_spread({}),
        lambda: plots.seed_spread({"a": []}),
        lambda: plots.cost_benefit([]),
        lambda: cost([0.5], [-1.0]),
        lambda: cost([0.5], [math.inf]),
        lambda: cost([math.nan], [1.0]),
        lambda: cost([1.5], [1.0]),
        lambda: plots.latent_use({"a": latent([])}, 0.01),
        lambda: plots.latent_use({"a": latent([-1.0])}, 0.01),
        lambda: plots.latent_use({"a": latent([1.0])}, 0.0),
        lambda: plots.rate_distortion(rates([math.nan], [0.1])),
        lambda: plots.rate_distortion(rates([-1.0], [0.1])),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(call):
    with pytest.raises(ValueError) as caught:
        call()
    assert "\n" not in str(caught.value)
