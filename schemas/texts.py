"""Characters that a text for people may hold, and how a text from elsewhere is shown.

A control character can move a terminal's cursor, and a direction character can make a name read as another one. Neither is
part of any name, so packages and events must not hold them. A text from elsewhere, such as a server's answer or a refused
file, is shown with these characters escaped.
"""

from __future__ import annotations

import re
import reprlib
import unicodedata
from itertools import islice

HIDDEN_CHARACTERS = (
    r"\x00-\x1f\x7f-\x9f"  # C0 and C1, which control a terminal; and NUL, which PostgreSQL cannot store
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Bidi_Control
    r"\u2028\u2029"  # line ends for some readers
    r"\ufeff"  # a byte order mark inside a text
)
"""The inside of a character class, written so that Python's `re`, pydantic's Rust and JSON Schema read it alike."""
PLAIN_TEXT_PATTERN = rf"^[^{HIDDEN_CHARACTERS}]*$"
WEB_ADDRESS_PATTERN = (
    r"^https?://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?#][A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?$"
)
"""A web address that a page may link to: http or https, a host without a user before it
(`https://kpu.example@elsewhere.example` leads to elsewhere.example), then characters of RFC 3986."""

REAL_DAY = (
    r"[12][0-9]{3}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|[12][0-9]{3}-(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|[12][0-9]{3}-02-(0[1-9]|1[0-9]|2[0-8])"
    r"|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29"
)
"""A day of the calendar in the years 1000 to 2999. `\\d` would match the digits of every script."""
REAL_HOUR = r"([01][0-9]|2[0-3])"

HIDDEN = re.compile(f"[{HIDDEN_CHARACTERS}]")
_ESCAPED = re.compile(f"[{HIDDEN_CHARACTERS}\ud800-\udfff]")
_WITHOUT_WIDTH = re.compile("[\u00ad\u200b-\u200d\u2060\ufe00-\ufe0f]")
SHOWN_CHARACTERS_MAX = 2_000
"""Limit for a text from elsewhere that is shown in a line. A server could answer with megabytes in one field."""


def shown(text: object) -> str:
    """The text as one line, without characters that could control a terminal or mislead a reader."""
    whole = str(text)
    cut = whole if len(whole) <= SHOWN_CHARACTERS_MAX else whole[: SHOWN_CHARACTERS_MAX - 1] + "…"
    return _ESCAPED.sub(_escape, cut)


class _Beginning(reprlib.Repr):
    """`repr` of the first entries of the first levels, because a file of megabytes may be one value, and nested deeper than
    `repr` can descend."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxdict = 20
        self.maxstring = self.maxlong = self.maxother = 4 * SHOWN_CHARACTERS_MAX

    def repr_dict(self, x: dict[object, object], level: int) -> str:
        """Text of a dictionary in its own order, which the library's method does not keep."""
        if level <= 0:
            return "{...}"
        shown_items = (
            f"{self.repr1(key, level - 1)}: {self.repr1(x[key], level - 1)}" for key in islice(x, self.maxdict)
        )
        more = ["..."] if len(x) > self.maxdict else []
        return "{" + ", ".join([*shown_items, *more]) + "}"


def written(value: object) -> str:
    """A value from elsewhere as Python writes it, as one line like `shown`."""
    return shown(_BEGINNING.repr(value))


_BEGINNING = _Beginning()


def _escape(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def same_name(name: str) -> str:
    """The name in a form that is equal for two spellings which look alike: NFC, without characters of no width, and with each
    run of spaces as one space."""
    return " ".join(_WITHOUT_WIDTH.sub("", unicodedata.normalize("NFC", name)).split())
