"""Verdicts on claims, associations, and their tables and sentences, on made-up attributes and drawn images."""

from dataclasses import replace

import numpy as np
import pandas
import pytest

from lib.data import attributes
from lib.evaluation import claims
from lib.evaluation.claims.published import RED, Claim, Condition
from lib.presentation import tables, text
from lib.presentation.text.claims import claim

BRIGHT = Condition(
    "bright", "the image is bright", "that are bright", "brightness", 0.5, "more than half of full scale"
)
ONE = Claim("bright", "false_alarms", "cups", (BRIGHT,))
TWO = Claim("bright_and_red", "false_alarms", "cups", (BRIGHT, RED))


def table(**columns):
    """Measured attributes: random values except in the columns given."""
    n = len(next(iter(columns.values())))
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(rng.uniform(0.4, 0.6, (n, len(attributes.DESCRIPTIONS))), columns=attributes.DESCRIPTIONS)
    return frame.assign(**columns)


def sides(group, others):
    """Values of the two groups in one column, and the positions of each."""
    return np.r_[group, others], np.arange(len(group)), len(group) + np.arange(len(others))


def verdict(group, others, claim=ONE):
    values, inside, outside = sides(group, others)
    return claims.check_claim(claim, table(brightness=values), inside, outside)


RNG = np.random.default_rng(1)
LOW, HIGH = RNG.uniform(0, 0.6, 200), RNG.uniform(0.4, 1, 200)


def test_higher_values_support_a_claim_and_lower_values_contradict_it():
    up, down = verdict(HIGH, LOW), verdict(LOW, HIGH)
    assert (up.word, down.word) == (claims.SUPPORTED, claims.CONTRADICTED)
    assert up.effect["value"] == pytest.approx(1 - down.effect["value"])
    assert up.effect["low"] == pytest.approx(1 - down.effect["high"])


def test_a_claim_of_less_is_supported_by_lower_values():
    less = replace(ONE, conditions=(replace(BRIGHT, above=False),))
    assert verdict(LOW, HIGH, less).word == claims.SUPPORTED
    assert verdict(HIGH, LOW, less).word == claims.CONTRADICTED
    assert verdict(LOW, HIGH, less).share.count == int((LOW < 0.5).sum())


def test_a_claim_true_of_most_of_both_groups_is_not_supported():
    result = verdict(HIGH, HIGH)
    assert result.word == claims.NOT_SUPPORTED and result.effect["value"] == pytest.approx(0.5)
    assert result.share.low > 0.5 and "does not explain" in claim(result)


def test_a_clear_but_tiny_difference_does_not_support():
    group, others = np.linspace(0.02, 1.02, 20_000), np.linspace(0, 1, 20_000)
    result = verdict(group, others)
    assert result.effect["low"] > 0.5 and result.effect["value"] < claims.SMALL
    assert result.word == claims.NOT_SUPPORTED and "too small" in claim(result)


def test_a_large_difference_among_few_images_does_not_support():
    result = verdict([0.5, 0.1, 0.9, 0.6, 0.8], [0.4, 0.2, 0.85, 0.3, 0.7])
    assert result.effect["value"] > claims.SMALL and result.word == claims.NOT_SUPPORTED
    assert "may be chance" in claim(result)


def test_a_claim_true_of_all_images_can_be_supported_by_degree():
    result = verdict(np.linspace(0.8, 1, 50), np.linspace(0.6, 0.9, 50))
    assert result.word == claims.SUPPORTED and result.share.value == result.others.value == 1
    assert "differ in degree" in claim(result)


def test_shares_count_the_images_strictly_beyond_the_cut():
    result = verdict([0.5, 0.6, 0.7, 0.5, 0.1], [0.5] * 5 + [0.9])
    assert (result.share.count, result.share.size) == (2, 5)
    assert (result.others.count, result.others.size) == (1, 6)
    assert result.share.low < 0.4 < result.share.high
    assert result.rates == (pytest.approx(2 / 3), pytest.approx(3 / 8))


@pytest.mark.parametrize(("m", "n"), [(4, 100), (100, 4), (0, 100), (100, 0)])
def test_with_fewer_than_five_images_a_claim_cannot_be_measured(m, n):
    result = verdict(np.linspace(0, 1, m), np.linspace(0, 1, n))
    assert result.word == claims.UNMEASURABLE and result.effect is None and result.share is None
    assert "cannot be measured" in claim(result)


def test_with_a_constant_attribute_a_claim_cannot_be_measured():
    result = verdict(np.full(50, 0.7), np.full(50, 0.7))
    assert result.word == claims.UNMEASURABLE and "same for all images" in result.reason


