"""Text from data, such as the name of a class or a file, in characters that people can see."""

import re
import unicodedata
from collections.abc import Callable, Iterator

SPACES = "\t\n\r "
IGNORABLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\u2068\u2069\ufe0e\ufe0f")  # no font needs a glyph for these
ISOLATES = frozenset("\u2068\u2069")  # begin and end of a piece of text with a direction of its own
UNSEEN = ("Cc", "Cf", "Co", "Cs")  # control, format, private and half characters
_BREAKS = re.compile("[\t-\r\x1c-\x1f \x85\u2028\u2029]+")
_FORMULA = "=+-@＝＋－＠"  # a cell of a spreadsheet that begins with one of these is computed


def readable(name: str) -> str:
    """A name on one line, with code points for what cannot be seen: `"a[U+202E]b"`; a dash for spaces alone.

    A name that is written from right to left is marked as one piece, so that it does not turn the text around it.
    """
    if not name:
        return ""
    text = _BREAKS.sub(" ", name).strip(" \u2068\u2069")
    seen = any(unicodedata.category(character)[0] not in "ZC" for character in text)
    text = printable(text or name, lambda cluster: seen and not ISOLATES & {*cluster}).strip() or "–"
    if not any(unicodedata.bidirectional(character) in ("R", "AL") for character in text):
        return text
    return f"\u2068{text}\u2069"


def printable(text: str, has: Callable[[str], bool]) -> str:
    """The text, with code points for the characters that a font does not have: `"[U+4E2D U+6587]"`.

    Args:
        text: any text.
        has: whether there is a glyph for a character with the marks that belong to it.
    """
    if text.isascii() and text.isprintable():
        return text
    result, missing = "", []
    for cluster in _clusters(text):
        # A letter is kept without the accents that its font lacks.
        parts = (cluster[:end] for end in range(len(cluster), 0, -1))
        known = next((part for part in parts if _is_seen(part) and has(part)), "")
        if known and missing:
            result, missing = f"{result}[{' '.join(missing)}]", []
        result += known
        missing += [f"U+{ord(character):04X}" for character in cluster[len(known) :]]
    return f"{result}[{' '.join(missing)}]" if missing else result


def plain_cell(text: str) -> str:
    """A text for a CSV file that no spreadsheet computes: an apostrophe before what would be a formula."""
    return f"'{text}" if _is_formula(text) else text


def without_apostrophe(cell: str) -> str:
    """The text that `plain_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def terminal(text: str) -> str:
    """A text for a terminal or a log, its lines as they are, with code points for what would steer the terminal."""
    return "\n".join(printable(line.replace("\r", " "), lambda _: True) for line in text.split("\n"))


def _is_formula(text: str) -> bool:
    # A text that begins so after apostrophes counts too, so that no two texts become the same cell.
    return text.startswith(("\t", "\r", "\n")) or text.lstrip("' \t\r\n\u00a0\u3000").startswith(tuple(_FORMULA))


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


def _is_seen(cluster: str) -> bool:
    """Whether no character of a cluster lacks a look of its own or could turn the text around it."""
    return all(
        character in IGNORABLE or character in SPACES or unicodedata.category(character) not in UNSEEN
        for character in cluster
    )
