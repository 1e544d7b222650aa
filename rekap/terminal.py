"""What goes to the terminal: each line is one line, and data in it is data.

Every command prints through `say` and `complain`. What they are given may hold a server's answer, a file's cell or a
candidate's name; control and direction characters are written out, so that no text from elsewhere moves the cursor, ends
a line or makes a second one that looks like ours.
"""

from __future__ import annotations

import codecs
import sys
from typing import NoReturn

from rich.text import Text

from schemas.texts import shown

_IN_ASCII = {"…": "...", "—": "-", "–": "-", "·": "|", "×": "x", "→": "->", "Σ": "sum", "≤": "<=", "≥": ">=", "µ": "u"}
_ERRORS = "rekap-terminal"


def say(*lines: object) -> None:
    """Print each of these as one line."""
    for line in lines:  # click.echo would write UTF-8 to a terminal that knows only ASCII
        print(shown(line), flush=True)


def complain(*lines: object) -> None:
    """The same, to standard error."""
    for line in lines:
        print(shown(line), file=sys.stderr, flush=True)


def give_up(code: int, sentence: object, *more: object) -> NoReturn:
    """End the command with what went wrong."""
    complain(f"Error: {sentence}", *more)
    raise SystemExit(code)


def cell(text: object) -> Text:
    """A cell or title of one of rich's tables. As a plain `str`, `[red]` in a name would be an order and not a name."""
    return Text(shown(text))


def speak_any_encoding() -> None:
    """A terminal that knows only ASCII gets every line too, with what it cannot show written out. Called once, by the
    command's entrance: Python would end the command with a UnicodeEncodeError in the midst of what it does."""
    codecs.register_error(_ERRORS, _stand_in)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # pytest and others put streams of their own there
            stream.reconfigure(errors=_ERRORS)


def _stand_in(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    written = "".join(_IN_ASCII.get(each) or each.encode("ascii", "backslashreplace").decode() for each in text)
    return written, error.end
