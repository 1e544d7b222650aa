"""Texts inside XML 1.0, for XML files and for the XML inside of XLSX files."""

from __future__ import annotations

import re

_SPECIAL = re.compile("[^\x20-\x21\x23-\x25\x27-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""All that is not written as it is: `&`, `<`, `>` and `"`; tab and line ends, which a reader may change; and what XML cannot
hold."""
_WRITTEN = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}
REPLACEMENT = "\ufffd"
"""Written for a character that XML 1.0 cannot hold (2.2), which no text of a package has but U+FFFE and U+FFFF."""


def escaped(text: str) -> str:
    """The text as content of an element or as a value of an attribute."""
    return _SPECIAL.sub(_written, text) if _SPECIAL.search(text) else text


def _written(found: re.Match[str]) -> str:
    return _WRITTEN.get(found.group(), REPLACEMENT)
