"""Whether the images are enough: rules against their sources and limits, colours, and what is said of them."""

import itertools
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from small_study import small

from lib.core.errors import UserError
from lib.data import ImageSet
from lib.data.splits import Split, holdout
from lib.evaluation import readiness as checks
from lib.presentation import sections, show, tables, text
from lib.study import Study

PARAMS = small(dataset="folder", images="x", protocol="holdout", threshold_rule="target_fpr", target_fpr=0.05)
PARAMS = PARAMS.model_copy(update={"normal_class": "good", "detector": "autoencoder", "fit_share": 0.6})
NOTHING = Split(fit=np.zeros(0, int), test=np.zeros(0, int))


def images(labels, size=16, seed=0, **columns):
    """Random pictures, `good` or `bad`, with the columns of a table that a test is about."""
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (len(labels), size, size, 1), dtype=np.uint8)
    names = np.where(labels == 0, "good", "bad")
    facts = {"id": [f"{name}/{n}-a{rng.integers(10**6):06d}" for n, name in enumerate(names)], "class_name": names}
    facts |= {"file_bytes": rng.integers(1000, 2000, len(labels)), "height": 30, "width": 40}
    return ImageSet.of(pixels, pd.DataFrame(facts | columns))


def labels_of(normal, anomalies):
    return np.r_[np.zeros(normal, int), np.ones(anomalies, int)]


def divided(labels, validation_share=0.0):
    ids = [f"{n:06d}" for n in range(len(labels))]
    shares = {"fit_share": 0.6, "calibration_share": 0.2, "validation_share": validation_share}
    if labels.any():
        return holdout(ids, labels, np.arange(len(labels)), **shares, seed=1)
    normal = np.arange(len(labels))
    first, second = round(0.6 * len(labels)), round(0.8 * len(labels))
    return Split(fit=normal[:first], calibration=normal[first:second], test=normal[second:])


def judged(pictures, labels, split, params=PARAMS, groups=None, crossing=0):
    """Findings about images, with groups of near-duplicates that need not be looked for."""
    groups = np.arange(len(labels)) if groups is None else groups
    split = NOTHING if split is None else split
    names = {"params": params, "images": pictures, "labels": labels, "groups": groups, "split": split}
    return checks.readiness(SimpleNamespace(**names, crossing=crossing))


def found(labels, split="made", params=PARAMS, groups=None, **columns):
    """Findings by kind; shortcuts by name."""
    labels = np.asarray(labels)
    findings = judged(images(labels, **columns), labels, divided(labels) if split == "made" else split, params, groups)
    for finding in findings:
        subject, value, colour, meaning = text.readiness_cells(finding)
        assert colour in checks.COLOURS and subject and value and meaning
    assert text.readiness(findings).startswith(f"Overall: {checks.overall(findings)}.")
    return {one.facts.get("name") or f"{one.kind}{one.facts.get('part', '')}": one for one in findings}


# ---------------------------------------------------------------- the AUROC's interval


def test_the_width_agrees_with_hanley_and_mcneil_s_formula_written_out():
    """Their equation 1, with Q1 and Q2 of the exponential model."""
    area, normal, anomalies = 0.9, 60, 40
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (anomalies - 1) * (q1 - area**2) + (normal - 1) * (q2 - area**2)
    se = (variance / (anomalies * normal)) ** 0.5
    low, high = area - 1.959964 * se, min(area + 1.959964 * se, 1)
    assert checks.auroc_width(normal, anomalies) == pytest.approx(high - low, rel=1e-6)


def test_the_width_is_about_that_of_simulated_aurocs():
    """Exponential scores, for which the formula is exact: anomalies have a mean of 9, normal images of 1; AUROC 0.9."""
    rng = np.random.default_rng(0)
    normal, anomalies = rng.exponential(1, (1500, 80, 1)), rng.exponential(9, (1500, 1, 50))
    areas = (anomalies > normal).mean(axis=(1, 2))
    assert np.mean(areas) == pytest.approx(0.9, abs=0.005)
    assert checks.auroc_width(80, 50) == pytest.approx(2 * 1.96 * np.std(areas), rel=0.08)


def test_more_images_narrow_the_interval_and_the_number_needed_is_the_first_that_does():
    widths = [checks.auroc_width(50, n) for n in range(1, 300)]
    assert all(a >= b for a, b in itertools.pairwise(widths)) and 0 < min(widths) <= max(widths) <= 1
    for normal in (40, 100, 3000):
        needed = checks.anomalies_needed(normal)
        assert checks.auroc_width(normal, needed) <= 0.1 < checks.auroc_width(normal, needed - 1)
    assert checks.anomalies_needed(3) is None
    equal = checks.balanced_needed()
    assert checks.auroc_width(equal, equal) <= 0.1 < checks.auroc_width(equal - 1, equal - 1)


