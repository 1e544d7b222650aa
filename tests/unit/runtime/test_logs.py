"""A log line is one line, whatever is in its values, and a value cannot look like another field."""

from __future__ import annotations

import io
import logging
import re
import subprocess
import sys
import unicodedata

import pytest
from aiokafka.errors import KafkaConnectionError

from runtime.logs import VALUE_CHARACTERS_MAX, LineFormatter, log_line, name_outside_errors


def _logged(message: str, *, error: BaseException | None = None) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter("%(levelname)s %(name)s %(message)s"))
    record = logging.LogRecord("rekap.test", logging.ERROR, "", 0, message, None, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    handler.handle(record)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (5, "x=5"),
        ("/v1/areas/34.02", "x=/v1/areas/34.02"),
        ("", 'x=""'),
        ("two words", 'x="two words"'),
        ("a=b", 'x="a=b"'),
        ('say "yes"', r'x="say \"yes\""'),
        ("back\\slash", r'x="back\\slash"'),
        ("line\nWARNING rekap.gateway all-is-well", r'x="line\u000aWARNING rekap.gateway all-is-well"'),
        ("\r\x1b[2J", r'x="\u000d\u001b[2J"'),
        ("\u202egnp", r'x="\u202egnp"'),
        ("Pemilu é", 'x="Pemilu é"'),
        ("\U000e0041", r'x="\U000e0041"'),
    ],
)
def test_a_value_is_shown_so_that_it_is_one_value(value: object, shown: str) -> None:
    assert log_line("tried", x=value) == f"tried {shown}"


def test_no_character_ends_a_line_or_a_value_or_is_unseen() -> None:
    """Every character there is, in a value and in somebody else's message."""
    unseen = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    for first in range(0, sys.maxunicode + 1, 4096):
        text = "".join(map(chr, range(first, min(first + 4096, sys.maxunicode + 1))))
        for start in range(0, len(text), 1024):
            part = text[start : start + 1024]
            for line in (_logged(log_line("tried", x=part, y=1)), _logged(f"library: {part}")):
                assert len(line.splitlines()) == 1
                assert line.endswith("\n")
                assert {unicodedata.category(each) for each in line[:-1]}.isdisjoint(unseen)
            written = log_line("tried", x=part, y=1)
            assert re.fullmatch(r'tried x="(?:[^"\\]|\\.)*" y=1', written)


def test_a_value_is_bounded() -> None:
    assert len(log_line("tried", x="\n" * 10_000_000)) < 7 * VALUE_CHARACTERS_MAX


def test_the_lines_of_a_traceback_cannot_be_taken_for_others() -> None:
    try:
        raise ValueError("bad\nERROR rekap.gateway forged x=1\r\u2028ERROR rekap.gateway forged")
    except ValueError as error:
        lines = _logged("failed", error=error).splitlines()
    assert lines[0] == "ERROR rekap.test failed"
    assert all(line.startswith("  | ") for line in lines[1:])
    assert len(lines) > 3


@pytest.mark.parametrize(
    ("name", "level", "error", "is_named"),
    [
        ("asyncpg.pool", logging.WARNING, ConnectionRefusedError(111, "a text"), True),
        ("aiokafka.conn", logging.ERROR, KafkaConnectionError("a text"), True),
        ("asyncpg.pool", logging.WARNING, ValueError("a bug"), False),
        ("asyncpg.pool", logging.CRITICAL, ConnectionRefusedError(111, "a text"), False),
        ("rekap.notary", logging.WARNING, ConnectionRefusedError(111, "a text"), False),
    ],
)
def test_a_library_that_warns_of_what_is_outside_writes_no_traceback(
    name: str, level: int, error: Exception, is_named: bool
) -> None:
    record = logging.LogRecord(name, level, "", 0, "Failed to restore %s", ("the pool",), None)
    record.exc_info = (type(error), error, error.__traceback__)
    assert name_outside_errors(record)
    text = LineFormatter("%(message)s").format(record)
    assert ("\n" not in text) == is_named
    assert text.startswith("Failed to restore the pool")
    if is_named:
        assert re.fullmatch(r"Failed to restore the pool: no (server|broker) answers there \(\w+\)", text)


@pytest.mark.parametrize(
    ("starts_logs", "lines"),
    [(False, ["ours"]), (True, ["WARNING aiokafka.producer again", "WARNING ours ours"])],
)
def test_a_command_for_people_writes_no_line_of_a_library(starts_logs: bool, lines: list[str]) -> None:
    program = (
        "import logging; from runtime.logs import keep_libraries_silent, start_logs; keep_libraries_silent(); "
        + ("start_logs(); " if starts_logs else "")
        + "logging.getLogger('aiokafka.producer').warning('again'); logging.getLogger('ours').warning('ours')"
    )
    written = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in written.splitlines()] == lines
