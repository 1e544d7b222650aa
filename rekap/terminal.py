"""Output to the terminal. Every command prints by `print_lines` and `complain`.

A line may contain a server's answer, a file's cell or a candidate's name. Control and direction characters in it are escaped,
so that a text from elsewhere cannot move the cursor, end a line or make a second line that looks like ours.
"""

from __future__ import annotations

import codecs
import sys
from typing import NoReturn

from rich.text import Text

from schemas.texts import shown

_IN_ASCII = {"…": "...", "—": "-", "–": "-", "·": "|", "×": "x", "→": "->", "Σ": "sum", "≤": "<=", "≥": ">=", "µ": "u"}
_ERRORS = "rekap-terminal"


def print_lines(*lines: object) -> None:
    """Print each argument as one line."""
    for line in lines:  # click.echo would write UTF-8 to a terminal that knows only ASCII
        print(shown(line), flush=True)


def complain(*lines: object) -> None:
    """Print each argument as one line to standard error."""
    for line in lines:
        print(shown(line), file=sys.stderr, flush=True)


def give_up(code: int, sentence: object, *more: object) -> NoReturn:
    """End the command with an error."""
    complain(f"Error: {sentence}", *more)
    raise SystemExit(code)


def cell(text: object) -> Text:
    """A cell or title of one of rich's tables. In a plain `str`, rich would take `[red]` in a name as markup."""
    return Text(shown(text))


def escape_for_any_encoding() -> None:
    """Let standard output and error escape the characters that their encoding lacks. Called once at the start of a command,
    because Python would otherwise end the command with a UnicodeEncodeError at such a character."""
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