# ---------------------------------------------------------------- false alarm rates


@pytest.mark.parametrize("count", [3, 30, 300, 3000])
def test_the_highest_unseen_rate_leaves_five_percent_and_is_below_three_over_n(count):
    rate = checks.highest_unseen_rate(count)
    assert (1 - rate) ** count == pytest.approx(0.05)
    assert rate < 3 / count and (count < 30 or rate > 2.8 / count)


@pytest.mark.parametrize(("count", "colour"), [(0, "red"), (5, "red"), (18, "red"), (19, "amber"), (400, "green")])
def test_calibration_images_support_no_rate_below_one_in_n_plus_one(count, colour):
    split = Split(fit=np.arange(60), calibration=np.arange(60, 60 + count), test=np.arange(500, 600))
    finding = found(labels_of(550, 50), split)["calibration"]
    assert finding.colour == colour and finding.facts["lowest"] == pytest.approx(1 / (count + 1))
    assert f"1/{count + 1}" in text.readiness_cells(finding)[3]


def test_a_target_raised_for_few_images_is_still_red():
    """Raising the target makes a report possible, not the images enough."""
    split = Split(fit=np.arange(60), calibration=np.arange(60, 65), test=np.arange(500, 600))
    params = PARAMS.model_copy(update={"target_fpr": 0.2})
    assert found(labels_of(550, 50), split, params)["calibration"].colour == "red"


def test_normal_test_images_are_enough_where_none_flagged_would_show_the_target_kept():
    """0.05 needs 59: 0.95 ** 59 is the first power below 0.05."""
    for count, colour in [(58, "amber"), (59, "green")]:
        split = Split(fit=np.arange(60), calibration=np.arange(60, 100), test=np.arange(100, 100 + count))
        finding = found(labels_of(300, 0), split)["false_alarms"]
        assert (finding.colour, finding.facts["needed"]) == (colour, 59)


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(("count", "colour"), [(9, "red"), (10, "amber"), (49, "amber"), (50, "green")])
def test_images_to_fit_on(count, colour):
    split = Split(fit=np.arange(count), calibration=np.arange(60, 80), test=np.arange(80, 130))
    assert found(labels_of(100, 30), split)["fit"].colour == colour


def test_good_images_alone_have_no_auroc_and_no_shortcuts_and_are_never_red_for_it():
    findings = found(labels_of(700, 0))
    assert findings["rankingtest"].colour == "amber" and findings["rankingtest"].facts["width"] is None
    assert not {"file size", "brightness", "rankingvalidation", "masks", "groups"} & set(findings)
    assert {one.colour for kind, one in findings.items() if kind != "rankingtest"} == {"green"}


def test_a_validation_set_is_judged_as_well():
    labels = labels_of(200, 60)
    findings = found(labels, divided(labels, 0.3))
    assert findings["rankingvalidation"].facts["anomalies"] == 18


@pytest.mark.parametrize("normal", [1, 2])
def test_two_images_that_cannot_be_divided_are_red(normal):
    labels = labels_of(normal, 2 - normal)
    if labels.any():
        with pytest.raises(UserError):
            divided(labels)
    findings = found(labels, None)
    assert findings["undivided"].colour == "red" and {"sizes", "smallest_defect", "blur"} <= set(findings)


def test_the_published_protocol_has_no_calibration_set_to_judge():
    labels = labels_of(100, 30)
    params = PARAMS.model_copy(update={"protocol": "resubstitution", "dataset": "digits"})
    split = Split(fit=np.arange(100), test=np.arange(130))
    assert not {"calibration", "unreadable"} & set(found(labels, split, params))


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("names", "colour"),
    [
        (["a"] * 50 + ["b"] * 50, "red"),
        ([f"g{n % 9}" for n in range(100)], "amber"),
        ([f"g{n % 20}" for n in range(100)], "green"),
        (["a"] * 30 + [f"g{n}" for n in range(70)], "amber"),
        ([""] * 90 + ["a"] * 10, "green"),
    ],
)
def test_groups_count_and_not_images(names, colour):
    assert found(labels_of(100, 0), group=np.array(names))["groups"].colour == colour


def test_near_duplicates():
    labels = labels_of(100, 0)
    groups = np.r_[np.zeros(30, int), np.arange(30, 100)]
    finding = found(labels, groups=groups)["near_duplicates"]
    assert finding.colour == "amber" and finding.facts["images"] == finding.facts["largest"] == 30
    assert found(labels, groups=np.zeros(100, int))["near_duplicates"].colour == "red"
    assert found(labels)["near_duplicates"].facts["images"] == 0
    groups = np.r_[0, 0, np.arange(2, 100)]
    for crossing, colour in [(0, "green"), (1, "amber")]:
        findings = judged(images(labels), labels, divided(labels), groups=groups, crossing=crossing)
        assert {one.kind: one.colour for one in findings}["near_duplicates"] == colour


