"""New images that were scored: what the terminal says, and one page, without a network, of the highest scores."""

from lib.presentation.scored.cards import Picture, data_url, laid_over
from lib.presentation.scored.page import look, scored_html, write_page
from lib.presentation.scored.words import summary, unreadable, verdict

__all__ = [
    "Picture",
    "data_url",
    "laid_over",
    "look",
    "scored_html",
    "summary",
    "unreadable",
    "verdict",
    "write_page",
]
