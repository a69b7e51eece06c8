"""Outputs of a notebook have their caption, label and alternative text."""

import base64
import io
import re

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import scipy.ndimage
from matplotlib.figure import Figure

from lib.presentation import plots, show


@pytest.fixture
def outputs(monkeypatch):
    calls = []
    monkeypatch.setattr(show, "display", lambda data, metadata, raw: calls.append((data, metadata["report"])))
    return calls


def curve():
    figure = Figure(label="A line.")
    figure.subplots().plot([1, 2])
    return figure


def images(svg):
    """The images in an SVG, each with its attributes."""
    found = re.findall(r'<image xlink:href="data:image/(\w+);base64,\s*([^"]+)"([^>]*)', svg)
    return [(kind, PIL.Image.open(io.BytesIO(base64.b64decode(data))), rest) for kind, data, rest in found]


def test_figures_are_svg_with_photographs_as_jpeg(outputs):
    random = np.random.default_rng(0)
    smooth = scipy.ndimage.gaussian_filter(random.random((60, 60, 3)), (3, 3, 0))
    photograph = plots.heat_maps(smooth[None], random.random((1, 5, 5)), [0.5])
    show.figure(photograph, label="fig-b", caption="A photograph.")
    (second, _), *_ = outputs
    (_, above, _), (_, grey, _), (_, over, see_through), *_ = found = images(second["image/svg+xml"])
    assert [kind for kind, _, _ in found][:3] == ["jpeg"] * 3 and 'opacity="0.698"' in see_through
    assert all(abs(side - 1.2575 * show.DPI) < 2 for image in (above, grey, over) for side in image.size)  # inches
    shown = np.asarray(above.resize((60, 60)), dtype=float)[::-1] / 255  # an SVG has its images upside down
    assert np.abs(shown - smooth).mean() < 0.02


def test_few_colours_stay_as_they_are(outputs):
    squares = Figure(label="Four squares.")
    squares.subplots().imshow([[0, 1], [1, 0]], interpolation="nearest")
    show.figure(squares, label="fig-a", caption="Squares.")
    ((kind, image, _),) = images(outputs[0][0]["image/svg+xml"])
    assert kind == "png" and len(image.convert("RGB").getcolors()) == 2


def test_shortened_numbers_move_nothing_by_a_hundredth_of_a_point(outputs):
    figure = curve()
    show.figure(figure, label="fig-a", caption="A curve.")
    buffer = io.StringIO()
    with plots.style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    before, after = (re.findall(r"-?\d+\.?\d*", text) for text in (buffer.getvalue(), outputs[0][0]["image/svg+xml"]))
    assert np.abs(np.array(before, dtype=float) - np.array(after, dtype=float)).max() <= 0.01


def test_figures_have_label_and_alternative_text(outputs):
    show.figure(curve(), label="fig-a", caption="A curve.")
    (first, about), *_ = outputs
    assert first["image/svg+xml"].lstrip().startswith("<?xml")
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