def test_missing_masks():
    labels = labels_of(50, 10)
    mask = np.where(labels == 1, "m.png", "")
    assert found(labels, mask=mask)["masks"].colour == "green"
    mask[-1] = ""
    finding = found(labels, mask=mask)["masks"]
    assert finding.colour == "amber" and text.readiness_cells(finding)[1] == "9 of 10 anomalies"


def test_sizes_are_the_smallest_the_median_and_the_largest():
    labels = labels_of(101, 0)
    width = np.r_[np.full(50, 100), 200, np.full(50, 300)]
    finding = found(labels, width=width, height=width)["sizes"]
    assert finding.facts | {"squeezed": 0.0} == finding.facts
    assert [finding.facts[key] for key in ("smallest", "median", "largest")] == [(100, 100), (200, 200), (300, 300)]
    assert found(labels, width=width, height=100)["sizes"].colour == "amber"


@pytest.mark.parametrize(
    ("side", "size", "smallest", "colour"), [(64, 16, 8, "green"), (160, 16, 20, "amber"), (8, 16, 1, "green")]
)
def test_the_smallest_defect_spans_two_prepared_pixels(side, size, smallest, colour):
    params = PARAMS.model_copy(update={"image_size": size})
    finding = found(labels_of(60, 0), params=params, height=side, width=side // 2)["smallest_defect"]
    assert (finding.facts["smallest"], finding.colour) == (smallest, colour)
    if colour == "amber":
        assert side / (size * finding.facts["tiles"]) <= checks.COARSE


def test_blurred_images_are_those_much_less_sharp_than_the_median():
    labels = labels_of(100, 0)
    sharp = images(labels)
    pixels = sharp.images.copy()
    pixels[:20] = 128 + (pixels[:20].astype(int) - 128) // 4  # a sixteenth of the variance
    blurred = ImageSet.of(pixels, sharp.table)
    findings = judged(blurred, labels, divided(labels))
    (finding,) = [one for one in findings if one.kind == "blur"]
    assert finding.facts["share"] == pytest.approx(0.2) and finding.colour == "amber"


# ---------------------------------------------------------------- shortcuts


@pytest.mark.parametrize(("gap", "colour"), [(0, "green"), (1500, "amber"), (9000, "red"), (-9000, "red")])
def test_a_shortcut_is_judged_by_the_low_end_of_its_interval_in_either_direction(gap, colour):
    labels = labels_of(500, 200)
    size = np.random.default_rng(1).normal(20_000, 1500, 700) + gap * labels
    finding = found(labels, file_bytes=size)["file size"]
    assert finding.colour == colour
    assert 0.5 <= finding.facts["auroc"]["value"] <= finding.facts["auroc"]["high"] <= 1


def test_a_shortcut_s_auroc_is_the_usual_one_on_the_test_images():
    labels = labels_of(200, 80)
    size = np.random.default_rng(2).normal(2000, 100, 280) - 60 * labels
    split = divided(labels)
    area = roc_auc_score(labels[split.test], size[split.test])
    assert found(labels, split, file_bytes=size)["file size"].facts["auroc"]["value"] == pytest.approx(1 - area)


def test_facts_that_are_the_same_for_all_images_are_left_out():
    findings = found(labels_of(60, 30), file_bytes=5, quality=90)
    assert not {"file size", "aspect ratio", "JPEG quality"} & set(findings)
    assert {"brightness", "border"} <= set(findings)


def test_jpeg_quality_is_that_of_the_jpeg_files_only():
    labels = labels_of(300, 100)
    quality = np.where(labels == 1, 75, 95)
    assert found(labels, quality=quality)["JPEG quality"].colour == "red"
    assert "JPEG quality" not in found(labels, quality=np.where(labels == 1, 75, 0))


def test_brightness_is_read_from_the_pixels():
    labels = labels_of(200, 60)
    plain = images(labels)
    pixels = np.where(labels[:, None, None, None] == 1, plain.images // 2, plain.images)
    findings = judged(ImageSet.of(pixels, plain.table), labels, divided(labels))
    assert {one.facts["name"]: one.colour for one in findings if one.kind == "shortcut"}["brightness"] == "red"


@pytest.mark.parametrize(
    ("ids", "numbers"),
    [
        (["a/IMG_0012.jpg", "b/IMG_0013-x.png", "b/none.png"], [12, 13, np.nan]),
        (["a/000.png", "a/001.png", "b/000.png"], [np.nan] * 3),  # each folder counts for itself
        (["a/000.png", "b/007.png"], [0, 7]),
        (["12.png", "c/v2/3.tar.png"], [12, 3]),
        (["good/" + "9" * 400 + ".png"], [10**15 - 1]),
        (["a/\u0661\u0662.png"], [np.nan]),  # digits of another script
    ],
)
def test_numbers_in_file_names(ids, numbers):
    assert checks.file_numbers(pd.Series(ids)).tolist() == pytest.approx(numbers, nan_ok=True)


# ---------------------------------------------------------------- all of it


def test_a_hundred_thousand_images_take_seconds():
    """Only the table grows: pixels of a bounded number of images are read."""
    labels = labels_of(90_000, 10_000)
    ids = [f"{'good' if label == 0 else 'bad'}/{n:06d}.png" for n, label in enumerate(labels)]
    facts = {"id": ids, "class_name": np.where(labels == 0, "good", "bad"), "file_bytes": np.arange(100_000) % 997}
    table = pd.DataFrame(facts | {"height": 300, "width": 400, "sha256": ids})
    pixels = np.broadcast_to(np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1), (100_000, 8, 8, 1))
    whole = ImageSet("x", "1", pixels, table, ["bad", "good"], "key", None)
    split = divided(labels)
    started = time.perf_counter()
    findings = judged(whole, labels, split)
    assert time.perf_counter() - started < 15
    assert {one.facts["images"] for one in findings if one.kind == "blur"} == {checks.MEASURED}


def test_the_summary_names_the_worst_colour_and_asks_for_what_is_lacking():
    labels = labels_of(40, 4)
    findings = judged(images(labels), labels, divided(labels))
    said = text.readiness(findings)
    assert said.startswith("Overall: red.") and "more normal images" in said and "more images with defects" in said


def test_what_is_red_is_asked_for_first_and_shortcuts_together():
    labels = labels_of(300, 30)
    pictures = images(labels, file_bytes=1000 + 900 * labels, quality=90 - 20 * labels)
    said = text.readiness(judged(pictures, labels, divided(labels)))
    assert "What to do next: find out why file size and JPEG quality tell anomalies from normal images" in said


def test_enough_images_are_green_and_nothing_is_asked_for():
    labels = labels_of(2000, 300)
    findings = judged(images(labels), labels, divided(labels))
    assert [one for one in findings if one.colour != "green"] == []
    assert text.readiness(findings) == "Overall: green. The images are enough for a report."


def test_the_table_has_one_row_a_finding_and_the_verdict_in_words():
    labels = labels_of(100, 30)
    findings = judged(images(labels), labels, divided(labels))
    frame = tables.readiness([text.readiness_cells(one) for one in findings])
    assert len(frame) == len(findings) and set(frame["Verdict"]) <= set(checks.COLOURS)
    assert frame["Check"].is_unique


def test_counts_by_class_and_part_add_up():
    labels = labels_of(100, 60)
    names = np.where(labels == 0, "good", np.array([f"c{n % 15}" for n in range(160)]))
    frame = tables.parts_by_class(names, "good", divided(labels), top=5)
    assert frame["Class"].tolist()[0] == "good" and frame["Class"].tolist()[-2:] == ["10 other classes", "all classes"]
    parts = [column for column in frame if column not in ("Class", "All")]
    assert (frame[parts].astype(int).sum(axis=1) == frame["All"]).all() and frame["All"].iloc[-1] == 160
    assert (frame["All"].iloc[:-1].sum()) == 160


def test_the_section_shows_one_table_the_verdict_and_what_the_folder_holds(monkeypatch):
    shown = {}
    monkeypatch.setattr(show, "table", lambda frame, label, caption: shown.update({label: frame}))
    monkeypatch.setattr(show, "prose", lambda markdown: shown.update({len(shown): markdown}))
    labels = labels_of(80, 30)
    pictures = replace(images(labels), finding="2 class folders.", unreadable=[["bad/x.png", "cut"]])
    sections.readiness(Study(PARAMS, pictures, labels, divided(labels)))
    assert list(shown) == ["tab-readiness", 1, 2]
    assert (
        shown[1].startswith("Overall: ")
        and shown[2].startswith("**Layout.** 2 class folders.")
        and "bad/x.png" in shown[2]
    )


def test_a_file_s_name_is_escaped_on_the_page_and_plain_in_the_terminal():
    unreadable = checks.Finding("unreadable", "amber", {"files": [["a_b*/<c>\\d.png", "cut"]], "share": 0.1})
    meaning = text.readiness_cells(unreadable)[3]
    assert "<c>" not in meaning and "a_b" not in meaning
    assert text.plain(meaning) == "left out, such as a_b*/<c>\\d.png: cut"


def test_files_left_out_are_named_with_their_reason():
    said = text.left_out([[f"a/{n}.jpg", "cut <short>"] for n in range(12)], ["b/1.png"])
    assert "12 files could not be read: a/0.jpg (cut \\<short\\>)" in said and "and 2 more" in said
    assert "1 anomaly has no mask: b/1.png" in said and text.left_out([], []) == ""
