"""A number knows where it was read, and a text that says it can be asked."""

import copy
import json

import pytest

from lib.core import traced
from lib.core.formatting import count, percent, signed
from lib.presentation import tables, text
from lib.presentation.tables.cells import framed
from lib.report.verification.comparing import evaluated

FIGURES = {
    "answer": {"at": {"tp": 1234, "fn": 66, "recall": {"value": 0.94923, "low": 0.9, "high": 0.99}}, "chosen": True}
}
RECALL = "run/metrics.json#/answer/at/recall/value"


@pytest.fixture
def figures():
    return traced.trace(FIGURES, "run/metrics.json#")


def sources(marked):
    return [(marked_text[place.start : place.end], place.ref, place.value) for marked_text, place in _places(marked)]


def _places(marked):
    bare, places = traced.unmarked(marked)
    return [(bare, place) for place in places]


def test_a_traced_number_is_the_number(figures):
    at = figures["answer"]["at"]
    assert figures == FIGURES and json.dumps(figures) == json.dumps(FIGURES)
    assert (
        isinstance(at["tp"], int) and isinstance(at["recall"]["value"], float) and figures["answer"]["chosen"] is True
    )
    assert copy.deepcopy(at)["tp"].ref == at["tp"].ref == "run/metrics.json#/answer/at/tp"
    assert f"{at['tp']:,} {at['recall']['value']:.3f}" == "1,234 0.949"


def test_text_is_marked_only_where_it_is_asked_for(figures):
    value = figures["answer"]["at"]["recall"]["value"]
    assert f"{value:.3f}" == "0.949"
    with traced.marking():
        marked = f"recall {value:.3f}."
    assert traced.plain(marked) == "recall 0.949." and sources(marked) == [("0.949", RECALL, "0.94923")]
    assert traced.marked_again(*traced.unmarked(marked)) == marked


def test_a_key_becomes_a_pointer_that_leads_back():
    names = {"a/b": {"c~d": {"features, 32 px": {"#ü (x)": 7}}}}
    number = traced.trace(names, "run/metrics.json#")["a/b"]["c~d"]["features, 32 px"]["#ü (x)"]
    assert " " not in number.ref and "(" not in number.ref
    assert evaluated(number.ref, names) == 7


def test_arithmetic_keeps_the_expression(figures):
    at = figures["answer"]["at"]
    for value, right in (
        (at["tp"] + at["fn"], 1300),
        (1 - at["recall"]["value"], 1 - 0.94923),
        (1000 * (1 - at["recall"]["value"]) / at["fn"], 1000 * (1 - 0.94923) / 66),
        (-at["recall"]["value"], -0.94923),
        (sum([at["tp"], at["fn"]]), 1300),
    ):
        assert value == right and evaluated(value.ref, FIGURES) == right, value.ref
    assert not isinstance(at["tp"] * "a", traced.TracedInt)


def test_a_source_that_is_not_there_is_an_error():
    for ref in ("run/metrics.json#/answer/at/tn", "run/other.json#/answer"):
        with pytest.raises(LookupError):
            evaluated(ref, FIGURES)
    for ref in ("(1 + )", "__import__('os')", f"{RECALL} 1", "(1 ** 2)", ""):
        with pytest.raises(ValueError):
            evaluated(ref, FIGURES)


def test_formatted_numbers_keep_their_source(figures):
    at = figures["answer"]["at"]
    with traced.marking():
        marked = " ".join(
            [count(at["tp"], "image"), percent(at["recall"]["value"]), signed(at["recall"]["low"] - 1, 3)]
        )
        zero = signed(at["recall"]["low"] - at["recall"]["low"], 3)
    assert traced.plain(marked) == "1,234 images 94.9 % −0.100" and traced.plain(zero) == "0.000"
    assert [shown for shown, _, _ in sources(marked)] == ["1,234", "94.9", "−0.100"]


def test_cells_of_a_table_keep_their_source_and_its_layout(figures):
    at = figures["answer"]["at"]
    frame = framed({"Metric": ["Recall", "Count"], "Value": [at["recall"]["value"], at["tp"]], "Note": ["0.9492", "–"]})
    marked = tables.to_markdown(frame)
    assert traced.plain(marked) == tables.to_markdown(
        framed({name: traced.plain(frame[name].tolist()) for name in frame})
    )
    assert [shown for shown, _, _ in sources(marked)] == ["0.9492", "1,234"]
    assert sources(marked)[0][1] == RECALL


def test_sentences_name_the_sources_of_their_numbers(figures):
    result = {"tp": 9, "fn": 1, "fp": 1, "tn": 9} | {
        name: {"value": 0.9, "low": 0.7, "high": 0.98, "chance": 0.5, "trivial": 0.5} for name in ("accuracy", "f1")
    }
    record = traced.trace({"at": result, "auroc": {"value": 0.95, "low": 0.9, "high": 0.99}}, "run/metrics.json#/x")
    found = sources(text.performance("autoencoder", record["at"], record["auroc"]))
    assert ("0.950", "run/metrics.json#/x/auroc/value", "0.95") in found
    assert ("10", "(run/metrics.json#/x/at/tp + run/metrics.json#/x/at/fn)", "10") in found
    assert len(found) == 9
