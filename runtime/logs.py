"""Log lines for operators: a name and key=value, without secrets and without payloads."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

from runtime.error_words import in_words, is_outside
from runtime.repeated_lines import RepeatedLines

VALUE_CHARACTERS_MAX = 2_000
"""Limit for one value, because a library's message may repeat all of its input."""
_BARE = re.compile(r"[A-Za-z0-9_./:@+,;()\[\]{}<>?!#$%&*|~^'-]+")
"""A value that is written without quotes, because its characters can neither end a value nor begin another."""


def start_logs() -> None:
    """Write log lines to standard error: time, level, logger, line. A warning that repeats is written once (repeated_lines.py).
    Called once, where the process begins."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%H:%M:%S"))
    handler.addFilter(name_outside_errors)
    handler.addFilter(RepeatedLines(lambda logger, sentence: logger.warning(sentence)))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for loud in _LIBRARIES:
        logging.getLogger(loud).setLevel(logging.WARNING)


_LIBRARIES = (
    "aiokafka", "httpx", "httpcore", "mode", "faust", "streams.faust_patches", "uvicorn.access", "uvicorn.error",
)  # fmt: skip
"""Loggers of libraries, of which only warnings are written. Their own lines about start and stop mislead an operator, such as
"Press CTRL+C to quit" about a process that `rekap up` supervises. The log lines `serving` and `stopping` have what matters."""


def keep_libraries_silent() -> None:
    """Write no log line of a library in a command for people, until `start_logs`. Python would write warnings without a time
    or a name, such as that of a producer that tries again. What fails in the end is raised, and becomes a sentence."""
    for library in _LIBRARIES:
        if not (logger := logging.getLogger(library)).handlers:
            logger.addHandler(logging.NullHandler())


def name_outside_errors(record: logging.LogRecord) -> bool:
    """A filter that keeps each record. Where a library warns, with a traceback of its own, of something outside this program,
    the traceback becomes the words for the error: asyncpg writes thirty lines in each process whenever PostgreSQL is away."""
    error = record.exc_info[1] if record.exc_info else None
    is_of_library = not record.name.startswith("rekap.") and record.levelno < logging.CRITICAL
    if is_of_library and error is not None and is_outside(error):
        record.msg, record.args = "%s: %s", (record.getMessage(), in_words(error))
        record.exc_info = record.exc_text = None
    return True


class LineFormatter(logging.Formatter):
    """Writes each record as one line, even where a library's message contains what a client sent. A `|` before each line of
    a traceback distinguishes it from a log line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return _set_off(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _set_off(stack_info)


def log_line(name: str, **fields: Any) -> str:
    """Text of a log line: `block-sent office=president partition=3 through=120`."""
    return " ".join([name, *(f"{key}={_shown(value)}" for key, value in fields.items())])


def escaped(text: str) -> str:
    """The text with an escape for each character that a terminal or an editor would not show as it is: control characters,
    line ends of any kind, characters that change the direction of text, and other invisible ones."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _shown(value: Any) -> str:
    text = str(value)
    if len(text) > VALUE_CHARACTERS_MAX:
        text = f"{text[:VALUE_CHARACTERS_MAX]}… ({len(text)} characters)"
    if _BARE.fullmatch(text):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped(text)}"'


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _set_off(text: str) -> str:
    return "\n".join(f"  | {escaped(line)}" for line in re.split("[\r\n]+", text))
