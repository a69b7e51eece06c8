"""A detector among images that are alike in an attribute, and by group: limits, and a slow count of pairs."""

import numpy as np
import pytest

from lib.evaluation import metrics


def drawn(seed=0, n=600):
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.4).astype(int)
    return random, labels


def test_an_attribute_that_is_the_score_explains_all_of_it():
    random, labels = drawn()
    attribute = random.normal(size=labels.size) + 2 * labels
    within = metrics.auroc_within(labels, attribute, attribute, strata=60)
    assert metrics.auroc(labels, attribute)["value"] > 0.85
    assert 0.4 < within["value"] < 0.65


def test_an_attribute_that_has_nothing_to_do_with_the_score_explains_none_of_it():
    random, labels = drawn()
    scores, attribute = random.normal(size=labels.size) + 2 * labels, random.normal(size=labels.size)
    within = metrics.auroc_within(labels, scores, attribute)
    assert within["low"] < metrics.auroc(labels, scores)["value"] < within["high"]
    assert within["pairs"] == pytest.approx(0.1, abs=0.02)


def test_pairs_are_those_of_a_slow_count():
    random, labels = drawn(1, 80)
    scores, attribute = random.integers(0, 6, 80).astype(float), random.integers(0, 4, 80).astype(float)
    within = metrics.auroc_within(labels, scores, attribute, strata=4)
    cuts = np.unique(np.quantile(attribute, [0.25, 0.5, 0.75]))
    part = [sum(value > cut for cut in cuts) for value in attribute]
    won = of = 0.0
    for a in np.flatnonzero(labels == 1):
        for b in np.flatnonzero(labels == 0):
            if part[a] == part[b]:
                of += 1
                won += 1.0 if scores[a] > scores[b] else 0.5 if scores[a] == scores[b] else 0.0
    assert within["value"] == pytest.approx(won / of)
    assert within["pairs"] == pytest.approx(of / ((labels == 1).sum() * (labels == 0).sum()))


def test_where_no_anomaly_is_like_a_normal_image_there_is_no_value():
    labels = np.repeat([0, 1], 20)
    within = metrics.auroc_within(labels, np.arange(40.0), np.repeat([0.0, 1.0], 20), strata=2)
    assert within["value"] is None and within["pairs"] == 0


def test_groups_add_up_to_the_whole_and_one_without_anomalies_has_no_recall():
    random, labels = drawn(2, 200)
    scores, groups = random.normal(size=200) + labels, random.choice(["a", "b", "c"], 200)
    labels[groups == "c"] = 0
    frame = metrics.by_group(labels, scores, groups, 0.5).set_index("group")
    whole = metrics.at_threshold(labels, scores, 0.5)
    assert frame["caught"].sum() == whole["tp"] and frame["alarms"].sum() == whole["fp"]
    assert frame[["normal", "anomalies"]].to_numpy().sum() == 200
    assert np.isnan(frame.loc["c", "recall"]) and np.isnan(frame.loc["c", "auroc"])
    own = groups == "a"
    assert frame.loc["a", "auroc"] == pytest.approx(metrics.auroc(labels[own], scores[own])["value"])