def test_random_groups_are_rarely_supported_or_contradicted():
    """A 95 % interval errs in 2.5 % of cases on either side."""
    rng = np.random.default_rng(2)
    words = [verdict(rng.random(60), rng.random(300)).word for _ in range(400)]
    assert words.count(claims.SUPPORTED) / 400 < 0.05 and words.count(claims.CONTRADICTED) / 400 < 0.05


def composite(group, others):
    """The verdict on a joint claim, from rows of (brightness, red in the object)."""
    rows, inside, outside = np.vstack([group, others]), np.arange(len(group)), len(group) + np.arange(len(others))
    return claims.check_claim(TWO, table(brightness=rows[:, 0], object_red=rows[:, 1]), inside, outside)


def test_a_joint_claim_is_checked_in_parts_and_as_a_whole():
    both, neither = np.tile([0.9, 0.5], (30, 1)), np.tile([0.1, 0.0], (30, 1))
    result = composite(both, neither)
    assert [part.word for part in (*result.parts, result)] == [claims.SUPPORTED] * 3
    assert [part.claim.id for part in result.parts] == ["bright", "red"] and result.share.count == 30


def test_a_joint_claim_needs_both_conditions_in_one_image():
    """Half of the group is bright, the other half red, and no image is both."""
    group = np.vstack([np.tile([0.9, 0.0], (30, 1)), np.tile([0.1, 0.5], (30, 1))])
    result = composite(group, np.tile([0.1, 0.0], (60, 1)))
    assert [part.word for part in result.parts] == [claims.SUPPORTED] * 2
    assert result.word == claims.NOT_SUPPORTED and result.share.count == 0


def test_a_joint_claim_needs_every_part_to_be_measurable():
    values, inside, outside = sides(HIGH, LOW)
    grey = table(brightness=values, saturation=np.zeros(400))
    result = claims.check_claim(TWO, grey, inside, outside)
    assert [part.word for part in result.parts] == [claims.SUPPORTED, claims.UNMEASURABLE]
    assert result.word == claims.UNMEASURABLE and "colour" in result.reason


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


def test_claims_that_the_drawn_images_meet_are_supported(study):
    measured, *groups = study
    result = {part.claim.id: part for part in claims.with_parts(claims.check_claims(measured, "cups", *groups))}
    for name in ("red", "large", "red_and_large", "grounded", "not_sky", "grounded_before_no_sky", "mostly_background"):
        assert result[name].word == claims.SUPPORTED, name
    assert result["red_and_large"].share.value == 1 and result["red_and_large"].others.value == 0
    assert result["background_colour"].word != claims.SUPPORTED  # every anomaly stands before the same blue


def test_claims_about_colour_cannot_be_measured_on_grey_images():
    rng = np.random.default_rng(5)
    measured = attributes.measure(rng.integers(0, 256, (80, 16, 16, 1), dtype=np.uint8))
    result = claims.check_claims(measured, "8", range(40, 50), range(10), range(40, 80), range(40))
    words = {part.claim.id: part.word for part in claims.with_parts(result)}
    for name in ("background_colour", "red", "red_and_large", "grounded", "not_sky", "grounded_before_no_sky"):
        assert words[name] == claims.UNMEASURABLE
    sentences = text.claims(result)
    assert "the images have no colour" in sentences and sentences.count("\n") < len(words)


def test_published_claims_use_measured_attributes_and_name_the_class():
    for published in claims.published("teapots"):
        assert "class teapots" in published.subject
        assert all(condition.attribute in attributes.DESCRIPTIONS for condition in published.conditions)


def test_the_table_lists_every_condition_with_its_verdict(study):
    measured, *groups = study
    result = claims.check_claims(measured, "cups", *groups)
    frame = tables.claims(result)
    assert list(frame) == ["Claim", "Share of the group", "Share of the others", "Probability higher", "Verdict"]
    words = [part.word for part in claims.with_parts(result)]
    assert list(frame["Verdict"]) == [word for word in words if word != claims.UNMEASURABLE] and len(frame) < len(words)
    assert frame["Claim"].is_unique and "100.0 % [" in frame["Share of the group"].iloc[-1]
    assert "supported" in tables.to_markdown(frame)
    assert tables.claims([]).empty


def test_sentences_carry_the_numbers_of_their_verdict(study):
    measured, *groups = study
    for part in claims.with_parts(claims.check_claims(measured, "cups", *groups)):
        sentence = claim(part)
        assert part.claim.statement in sentence and part.word in sentence.lower()
        if part.effect:
            assert f"{part.effect['value']:.2f}" in sentence and f"{part.share.size:,} " in sentence


# ---------------------------------------------------------------- associations


