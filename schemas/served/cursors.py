"""Cursors: opaque texts by which a client continues where it stopped, in a list or in the live feed.

A cursor is a JSON array in URL-safe base64 without padding. What the values mean, and which are valid, is decided by the list
(api/read/events.py) or the feed (feed_cursors.py) that made the cursor.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

import orjson


def cursor_text(values: Sequence[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()


def cursor_values(cursor: str) -> list[Any] | None:
    """The values in a cursor; None where the text is not a cursor."""
    try:
        values = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None
    return values if isinstance(values, list) else None
