"""Verdicts on claims, from images that fulfil them because they were made to."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from scipy import stats

from lib.data import attributes
from lib.evaluation import claims
from lib.evaluation.claims.published import LARGE, RED, Claim, Condition
from lib.presentation import tables

BRIGHT = Condition(
    "bright", "the image is bright", "that are bright", "brightness", 0.5, "more than half of full scale"
)
ONE = Claim("bright", "false_alarms", "cups", (BRIGHT,))
TWO = Claim("bright_and_red", "false_alarms", "cups", (BRIGHT, RED))


def table(**columns):
    """Measured attributes: grey noise, but for the columns given."""
    n = len(next(iter(columns.values())))
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.uniform(0.4, 0.6, (n, len(attributes.DESCRIPTIONS))), columns=attributes.DESCRIPTIONS)
    return frame.assign(**columns)


def sides(group, others):
    """Values of the two groups in one column, and the positions of each."""
    return np.r_[group, others], np.arange(len(group)), len(group) + np.arange(len(others))


def verdict(group, others, claim=ONE):
    values, inside, outside = sides(group, others)
    return claims.judge(claim, table(brightness=values), inside, outside)


RNG = np.random.default_rng(1)
LOW, HIGH = RNG.uniform(0, 0.6, 200), RNG.uniform(0.4, 1, 200)


def test_what_lies_higher_supports_and_what_lies_lower_contradicts():
    up, down = verdict(HIGH, LOW), verdict(LOW, HIGH)
    assert (up.word, down.word) == (claims.SUPPORTED, claims.CONTRADICTED)
    assert up.effect["value"] == pytest.approx(1 - down.effect["value"])
    assert up.effect["low"] == pytest.approx(1 - down.effect["high"])


def test_a_claim_of_less_is_the_mirror_image():
    less = replace(ONE, conditions=(replace(BRIGHT, above=False),))
    assert verdict(LOW, HIGH, less).word == claims.SUPPORTED
    assert verdict(HIGH, LOW, less).word == claims.CONTRADICTED
    assert verdict(LOW, HIGH, less).share.count == int((LOW < 0.5).sum())


def test_equal_groups_support_nothing_however_true_the_claim_is():
    found = verdict(HIGH, HIGH)
    assert found.word == claims.NOT_SUPPORTED and found.effect["value"] == pytest.approx(0.5)
    assert found.share.low > 0.5 and "explains nothing" in claims.sentence(found)


def test_a_difference_that_is_sure_but_tiny_does_not_support():
    group, others = np.linspace(0.02, 1.02, 20_000), np.linspace(0, 1, 20_000)
    found = verdict(group, others)
    assert found.effect["low"] > 0.5 and found.effect["value"] < claims.SMALL
    assert found.word == claims.NOT_SUPPORTED and "too small" in claims.sentence(found)


def test_a_large_difference_among_few_images_does_not_support():
    found = verdict([0.5, 0.1, 0.9, 0.6, 0.8], [0.4, 0.2, 0.85, 0.3, 0.7])
    assert found.effect["value"] > claims.SMALL and found.word == claims.NOT_SUPPORTED
    assert "by chance" in claims.sentence(found)


def test_what_both_groups_fulfil_tells_them_apart_by_degree():
    found = verdict(np.linspace(0.8, 1, 50), np.linspace(0.6, 0.9, 50))
    assert found.word == claims.SUPPORTED and found.share.value == found.others.value == 1
    assert "how far it goes" in claims.sentence(found)


def test_shares_count_what_lies_strictly_beyond_the_cut():
    found = verdict([0.5, 0.6, 0.7, 0.5, 0.1], [0.5] * 5 + [0.9])
    assert (found.share.count, found.share.size) == (2, 5)
    assert (found.others.count, found.others.size) == (1, 6)
    assert found.share.low < 0.4 < found.share.high
    assert found.rates == (pytest.approx(2 / 3), pytest.approx(3 / 8))


@pytest.mark.parametrize(("m", "n"), [(4, 100), (100, 4), (0, 100), (100, 0)])
def test_fewer_than_five_images_measure_nothing(m, n):
    found = verdict(np.linspace(0, 1, m), np.linspace(0, 1, n))
    assert found.word == claims.UNMEASURABLE and found.effect is None and found.share is None
    assert "cannot be measured" in claims.sentence(found)


def test_a_constant_measures_nothing():
    found = verdict(np.full(50, 0.7), np.full(50, 0.7))
    assert found.word == claims.UNMEASURABLE and "alike" in found.reason


def test_chance_alone_rarely_decides():
    """Labels are drawn at random; the rule may err on at most one side of its 95 % interval."""
    rng = np.random.default_rng(2)
    words = [verdict(rng.random(60), rng.random(300)).word for _ in range(400)]
    assert words.count(claims.SUPPORTED) / 400 < 0.05 and words.count(claims.CONTRADICTED) / 400 < 0.05


def composite(group, others):
    """A joint claim on rows of (brightness, red in the object)."""
    rows, inside, outside = np.vstack([group, others]), np.arange(len(group)), len(group) + np.arange(len(others))
    return claims.judge(TWO, table(brightness=rows[:, 0], object_red=rows[:, 1]), inside, outside)


def test_a_joint_claim_is_judged_in_parts_and_as_a_whole():
    both, neither = np.tile([0.9, 0.5], (30, 1)), np.tile([0.1, 0.0], (30, 1))
    found = composite(both, neither)
    assert [each.word for each in (*found.parts, found)] == [claims.SUPPORTED] * 3
    assert [each.claim.id for each in found.parts] == ["bright", "red"] and found.share.count == 30


def test_each_alone_is_not_both_at_once():
    """Half of the group is bright, the other half red, and nothing is both."""
    group = np.vstack([np.tile([0.9, 0.0], (30, 1)), np.tile([0.1, 0.5], (30, 1))])
    found = composite(group, np.tile([0.1, 0.0], (60, 1)))
    assert [each.word for each in found.parts] == [claims.SUPPORTED] * 2
    assert found.word == claims.NOT_SUPPORTED and found.share.count == 0


def test_a_joint_claim_needs_every_part_to_be_measurable():
    values, inside, outside = sides(HIGH, LOW)
    grey = table(brightness=values, saturation=np.zeros(400))
    found = claims.judge(TWO, grey, inside, outside)
    assert [each.word for each in found.parts] == [claims.SUPPORTED, claims.UNMEASURABLE]
    assert found.word == claims.UNMEASURABLE and "colour" in found.reason


# ---------------------------------------------------------------- the published study


def photographs(n, seed, red=False, ground=False, size=20):
    """Boxes before a sky: red ones or white ones, in the air or on grass."""
    rng = np.random.default_rng(seed)
    images = np.empty((n, 48, 48, 3), dtype=np.uint8)
    images[:] = (90, 140, 210)
    if ground:
        images[:, 24:] = (80, 130, 50)
    half = size // 2
    images[:, 24 - half : 24 + half, 24 - half : 24 + half] = (220, 20, 20) if red else (250, 250, 250)
    return np.clip(images + rng.integers(-4, 5, images.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def study():
    """Normal images of which the red, large ones on the ground are flagged; anomalies of which the small pass."""
    alarming, passing = photographs(20, 1, red=True, ground=True, size=40), photographs(40, 2)
    small, large = photographs(20, 3, size=8), photographs(30, 4, size=40)
    images = np.concatenate([alarming, passing, small, large])
    alarms, normal, missed, anomalies = np.arange(20), np.arange(60), np.arange(60, 80), np.arange(60, 110)
    return attributes.measure(images), missed, alarms, anomalies, normal


def test_planted_causes_are_found(study):
    measured, *groups = study
    found = {each.claim.id: each for each in claims.flat(claims.judge_all(measured, "cups", *groups))}
    for name in ("red", "large", "red_and_large", "grounded", "not_sky", "grounded_before_no_sky", "mostly_background"):
        assert found[name].word == claims.SUPPORTED, name
    assert found["red_and_large"].share.value == 1 and found["red_and_large"].others.value == 0
    assert found["background_colour"].word != claims.SUPPORTED  # every anomaly stands before the same blue


def test_grey_images_say_nothing_of_colour_or_sky():
    rng = np.random.default_rng(5)
    measured = attributes.measure(rng.integers(0, 256, (80, 16, 16, 1), dtype=np.uint8))
    found = claims.judge_all(measured, "8", range(40, 50), range(10), range(40, 80), range(40))
    words = {each.claim.id: each.word for each in claims.flat(found)}
    for name in ("background_colour", "red", "red_and_large", "grounded", "not_sky", "grounded_before_no_sky"):
        assert words[name] == claims.UNMEASURABLE
    text = claims.sentences(found)
    assert "the images have no colour" in text and text.count("\n") < len(words)


def test_every_published_claim_asks_for_a_measured_attribute_and_names_the_class():
    for claim in claims.published("teapots"):
        assert "class teapots" in claim.subject
        assert all(condition.attribute in attributes.DESCRIPTIONS for condition in claim.conditions)
    assert LARGE.cut == 0.5


def test_the_table_holds_every_part_and_its_words(study):
    measured, *groups = study
    found = claims.judge_all(measured, "cups", *groups)
    frame = claims.to_frame(found)
    assert list(frame) == ["Claim", "Share in group", "Share in others", "Probability higher", "Verdict"]
    assert list(frame["Verdict"]) == [each.word for each in claims.flat(found)]
    assert frame["Claim"].is_unique and "100.0 % [" in frame["Share in group"].iloc[-1]
    assert "supported" in tables.to_markdown(frame)
    assert claims.to_frame([]).empty


def test_sentences_carry_the_numbers_of_their_verdict(study):
    measured, *groups = study
    for each in claims.flat(claims.judge_all(measured, "cups", *groups)):
        text = claims.sentence(each)
        assert each.claim.statement in text and each.word in text.lower()
        if each.effect:
            assert f"{each.effect['value']:.2f}" in text and f"{each.share.size:,} " in text


# ---------------------------------------------------------------- associations


def test_spearman_is_scipys_and_its_interval_covers():
    rng = np.random.default_rng(6)
    a = rng.normal(size=(300, 80))
    b = 0.6 * a + 0.8 * rng.normal(size=a.shape)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # of a normal distribution with a correlation of 0.6
    covered = []
    for x, y in zip(a, b, strict=True):
        row = claims.associations(pandas.DataFrame({"edge_density": x}), y, {"all": range(80)}).iloc[0]
        assert row["value"] == pytest.approx(stats.spearmanr(x, y).statistic)
        covered.append(row["low"] <= truth <= row["high"])
    assert 0.92 <= np.mean(covered) <= 0.98


def test_associations_come_by_group_and_by_size():
    rng = np.random.default_rng(7)
    scores = rng.random(200)
    measured = pandas.DataFrame(
        {"edge_density": scores, "brightness": -scores + rng.normal(0, 0.3, 200), "saturation": 0.0}
    )
    found = claims.associations(measured, scores, {"normal images": range(50), "anomalies": range(50, 200), "few": [1]})
    assert list(found["attribute"]) == ["edge_density"] * 2 + ["brightness"] * 2  # a constant goes with nothing
    assert (found["value"].abs().diff().dropna() <= 1e-12).all() and set(found["group"]) == {
        "normal images",
        "anomalies",
    }
    perfect = found.iloc[0]
    assert perfect["value"] == pytest.approx(1) and 0.9 < perfect["low"] < perfect["high"] <= 1
    assert ((found["low"] <= found["value"]) & (found["value"] <= found["high"])).all()


def test_ranks_alone_matter():
    x, y = np.random.default_rng(8).random((2, 60))
    plain = claims.associations(pandas.DataFrame({"brightness": x}), y, {"all": range(60)})
    bent = claims.associations(pandas.DataFrame({"brightness": np.exp(5 * x)}), y**3, {"all": range(60)})
    assert plain.equals(bent)


def test_associations_refuse_scores_that_do_not_fit():
    measured = table(brightness=np.arange(10.0))
    with pytest.raises(ValueError, match="one per image"):
        claims.associations(measured, np.ones(9), {"all": range(9)})
    with pytest.raises(ValueError, match="NaN"):
        claims.associations(measured, np.r_[np.nan, np.ones(9)], {"all": range(10)})


def test_associations_read_as_a_table():
    x, y = np.random.default_rng(9).random((2, 90))
    found = claims.associations(
        pandas.DataFrame({"brightness": x, "edge_density": y}),
        y,
        {"normal images": range(60), "anomalies": range(60, 90)},
    )
    frame = claims.associations_frame(found, top=1)
    assert list(frame) == ["Attribute", "Normal images", "Anomalies"] and list(frame["Attribute"]) == ["edges"]
    assert frame["Anomalies"].iloc[0].startswith("1.00 [")
    assert claims.associations_frame(found.iloc[:0]).empty


# ---------------------------------------------------------------- recommendations


def test_advice_follows_from_the_verdicts_and_cites_them(study):
    measured, *groups = study
    found = claims.judge_all(measured, "cups", *groups)
    advice = dict(claims.recommendations(found))
    red = next(each for each in claims.flat(found) if each.claim.id == "red")
    text = advice["Fit on more images of class cups with a red object"]
    assert f"{red.effect['value']:.2f}" in text and "100.0 % are flagged" in text
    assert "Look closer at images that are mostly background" in advice
    assert not any("red" in title for title in advice if title.startswith("Do not"))


def test_what_is_not_supported_is_advised_against():
    rng = np.random.default_rng(10)
    measured = table(object_red=rng.random(300), object_area=rng.random(300))
    found = claims.judge_all(measured, "cups", range(200, 230), range(30), range(200, 300), range(200))
    titles = [title for title, _ in claims.recommendations(found)]
    assert not any(title.startswith(("Fit on", "Look closer")) for title in titles)
    assert any(title.startswith("Do not") and "red object" in title for title in titles)


def test_only_what_moves_both_groups_alike_is_called_a_nuisance():
    rng = np.random.default_rng(11)
    scores = rng.random(400)
    opposite = np.r_[scores[:200], -scores[200:]] + rng.normal(0, 0.05, 400)
    measured = pandas.DataFrame({"edge_density": scores + rng.normal(0, 0.3, 400), "brightness": opposite})
    found = claims.associations(measured, scores, {"normal images": range(200), "anomalies": range(200, 400)})
    advice = dict(claims.recommendations([], found))
    assert list(advice) == ["Make the score independent of edges"]
    assert f"{found.loc[found['attribute'] == 'edge_density', 'value'].iloc[0]:.2f}" in advice[next(iter(advice))]
    unrelated = claims.associations(
        measured[["brightness"]], scores, {"normal images": range(200), "a": range(200, 400)}
    )
    assert claims.recommendations([], unrelated) == []


def test_model_size_is_never_advised_from_scores(study):
    measured, *groups = study
    title, text = claims.recommendations(claims.judge_all(measured, "cups", *groups))[-1]
    assert "larger model" in title and "no score of a single detector" in text
