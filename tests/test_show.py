"""Outputs of a notebook have their caption, label and alternative text."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from lib.presentation import show


@pytest.fixture
def outputs(monkeypatch):
    calls = []
    monkeypatch.setattr(show, "display", lambda data, metadata, raw: calls.append((data, metadata["report"])))
    return calls


def curve():
    figure = Figure(label="A line.")
    figure.subplots().plot([1, 2])
    return figure


def test_curves_are_svg_and_photographs_png(outputs):
    photograph = Figure(label="Four squares.")
    photograph.subplots().imshow([[0, 1], [1, 0]])
    show.figure(curve(), label="fig-a", caption="A curve.")
    show.figure(photograph, label="fig-b", caption="A photograph.")
    (first, about), (second, _) = (output for output in outputs if output[1]["kind"] == "figure")
    assert first["image/svg+xml"].lstrip().startswith("<?xml") and "image/png" not in first
    assert second["image/png"].startswith("iVBOR") and "image/svg+xml" not in second
    assert about == {"kind": "figure", "label": "fig-a", "caption": "A curve.", "alt": "A line."}


def test_a_figure_without_alternative_text_is_refused(outputs):
    with pytest.raises(ValueError, match="fig-a"):
        show.figure(Figure(), label="fig-a", caption="Nothing.")
    assert not outputs


def test_the_same_curve_gives_the_same_bytes(outputs):
    for _ in range(2):
        show.figure(curve(), label="fig-a", caption="A curve.")
    first, second = (data["image/svg+xml"] for data, about in outputs if about["kind"] == "figure")
    assert first == second


def test_captions_are_displayed_for_jupyterlab_only(outputs):
    show.table(pd.DataFrame({"a": [1]}), label="tab-a", caption="Numbers.")
    assert [about["kind"] for _, about in outputs] == ["table", "lab"]
    assert "Numbers." in outputs[1][0]["text/markdown"]


def test_a_table_without_rows_is_refused(outputs):
    with pytest.raises(ValueError, match=r"'tab-a' has no rows"):
        show.table(pd.DataFrame(columns=["a", "b"]), label="tab-a", caption="Nothing.")
    assert not outputs


def test_nothing_to_show_is_one_line_in_italics(outputs):
    show.nothing("no seed but one was tried.")
    ((data, about),) = outputs
    assert data["text/markdown"] == "*Nothing to show in this study: no seed but one was tried.*"
    assert about == {"kind": "nothing"}
