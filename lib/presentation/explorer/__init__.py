"""The threshold explorer: one page, without a network, on which a reader moves the threshold of a detector."""

from lib.presentation.explorer.data import explorer_data
from lib.presentation.explorer.page import explorer_html, show_explorer, write_explorer

__all__ = ["explorer_data", "explorer_html", "show_explorer", "write_explorer"]
