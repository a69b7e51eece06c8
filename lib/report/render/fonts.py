"""The fonts of the PDF, and what to print for a character that none of them has.

Typst brings fonts for Latin, Greek and Cyrillic text and for mathematics. Class names may be written in any script, so
fonts from Python packages follow them; the same packages give the same bytes on every machine. Under PDF/UA-1 a
character without a glyph would be an error.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools.ttLib import TTFont

from lib.core import characters

# One file of each family, so that its bold and italic letters have the same characters.
PACKAGES = (
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
    ("manimgx_fonts", "NotoSans?*[[]wght].ttf"),
    ("manimgx_fonts", "NotoEmoji[[]wght].ttf"),
    ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc"),
)
SIMPLIFIED_CHINESE = 2  # of the fonts in a collection; all of them have the same characters


@cache
def files() -> tuple[Path, ...]:
    """The font files that follow Typst's own, in the order in which they are tried."""
    found: list[Path] = []
    for package, pattern in PACKAGES:
        spec = find_spec(package)
        if spec and spec.origin:
            paths = sorted(Path(spec.origin).parent.glob(pattern))
            found += [path for path in paths if "-Italic" not in path.name]
    return tuple(found)


@cache
def families() -> tuple[str, ...]:
    """The names of their families."""
    names = []
    for path in files():
        with _font(path) as font:
            names.append(font["name"].getBestFamilyName())
    return tuple(names)


def printable(text: str) -> str:
    """The text, with code points for the characters that no font has: `"[U+4E2D U+6587]"`."""
    return characters.printable(text, _has)


def _has(cluster: str) -> bool:
    needed = {ord(character) for character in cluster if character not in characters.IGNORABLE}
    return cluster in characters.SPACES or any(needed <= _characters(path) for path in files())


@cache
def _characters(path: Path) -> frozenset[int]:
    with _font(path) as font:
        return frozenset(font.getBestCmap())


def _font(path: Path) -> TTFont:
    return TTFont(path, lazy=True, fontNumber=SIMPLIFIED_CHINESE if path.suffix == ".ttc" else -1)
