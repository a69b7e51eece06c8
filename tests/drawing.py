"""Checks of figures: the text that is drawn, and what has to be true of every figure."""

import io
import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from lib.presentation import plots


def drawn(figure):
    """Every text that is really drawn, with its box in pixels (figures also have labels of ticks out of sight)."""
    boxes = {}
    draw = Text.draw

    def record(text, renderer, *args):
        if text.get_visible() and text.get_text().strip():
            boxes[text] = Text.get_window_extent(text, renderer)  # of an annotation without its arrow
        return draw(text, renderer, *args)

    with pytest.MonkeyPatch.context() as patch, plots.style():  # as it is saved: ticks follow the style
        patch.setattr(Text, "draw", record)
        FigureCanvasAgg(figure).draw()
    return boxes


def words(figure):
    """The texts of a figure in the order drawn."""
    return [text.get_text() for text in drawn(figure)]


def check_words(figure):
    """Every text is large enough to read on paper, on the canvas, and on no other text."""
    boxes = drawn(figure)
    for text, box in boxes.items():
        assert text.get_fontsize() >= 7, text
        assert box.x0 >= -0.5 and box.y0 >= -0.5, text
        assert box.x1 <= figure.bbox.x1 + 0.5 and box.y1 <= figure.bbox.y1 + 0.5, text
    shrunk = [(text, box.shrunk(0.9, 0.7)) for text, box in boxes.items()]
    for (text, box), (other, taken) in itertools.combinations(shrunk, 2):
        assert not box.overlaps(taken), (text, other)


def svg(figure):
    """The figure as it is saved for a report, bytes."""
    buffer = io.BytesIO()
    with plots.style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
