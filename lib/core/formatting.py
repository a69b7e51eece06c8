"""Numbers, durations and lists as readers see them."""

from collections.abc import Sequence

from lib.core.traced import plain


def clock(seconds: float) -> str:
    """`"48 s"` or `"3:05 min"`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d} min"


def count(number: float, singular: str, plural: str | None = None) -> str:
    """`"1 image"`, `"1,234 images"`; an expected number is rounded."""
    return f"{number:,.0f} {singular if round(number) == 1 else plural or singular + 's'}"


def listed(words: Sequence[str]) -> str:
    """`"a"`, `"a and b"`, `"a, b and c"`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def percent(share: float) -> str:
    """`"12.3 %"`; two decimals below 1 % and above 99 %, so that 99.96 % is not printed as 100.0 %."""
    digits = 1 if 0.01 <= share <= 0.99 or share in (0.0, 1.0) else 2
    return f"{100 * share:.{digits}f} %"


def p_value(value: float, name: str = "") -> str:
    """`"0.012"`, `"< 0.001"`; with its name, as in a sentence, `"p = 0.012"`, `"p < 0.001"`."""
    equals, number = ("= ", f"{value:.2g}") if value >= 0.001 else ("", "< 0.001")
    return f"{name} {equals}{number}" if name else number


def signed(value: float, digits: int = 4) -> str:
    """`"+0.0120"`, `"−0.0200"`; a value that rounds to zero has no sign."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if plain(text).strip("+−0.") else text.replace("+", "").replace("−", "")
