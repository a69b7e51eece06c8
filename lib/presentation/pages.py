"""What the pages share that are made of a template: how it is read, and the hashes that their policy allows."""

import base64
import functools
import hashlib
from pathlib import Path

import jinja2


@functools.cache
def environment(folder: Path) -> jinja2.Environment:
    """The templates in a folder; every value is escaped, and one that is missing is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def digest(text: str) -> str:
    """The hash by which a Content-Security-Policy allows a style sheet or a script of the page itself."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def policy(style: str) -> str:
    """The Content-Security-Policy of a page with a style sheet, pictures inside it, no script and no form."""
    return f"default-src 'none'; img-src data:; style-src '{digest(style)}'; base-uri 'none'; form-action 'none'"
