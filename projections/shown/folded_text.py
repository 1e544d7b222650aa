"""Text as searches compare it."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """The text without case and accents. Case is folded a second time because some characters are taken apart into capitals: ℡
    into TEL."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in apart if not unicodedata.combining(each)).casefold()
