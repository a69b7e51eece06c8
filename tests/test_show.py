"""What a notebook shows carries its caption, label and alternative text with it."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from lib.presentation import show


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(show, "display", lambda data, metadata, raw: outputs.append((data, metadata["report"])))
    return outputs


def test_curves_are_svg_and_photographs_png(shown):
    curve, photograph = Figure(), Figure()
    curve.subplots().plot([1, 2])
    photograph.subplots().imshow([[0, 1], [1, 0]])
    show.figure(curve, label="fig-a", caption="A curve.", alt="A line.")
    show.figure(photograph, label="fig-b", caption="A photograph.", alt="Four squares.")
    (first, about), (second, _) = (output for output in shown if output[1]["kind"] == "figure")
    assert first["image/svg+xml"].lstrip().startswith("<?xml") and "image/png" not in first
    assert second["image/png"].startswith("iVBOR") and "image/svg+xml" not in second
    assert about == {"kind": "figure", "label": "fig-a", "caption": "A curve.", "alt": "A line."}


def test_the_same_curve_gives_the_same_bytes(shown):
    for _ in range(2):
        figure = Figure()
        figure.subplots().plot([1, 2])
        show.figure(figure, label="fig-a", caption="A curve.", alt="A line.")
    bytes_of = [data["image/svg+xml"] for data, about in shown if about["kind"] == "figure"]
    assert bytes_of[0] == bytes_of[1]


def test_captions_are_echoed_for_jupyterlab_only(shown):
    show.table(pd.DataFrame({"a": [1]}), label="tab-a", caption="Numbers.")
    assert [about["kind"] for _, about in shown] == ["table", "lab"]
    assert "Numbers." in shown[1][0]["text/markdown"]


def test_a_table_without_rows_says_none(shown):
    show.table(pd.DataFrame(columns=["a", "b"]), label="tab-a", caption="Nothing.")
    assert "none" in shown[0][0]["text/markdown"] and len(shown[0][0]["text/markdown"].splitlines()) == 3
