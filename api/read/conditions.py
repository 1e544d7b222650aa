"""Conditional requests and ranges as RFC 9110 has them, sections 13 and 14: pure, from header fields to what is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
"""RFC 9110, 8.8.3; a comma may stand inside the quotes."""
_BYTE_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))\s*\Z", re.IGNORECASE)
"""One range. Several in one request are not served: the whole answer is right as well (14.2)."""

OK, NOT_MODIFIED, PRECONDITION_FAILED = 200, 304, 412


def outcome(asked: Mapping[str, str], etag: str | None, last_modified: str | None) -> int:
    """200, 304 or 412 for a GET or HEAD whose answer would be 200 with these validators, in the order of section 13.2.2."""
    modified = _date(last_modified)
    if (tags := asked.get("if-match")) is not None:
        if tags.strip() != "*" and not _names(tags, etag, strongly=True):
            return PRECONDITION_FAILED
    elif (since := _date(asked.get("if-unmodified-since"))) is not None and modified is not None and modified > since:
        return PRECONDITION_FAILED
    if (tags := asked.get("if-none-match")) is not None:
        return NOT_MODIFIED if tags.strip() == "*" or _names(tags, etag, strongly=False) else OK
    if (since := _date(asked.get("if-modified-since"))) is not None and modified is not None and modified <= since:
        return NOT_MODIFIED
    return OK


class Part(NamedTuple):
    """Bytes of an answer: from the first up to the one before `end`."""

    first: int
    end: int


NOT_SATISFIABLE = Part(0, 0)


def part(asked: Mapping[str, str], length: int, etag: str | None, last_modified: str | None) -> Part | None:
    """What `Range` asks of an answer of this length; None for all of it, NOT_SATISFIABLE where it has none of that."""
    if (found := _BYTE_RANGE.match(asked.get("range", "").strip())) is None:
        return None
    if (condition := asked.get("if-range")) is not None and not _is_still(condition.strip(), etag, last_modified):
        return None
    first, last, suffix = (None if each is None else int(each) for each in found.groups())
    if suffix is not None:
        return Part(max(0, length - suffix), length) if suffix and length else NOT_SATISFIABLE
    assert first is not None
    if last is not None and last < first:
        return None  # not a range at all (14.1.1), so it says nothing
    if first >= length:
        return NOT_SATISFIABLE
    return Part(first, length if last is None else min(last + 1, length))


def _names(tags: str, etag: str | None, *, strongly: bool) -> bool:
    """Whether a list of entity tags names this one. A weak tag is never strongly the same (8.8.3.2)."""
    if etag is None or (strongly and etag.startswith("W/")):
        return False
    for each in _ENTITY_TAG.findall(tags):
        if each == etag or (not strongly and each.removeprefix("W/") == etag.removeprefix("W/")):
            return True
    return False


def _is_still(condition: str, etag: str | None, last_modified: str | None) -> bool:
    """`If-Range` (13.1.5): a strong tag, or the exact date of the answer."""
    if condition.startswith(('"', "W/")):
        return _names(condition, etag, strongly=True)
    return last_modified is not None and condition == last_modified


def _date(text: str | None) -> datetime | None:
    """A date of a header field; None where there is none, or none that is valid: the field is then ignored."""
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
