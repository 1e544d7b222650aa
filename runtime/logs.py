"""Log lines for operators: one event, key=value, no secrets, no payloads."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

VALUE_CHARACTERS_MAX = 2_000
"""Limit for one value: a library's message may repeat all that it was given."""
_BARE = re.compile(r"[A-Za-z0-9_./:@+,;()\[\]{}<>?!#$%&*|~^'-]+")
"""What is shown without quotes: it can neither end a value nor begin another."""


def start_logs() -> None:
    """Lines on standard error: time, logger, event. Called once, by the process's entrance."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for loud in ("aiokafka", "httpx", "httpcore", "mode", "faust", "uvicorn.access"):
        logging.getLogger(loud).setLevel(logging.WARNING)


class LineFormatter(logging.Formatter):
    """One record, one line, also where a library's message holds what somebody sent; and each line of a traceback is seen
    to be one by the `|` before it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return _set_off(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _set_off(stack_info)


def event(name: str, **fields: Any) -> str:
    """One line: `block-sent office=president partition=3 through=120`."""
    return " ".join([name, *(f"{key}={_shown(value)}" for key, value in fields.items())])


def escaped(text: str) -> str:
    """The text without what a terminal or an editor would not show as it is: control characters, line ends of any kind,
    characters that change the direction of text, and others that cannot be seen."""
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
