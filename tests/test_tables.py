"""Tables: their cells, and their Markdown."""

import numpy as np
import pandas
import pytest

from lib.evaluation import metrics
from lib.presentation import tables
from lib.presentation.tables.cells import LABELS as METRIC_NAMES

LABELS = np.repeat([1, 0, 0, 1], [7822, 193, 607, 522])
SCORES = np.repeat([1.0, 1.0, 0.0, 0.0], [7822, 193, 607, 522])
PUBLISHED = {"accuracy": 0.9218, "precision": 0.9759, "recall": 0.9374, "f1": 0.9563, "tp": 7822, "fp": 193}


@pytest.fixture(scope="module")
def result():
    return metrics.at_threshold(LABELS, SCORES, 0.5)


def rows(markdown):
    """Cells of a pipe table: header, alignment row, body."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines()]


def test_metrics_stand_beside_published_values(result):
    frame = tables.against_chance(result, PUBLISHED).set_index("Metric")
    assert frame.loc["Accuracy", "Published"] == PUBLISHED["accuracy"]
    assert frame.loc["False positives", "Difference"] == result["fp"] - PUBLISHED["fp"]
    assert pandas.isna(frame.loc["MCC", "Published"]) and pandas.isna(frame.loc["MCC", "Difference"])
    assert {"Published", "Difference"}.isdisjoint(tables.against_chance(result))


def test_a_difference_is_that_of_the_rounded_numbers():
    frame = tables.against_chance(
        {"accuracy": {"value": 0.92184, "trivial": 0.9}, "tp": 7863}, {"accuracy": 0.9206, "tp": 7822}
    )
    assert frame["Difference"].tolist() == [0.0012, 41]
    assert [row[4] for row in rows(tables.to_markdown(frame))[2:]] == ["+0.0012", "+41"]


def test_a_threshold_sweep_has_metrics_as_rows_and_thresholds_as_columns(result):
    frame = tables.threshold_sweep([result, result], [0.01, 0.02])
    assert list(frame) == ["Metric", "0.01", "0.02"]
    assert frame["Metric"].tolist()[-4:] == ["True positives", "False positives", "True negatives", "False negatives"]
    beside = tables.threshold_sweep([result, result], [0.01, 0.02], [None, PUBLISHED])
    assert beside.loc[0, "0.01"] == result["accuracy"]["value"]
    assert beside.loc[0, "0.02"] == "0.9218 (0.9218)" and beside.loc[4, "0.02"] == "7,822 (7,822)"


def test_detectors_are_rows(result):
    results = {"autoencoder": result | {"auroc": metrics.auroc(LABELS, SCORES)}, "vae": {"auroc": {"value": 0.85}}}
    frame = tables.detectors(results, published={"vae": {"accuracy": 0.9128}})
    assert frame["Detector"].tolist() == ["autoencoder", "vae", "vae, published"]
    assert frame["AUROC"].tolist()[1:] == ["0.850", None]
    assert frame["AUROC"][0].startswith("0.848 [0.832, ")
    assert frame["Accuracy"].tolist()[1:] == [None, 0.9128]
    assert "AUPR" not in frame


def test_the_last_row_of_layers_is_the_total():
    frame = tables.layers(
        [
            {"part": "encoder", "layer": "Conv2D", "output": (48, 48, 32), "parameters": 896},
            {"part": "decoder", "layer": "Dense", "output": "18432", "parameters": 4_718_848},
        ]
    )
    assert frame["Output shape"].tolist() == ["48 × 48 × 32", "18432", ""]
    assert frame["Parameters"].tolist()[-1] == 896 + 4_718_848
    assert "Part" not in tables.layers([{"layer": "Dense", "output": (2,), "parameters": 3}])


def test_provenance_is_flat_and_not_rounded():
    frame = tables.provenance(
        {"beta": 1e-4, "versions": {"numpy": "2.4.6"}, "thresholds": [0.01, 0.02], "note": None, "ok": True, "of": {}}
    )
    assert dict(zip(frame["Item"], frame["Value"], strict=True)) == {
        "beta": "0.0001",
        "versions / numpy": "2.4.6",
        "thresholds": "0.01, 0.02",
        "note": "–",
        "ok": "yes",
    }


def test_class_counts_are_ranked_and_include_the_normal_class():
    frame = tables.class_counts(["b", "a", "c", "d"], [5, 5, 80, 10], normal="b", top=2)
    assert frame["Class"].tolist() == ["c", "d", "b"] and frame.index.tolist() == [1, 2, 4]
    assert frame["Share"].tolist() == [0.8, 0.1, 0.05]
    assert frame["Role"].tolist() == ["anomaly", "anomaly", "normal"]
    assert tables.class_counts(["b", "a"], [5, 5])["Class"].tolist() == ["a", "b"]


def test_the_reading_of_a_shift_follows_its_interval():
    pairs = (([9] * 40, [1] * 40), ([1] * 40, [9] * 40), ([1, 2, 3], [1, 2, 3]))
    results = [metrics.shift(a, b) for a, b in pairs]
    frame = tables.shifts(["one", "two", "three"], results)
    assert frame["Reading"].tolist() == ["higher", "lower", "no clear difference"]
    assert tables.to_markdown(tables.shifts([], [])).startswith("| Attribute")


@pytest.fixture(scope="module")
def detector():
    """Labels, scores and the whole record of a detector at a threshold; one in ten is an anomaly."""
    rng = np.random.default_rng(6)
    labels = np.repeat([1, 0], [40, 360])
    scores = rng.normal(1.5 * labels, 1.0)
    return labels, scores, metrics.ranking_metrics(labels, scores) | metrics.at_threshold(labels, scores, 1.0)


def test_against_chance_lists_every_metric_with_its_trivial_values(detector):
    labels, _, record = detector
    frame = tables.against_chance(record | {"threshold": {"value": 1.0}, "thresholds": {}}).set_index("Metric")
    assert frame.index.tolist() == [
        *("AUROC", "AUPR", "AUPR, normal as positive", "FPR at 95 % TPR"),
        *("Accuracy", "Balanced accuracy", "Precision", "Recall", "False positive rate", "F1", "MCC"),
        *("True positives", "False positives", "True negatives", "False negatives"),
    ]
    rates = frame.iloc[:11]
    assert rates["Value"].notna().all() and rates["95 % interval"].notna().all() and rates["Chance"].notna().all()
    assert frame["Chance"].iloc[:4].tolist() == pytest.approx([0.5, 0.1, 0.9, 0.95])
    flagged = (record["tp"] + record["fp"]) / len(labels)
    assert frame.loc[["Recall", "False positive rate"], "Chance"].tolist() == pytest.approx([flagged, flagged])
    assert frame.loc["Precision", "Chance"] == frame.loc["Precision", "Flag everything"] == pytest.approx(0.1)
    assert frame.loc["False positives", "Flag everything"] == 360
    words = frame["Verdict"].dropna()
    assert set(words.index) == set(rates.index) - {"Recall", "False positive rate"}
    assert words["AUROC"] == "better"
    assert words["Accuracy"].endswith("than flagging nothing (0.9000)")
    for key, name in METRIC_NAMES.items():
        if name in words:
            assert words[name].startswith(metrics.better_than_trivial(record[key]))


@pytest.mark.parametrize(
    "scores", [np.ones(400), np.random.default_rng(0).normal(size=400)], ids=["constant", "random"]
)
@pytest.mark.parametrize("anomalies", [360, 40])
def test_constant_and_random_scores_are_never_better_than_chance(scores, anomalies):
    labels = np.repeat([1, 0], [anomalies, 400 - anomalies])
    for threshold in (-9.0, 0.5, 9.0):
        record = metrics.ranking_metrics(labels, scores) | metrics.at_threshold(labels, scores, threshold)
        words = tables.against_chance(record)["Verdict"].dropna()
        assert len(words) == 9 and not words.str.startswith("better").any()


def test_against_chance_has_no_value_for_what_a_single_class_lacks():
    frame = tables.against_chance(metrics.at_threshold([0, 0, 0], [1, 2, 3], 2.5)).set_index("Metric")
    assert frame.loc["False positive rate", "Value"] == pytest.approx(1 / 3)
    assert frame.loc["Recall", "Value"] is None and frame.loc["MCC", "Verdict"] is None
    assert tables.to_markdown(frame.reset_index())


def test_the_leaderboard_reads_differences_by_their_intervals(detector):
    labels, scores, record = detector
    rng = np.random.default_rng(1)
    others = {
        "clever_one": scores + labels,
        "mean image": scores + rng.normal(0, 0.1, 400),
        "size": rng.normal(size=400),
    }
    board = [record | {"name": "autoencoder", "family": "autoencoder", "seconds": 400}] + [
        metrics.ranking_metrics(labels, values)
        | {"name": name, "family": "shortcut" if name == "size" else "baseline", "seconds": 0.4, "validation": 0.9123}
        | {"difference": metrics.auroc_difference(labels, values, scores)}
        for name, values in others.items()
    ]
    frame = tables.leaderboard(board)
    assert frame["Detector"].tolist() == ["autoencoder", "clever\\_one", "mean image", "size"]
    assert frame["Reading"].tolist() == [None, "higher", "no clear difference", "lower"]
    noise = abs(board[3]["difference"]["value"])
    assert tables.leaderboard(board, noise)["Reading"].tolist()[2:] == ["no clear difference", "within seed noise"]
    assert frame["AUROC, validation set"].tolist() == [None, *[0.9123] * 3]
    assert frame["AUROC, test set"][0].startswith(f"{record['auroc']['value']:.3f} [")
    assert frame["Difference of AUROC"][1].startswith("+0.") and frame["Difference of AUROC"][3].startswith("−0.")
    body = dict(zip(rows_of(frame)[0], rows_of(frame)[2], strict=True))
    assert body["Seconds"] == "400.0" and body["Reading"] == "–"


def test_the_leaderboard_leaves_out_columns_without_values():
    frame = tables.leaderboard([{"name": "a", "family": "features", "auroc": {"value": 0.9}}])
    assert frame.to_dict("list") == {"Detector": ["a"], "AUROC, test set": ["0.900"]}
    unsure = {"name": "b", "family": "baseline", "auroc": None, "difference": {"value": 0.001}}
    frame = tables.leaderboard([{"name": "a", "family": "features", "auroc": {"value": 0.9}}, unsure])
    assert frame["Difference of AUROC"].tolist() == [None, "+0.001"] and "Reading" not in frame
    assert tables.to_markdown(tables.leaderboard([])).startswith("| Detector ")


def rows_of(frame):
    return rows(tables.to_markdown(frame))


@pytest.fixture(scope="module")
def classes():
    rng = np.random.default_rng(2)
    labels = np.repeat([1, 0], [900, 100])
    names = np.array([f"class_{number:02d}" for number in range(30)])[rng.integers(0, 30, 1000)]
    return metrics.by_class(labels, rng.normal(labels, 1.0), names, 0.5)


def test_by_class_lists_both_ends_of_the_ranking(classes):
    frame = tables.by_class(classes, top=3)
    assert frame["Rank"].tolist() == [1, 2, 3, 28, 29, 30]
    assert [name.replace("\\", "") for name in frame["Class"]] == classes["class"].iloc[[0, 1, 2, 27, 28, 29]].tolist()
    assert len(tables.by_class(classes, top=15)) == len(tables.by_class(classes, top=20)) == 30
    row = classes.iloc[0]
    assert frame["Recall"][0] == f"{row['recall']:.3f} [{row['recall_low']:.3f}, {row['recall_high']:.3f}]"
    _, align, first, *_ = rows_of(frame)
    assert [cell.endswith(":") for cell in align] == [True, False, True, True, True, True, True]
    assert first[2] == str(row["n"]) and first[6] == f"{row['median_score']:.4f}".replace("-", "−")


def test_classes_without_normal_images_have_no_auroc():
    frame = tables.by_class(metrics.by_class([1, 1], [1.0, 2.0], ["a", "b"], 1.5))
    assert frame["AUROC"].tolist() == [None, None] and frame["Recall"].notna().all()
    assert tables.to_markdown(tables.by_class(metrics.by_class([0], [1.0], ["n"], 1.0))).startswith("| Rank")


def test_operations_list_expected_counts_per_threshold():
    frame = metrics.operations([0.05, 1.0], [0.2, 0.0], prevalence=0.1, thresholds=[0.0213456, 1.0])
    head, _, first, last = rows_of(tables.operations(frame))
    assert head == [
        "Threshold",
        "Reviewed",
        "Anomalies detected",
        "Anomalies missed",
        "False alarms",
        "Share of false alarms",
    ]
    assert first == ["0.02135", "275.0", "95.0", "5.0", "180.0", "0.6545"]
    assert last == ["1", "0.0", "0.0", "100.0", "0.0", "–"]
    assert "Threshold" not in tables.operations(frame.drop(columns="threshold"))


def test_parts_leave_out_empty_sets_and_count_the_test_images_fitted_on():
    sizes = {"fit": 560, "calibration": 80, "normal": 160, "anomalies": 8344, "dropped": 3}
    frame = tables.parts(sizes)
    assert frame["Set"].tolist() == ["Fit", "Calibration", "Test", "Left out"]
    assert frame["Normal images"].tolist() == [560, 80, 160, None] and frame["Anomalies"].tolist()[2:] == [8344, 3]
    assert rows_of(frame)[2][:3] == ["Fit", "560", "–"]
    both = tables.parts(sizes | {"validation_normal": 40, "validation_anomalies": 9}).set_index("Set").loc["Validation"]
    assert (both["Normal images"], both["Anomalies"]) == (40, 9)
    frame = tables.parts({"fit": 800, "normal": 800, "anomalies": 8344}, seen=800)
    assert frame["Set"].tolist() == ["Fit", "Test"] and "800 are also in the fit set" in frame["Use"][1]


def test_markdown_formats_and_aligns():
    frame = pandas.DataFrame(
        {
            "name": ["a|b", "line\nbreak"],
            "rate": [0.5, None],
            "count": pandas.Series([1234567, 3], dtype=object),
            "range": ["0.1 to 0.9", "0.947 [0.940, 0.953]"],
            "yes": [True, False],
        }
    )
    head, align, *body = tables.to_markdown(frame).splitlines()
    assert [cell.strip("-") for cell in align.strip("|").split("|")] == [":", ":", ":", ":", ":"]
    assert [cell[0] == ":" for cell in align.strip("|").split("|")] == [True, False, False, False, True]
    assert "a\\|b" in body[0] and "1,234,567" in body[0] and "0.5000" in body[0] and "yes" in body[0]
    assert "line break" in body[1] and "–" in body[1] and "no" in body[1]
    assert head.count("|") == 6


@pytest.mark.parametrize(
    ("value", "text"), [(-0.5, "−0.5000"), (-3, "−3"), (np.float64(0.25), "0.2500"), (np.int64(1000), "1,000")]
)
def test_numbers_have_a_true_minus_and_thousands_separators(value, text):
    assert rows(tables.to_markdown(pandas.DataFrame({"x": [value]})))[2] == [text]


@pytest.mark.parametrize(("value", "text"), [(0.00001, "0.0000"), (-0.00001, "0.0000"), (0, "0"), (0.5, "+0.5000")])
def test_a_number_that_rounds_to_zero_has_no_sign(value, text):
    frame = pandas.DataFrame({"x": [value]})
    frame.attrs["signed"] = ["x"]
    assert rows(tables.to_markdown(frame))[2] == [text]


def test_literal_text_is_escaped_once():
    assert tables.literal("car_side *x* [y] a|b") == "car\\_side \\*x\\* \\[y\\] a\\|b"
    frame = pandas.DataFrame({"x": [tables.literal("a|b")]})
    assert "a\\|b" in tables.to_markdown(frame) and "a\\\\|b" not in tables.to_markdown(frame)


@pytest.mark.parametrize(
    "call",
    [
        lambda: tables.class_counts(["a"], [1, 2]),
        lambda: tables.class_counts(["a"], [1], normal="b"),
        lambda: tables.threshold_sweep([{}], [0.1, 0.2]),
        lambda: tables.threshold_sweep([{}, {}], [0.1, 0.1]),
        lambda: tables.shifts(["a"], []),
    ],
)
def test_arguments_of_different_lengths_are_refused(call):
    with pytest.raises(ValueError):
        call()
