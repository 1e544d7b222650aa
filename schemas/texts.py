"""Which characters a text for people may hold, and how it is shown where something else might stand in it.

A control character can move a terminal's cursor, a direction character makes a name read as another one. Neither is
part of any name, so packages and events may not hold them; what comes from elsewhere (a server's answer, a file that was
refused) is shown with them written out.
"""

from __future__ import annotations

import re
import unicodedata

HIDDEN_CHARACTERS = (
    r"\x00-\x1f\x7f-\x9f"  # C0 and C1: what a terminal obeys, and NUL, which PostgreSQL does not store
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Bidi_Control
    r"\u2028\u2029"  # line ends to some readers
    r"\ufeff"  # a byte order mark in the midst of a text
)
"""Inside of a character class, in a form that Python's `re`, pydantic's Rust and JSON Schema read alike."""
PLAIN_TEXT_PATTERN = rf"^[^{HIDDEN_CHARACTERS}]*$"
WEB_ADDRESS_PATTERN = (
    r"^https?://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?$"
)
"""http or https and a host, no user before it (`https://kpu.example@elsewhere.example` leads elsewhere), RFC 3986's
characters after it: what a page may make a link of."""

REAL_DAY = (
    r"[12][0-9]{3}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|[12][0-9]{3}-(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|[12][0-9]{3}-02-(0[1-9]|1[0-9]|2[0-8])"
    r"|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29"
)
"""A day of the calendar from the year 1000 to 2999. `\\d` would be the digits of every script."""
REAL_HOUR = r"([01][0-9]|2[0-3])"

HIDDEN = re.compile(f"[{HIDDEN_CHARACTERS}]")
_NEITHER_SHOWN_NOR_SENT = re.compile(f"[{HIDDEN_CHARACTERS}\ud800-\udfff]")
_WITHOUT_WIDTH = re.compile("[\u00ad\u200b-\u200d\u2060\ufe00-\ufe0f]")
SHOWN_CHARACTERS_MAX = 2_000
"""Limit for one text from elsewhere in one line: a server may answer with megabytes in one field."""


def shown(text: object) -> str:
    """The text as one line that a terminal, a log or a reader cannot take for anything else."""
    whole = str(text)
    cut = whole if len(whole) <= SHOWN_CHARACTERS_MAX else whole[: SHOWN_CHARACTERS_MAX - 1] + "…"
    return _NEITHER_SHOWN_NOR_SENT.sub(_written_out, cut)


def _written_out(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def same_name(name: str) -> str:
    """The same for two spellings that a reader takes for one name: NFC, without what has no width, spaces as one."""
    return " ".join(_WITHOUT_WIDTH.sub("", unicodedata.normalize("NFC", name)).split())