def test_associations_are_spearmans_coefficient_and_their_interval_covers():
    rng = np.random.default_rng(6)
    a = rng.normal(size=(300, 80))
    b = 0.6 * a + 0.8 * rng.normal(size=a.shape)
    truth = 6 / np.pi * np.arcsin(0.6 / 2)  # of a normal distribution with a correlation of 0.6
    covered = []
    for x, y in zip(a, b, strict=True):
        row = claims.associations(pandas.DataFrame({"edge_density": x}), y, {"all": range(80)}).iloc[0]
        squares = ((x.argsort().argsort() - y.argsort().argsort()) ** 2).sum()  # of rank differences, without ties
        assert row["value"] == pytest.approx(1 - 6 * squares / (80 * (80**2 - 1)))
        covered.append(row["low"] <= truth <= row["high"])
    assert 0.92 <= np.mean(covered) <= 0.98


def test_associations_are_sorted_by_size_and_leave_out_constants_and_small_groups():
    rng = np.random.default_rng(7)
    scores = rng.random(200)
    measured = pandas.DataFrame(
        {"edge_density": scores, "brightness": -scores + rng.normal(0, 0.3, 200), "saturation": 0.0}
    )
    result = claims.associations(
        measured, scores, {"normal images": range(50), "anomalies": range(50, 200), "few": [1]}
    )
    assert list(result["attribute"]) == ["edge_density"] * 2 + ["brightness"] * 2
    assert (result["value"].abs().diff().dropna() <= 1e-12).all() and set(result["group"]) == {
        "normal images",
        "anomalies",
    }
    perfect = result.iloc[0]
    assert perfect["value"] == pytest.approx(1) and 0.9 < perfect["low"] < perfect["high"] <= 1
    assert ((result["low"] <= result["value"]) & (result["value"] <= result["high"])).all()


def test_associations_refuse_missing_scores():
    measured = table(brightness=np.arange(10.0))
    with pytest.raises(ValueError, match="one per image"):
        claims.associations(measured, np.ones(9), {"all": range(9)})
    with pytest.raises(ValueError, match="NaN"):
        claims.associations(measured, np.r_[np.nan, np.ones(9)], {"all": range(10)})


def test_the_table_of_associations_has_a_column_for_each_group():
    x, y = np.random.default_rng(9).random((2, 90))
    result = claims.associations(
        pandas.DataFrame({"brightness": x, "edge_density": y}),
        y,
        {"normal images": range(60), "anomalies": range(60, 90)},
    )
    frame = tables.associations(result, top=1)
    assert list(frame) == ["Attribute", "Normal images", "Anomalies"] and list(frame["Attribute"]) == ["edge density"]
    assert frame["Anomalies"].iloc[0].startswith("1.00 [")
    assert tables.associations(result.iloc[:0]).empty


# ---------------------------------------------------------------- recommendations


def test_advice_follows_from_the_verdicts_and_cites_their_numbers(study):
    measured, *groups = study
    result = claims.check_claims(measured, "cups", *groups)
    advice = dict(text.advice(result))
    red = next(part for part in claims.with_parts(result) if part.claim.id == "red")
    reason = advice["Fit on more images of class cups with a red object"]
    assert f"{red.effect['value']:.2f}" in reason and "100.0 % are flagged" in reason
    assert "Examine images that are mostly background" in advice
    assert not any("red" in title for title in advice if title.startswith("Do not"))


def test_claims_that_are_not_supported_are_advised_against():
    rng = np.random.default_rng(10)
    measured = table(object_red=rng.random(300), object_area=rng.random(300))
    result = claims.check_claims(measured, "cups", range(200, 230), range(30), range(200, 300), range(200))
    titles = [title for title, _ in text.advice(result)]
    assert not any(title.startswith(("Fit on", "Examine")) for title in titles)
    assert any(title.startswith("Do not") and "red object" in title for title in titles)


def test_the_score_should_not_depend_on_an_attribute_that_correlates_in_both_groups():
    rng = np.random.default_rng(11)
    scores = rng.random(400)
    opposite = np.r_[scores[:200], -scores[200:]] + rng.normal(0, 0.05, 400)
    measured = pandas.DataFrame({"edge_density": scores + rng.normal(0, 0.3, 400), "brightness": opposite})
    result = claims.associations(measured, scores, {"normal images": range(200), "anomalies": range(200, 400)})
    advice = dict(text.advice([], result))
    assert list(advice) == ["Make the score independent of edge density"]
    assert f"{result.loc[result['attribute'] == 'edge_density', 'value'].iloc[0]:.2f}" in advice[next(iter(advice))]
    unrelated = claims.associations(
        measured[["brightness"]], scores, {"normal images": range(200), "a": range(200, 400)}
    )
    assert text.advice([], unrelated) == []


def test_a_larger_model_has_to_be_tested(study):
    measured, *groups = study
    title, reason = text.advice(claims.check_claims(measured, "cups", *groups))[-1]
    assert "larger model" in title and "scores of one detector cannot show" in reason
