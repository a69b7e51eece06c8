"""The fonts of the PDF, and what to print for a character that none of them has.

Typst brings fonts for Latin, Greek and Cyrillic text and for mathematics. Class names may be written in any script, so
fonts from Python packages follow them; the same packages give the same bytes on every machine. Under PDF/UA-1 a
character without a glyph would be an error.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fontTools.ttLib import TTFont

# One file of each family, so that its bold and italic letters have the same characters.
PACKAGES = (
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
    ("manimgx_fonts", "NotoSans?*[[]wght].ttf"),
    ("manimgx_fonts", "NotoEmoji[[]wght].ttf"),
    ("manimgx_fonts_cjk", "NotoSansCJK-VF.otf.ttc"),
)
SIMPLIFIED_CHINESE = 2  # of the fonts in a collection; all of them have the same characters
SPACES = "\t\n\r "
IGNORABLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufe0e\ufe0f")  # Typst needs no glyph for these


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
    if text.isascii() and text.isprintable():
        return text
    result, missing = "", []
    for cluster in _clusters(text):
        # A letter is kept without the accents that its font lacks.
        known = next((cluster[:end] for end in range(len(cluster), 0, -1) if _has(cluster[:end])), "")
        if known and missing:
            result, missing = f"{result}[{' '.join(missing)}]", []
        result += known
        missing += [f"U+{ord(character):04X}" for character in cluster[len(known) :]]
    return f"{result}[{' '.join(missing)}]" if missing else result


def _clusters(text: str) -> Iterator[str]:
    """The characters, each with the marks that belong to it; one font must have all of a cluster."""
    cluster = ""
    for character in text:
        joined = unicodedata.category(character).startswith("M") or character in IGNORABLE or cluster[-1:] == "\u200d"
        if cluster and not joined and not 0x1F3FB <= ord(character) <= 0x1F3FF:  # colours of skin
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _has(cluster: str) -> bool:
    needed = {ord(character) for character in cluster if character not in IGNORABLE}
    if any(unicodedata.category(chr(code)) in ("Cc", "Cf", "Co", "Cs") and chr(code) not in SPACES for code in needed):
        return False  # has no look of its own, or could turn the text around it
    return cluster in SPACES or any(needed <= _characters(path) for path in files())


@cache
def _characters(path: Path) -> frozenset[int]:
    with _font(path) as font:
        return frozenset(font.getBestCmap())


def _font(path: Path) -> TTFont:
    return TTFont(path, lazy=True, fontNumber=SIMPLIFIED_CHINESE if path.suffix == ".ttc" else -1)
