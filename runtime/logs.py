"""Log lines for operators: one event, key=value, no secrets, no payloads."""

from __future__ import annotations

import logging
import sys
from typing import Any


def start_logs() -> None:
    """Lines on standard error: time, logger, event. Called once, by the process's entrance."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        datefmt="%H:%M:%S",
        force=True,
    )
    for loud in ("aiokafka", "httpx", "httpcore", "mode", "faust", "uvicorn.access"):
        logging.getLogger(loud).setLevel(logging.WARNING)


def event(name: str, **fields: Any) -> str:
    """One line: `block-sent office=president partition=3 through=120`."""
    return " ".join([name, *(f"{key}={_shown(value)}" for key, value in fields.items())])


def _shown(value: Any) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text
