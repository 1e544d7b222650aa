"""Files of events and envelopes as people and programs write them: one JSON object, or one on each line.

EventFileError   the file cannot be read, or a line of it cannot be taken; names file and line
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from rekap.errors import UnusableError
from schemas.ledger.envelope import ENVELOPE_BYTES_MAX
from schemas.texts import shown

OBJECT_BYTES_MAX = 4 * ENVELOPE_BYTES_MAX
"""Limit for one object with its spaces and line ends. The largest envelope that a gateway takes is a quarter of it."""
NESTING_MAX = 10
"""Objects and lists within one another, of which an event has four. Python reads a thousand to several thousand, by its
version, and what reads the value next may take fewer. At half, a new kind of event could be refused."""
_TOO_DEEP = "not JSON that could be an event: it is nested too deeply"


class EventFileError(UnusableError):
    """A file cannot be read, or a line of it cannot be taken; the message begins with file and line."""

    def __init__(self, file: Path, line: int | None, sentence: str) -> None:
        position = shown(file) if line is None else f"{shown(file)}:{line}"
        super().__init__(f"{position}: {sentence}")


class Given(NamedTuple):
    file: Path
    line: int
    value: dict[str, Any]

    @property
    def position(self) -> str:
        return f"{shown(self.file)}:{self.line}"


def objects(file: Path) -> Iterator[Given]:
    """The objects of a file, one after the other, so that a file of a whole nation needs no more memory than one form. Raises
    EventFileError."""
    try:
        with file.open("rb") as opened:
            first, number = opened.readline(OBJECT_BYTES_MAX + 1), 1
            while first and not first.lstrip(b"\xef\xbb\xbf").strip():
                first, number = opened.readline(OBJECT_BYTES_MAX + 1), number + 1
            if not first.strip():
                raise EventFileError(file, None, "is empty")
            try:
                given = _object(file, number, first)
            except EventFileError:
                if first.lstrip(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
                    raise
                # The object may have several lines.
                rest = opened.read(OBJECT_BYTES_MAX + 1 - len(first))
                if not rest.strip():
                    raise
                yield _object(file, number, first + rest)
                return
            yield given
            while line := opened.readline(OBJECT_BYTES_MAX + 1):
                number += 1
                if line.strip():
                    yield _object(file, number, line)
    except OSError as error:
        raise EventFileError(file, None, f"cannot be read: {error.strerror}") from None


def see_that_each_can_be_read(files: Iterable[Path]) -> None:
    """Raises EventFileError for the first file that is missing, or that this user may not read."""
    for file in files:
        try:
            with file.open("rb"):
                pass
        except OSError as error:
            raise EventFileError(file, None, f"cannot be read: {error.strerror}") from None


def _object(file: Path, line: int, text: bytes) -> Given:
    """The object in a text that begins in this line."""
    if len(text) > OBJECT_BYTES_MAX:
        raise EventFileError(
            file, line, f"has more than {OBJECT_BYTES_MAX:,} bytes, so it is not a form; write one object on each line"
        )
    try:
        value = json.loads(
            text.rstrip().decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number, parse_int=_whole
        )
    except UnicodeDecodeError:
        raise EventFileError(file, line, "is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        line_in_file = line + error.lineno - 1
        if error.msg == "Extra data":
            raise EventFileError(
                file, line_in_file, "a second value begins here; write one object on each line, or a file for each"
            ) from None
        raise EventFileError(
            file, line_in_file, f"not JSON: {error.msg[:1].lower()}{error.msg[1:]} (column {error.colno})"
        ) from None
    except RecursionError:
        raise EventFileError(file, line, _TOO_DEEP) from None
    except ValueError as error:
        raise EventFileError(file, line, f"not JSON that could be an event: {error}") from None
    if not isinstance(value, dict):
        raise EventFileError(file, line, "expected a JSON object: a signed envelope or an event")
    if _is_nested_deeper(value, NESTING_MAX):
        raise EventFileError(file, line, _TOO_DEEP)
    if b"\\u" in text and _has_half_characters(value):
        raise EventFileError(file, line, "holds half of a character, such as \\ud800 without its other half")
    return Given(file, line, value)


def _has_half_characters(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _is_nested_deeper(value: Any, levels: int) -> bool:
    """Whether objects and lists lie in one another at more than `levels` levels."""
    within = [value]
    for _ in range(levels):
        within = [inner for each in within for inner in _members_of(each)]
    return any(isinstance(each, dict | list) for each in within)


def _members_of(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object. Raises ValueError if a key is given twice, because two readers could take two values and see two events."""
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"{shown(twice)[:60]!r} is given twice in one object")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)
