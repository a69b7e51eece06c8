"""Two finished studies side by side, on one page without a network or a script."""

from lib.presentation.compared.page import compared_html, write_page

__all__ = ["compared_html", "write_page"]
