"""Shares and bars for people: per cent of a whole, and a bar of characters. Integers only, so a tie never rounds two ways.

A share is rounded half up to hundredths of a per cent. It is shown and never used for arithmetic.
"""

from __future__ import annotations

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def per_cent(part: int, whole: int) -> str:
    """`51.07 %`; a dash where there is no whole. What is not nothing is not shown as 0, and what is not all not as 100."""
    if whole <= 0:
        return "–"
    hundredths = (part * 20_000 + whole) // (2 * whole)
    if part > 0 and hundredths == 0:
        return "< 0.01 %"
    if part < whole and hundredths >= 10_000:
        return "> 99.99 %"
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def bar(part: int, whole: int, width: int) -> str:
    """A bar of `width` columns, filled in eighths of a column. What is not nothing has at least an eighth."""
    if whole <= 0 or width <= 0:
        return " " * max(width, 0)
    eighths = min(8 * width, max(part * 8 * width // whole, 1 if part > 0 else 0))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)
