"""Durations as people read them."""


def clock(seconds: float) -> str:
    """`"48 s"` or `"3:05 min"`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}:{whole % 60:02d} min"
