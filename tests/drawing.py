"""What a figure shows once it is drawn, and what has to be true of every figure."""

import io
import itertools

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from lib.presentation import plots


def drawn(figure):
    """Every piece of text that is really drawn, with its box in pixels (figures keep labels of unseen ticks)."""
    seen = {}
    draw = Text.draw

    def record(text, renderer, *args):
        if text.get_visible() and text.get_text().strip():
            seen[text] = Text.get_window_extent(text, renderer)  # of an annotation without its arrow
        return draw(text, renderer, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        FigureCanvasAgg(figure).draw()
    return seen


def check_words(figure):
    """Every word is large enough to read on paper, on the canvas, and on no other word."""
    boxes = drawn(figure)
    for text, box in boxes.items():
        assert text.get_fontsize() >= 7, text
        assert box.x0 >= -0.5 and box.y0 >= -0.5, text
        assert box.x1 <= figure.bbox.x1 + 0.5 and box.y1 <= figure.bbox.y1 + 0.5, text
    shrunk = [(text, box.shrunk(0.9, 0.7)) for text, box in boxes.items()]
    for (text, box), (other, taken) in itertools.combinations(shrunk, 2):
        assert not box.overlaps(taken), (text, other)


def check_size(figure):
    """The figure fits a page, and is saved as vectors and as pixels."""
    assert 0 < figure.get_figwidth() <= plots.WIDTH + 1e-6 and figure.get_figheight() < 9
    for kind in ("svg", "png"):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind)
        assert buffer.tell() > 500


def svg(figure):
    """The figure as a report would keep it, bytes."""
    buffer = io.BytesIO()
    with plots.style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
