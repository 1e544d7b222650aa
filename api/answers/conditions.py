"""Conditional requests and ranges (RFC 9110, sections 13 and 14): pure functions from header fields to the kind of answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
"""RFC 9110, 8.8.3. A comma may be inside the quotes."""
_BYTE_RANGE = re.compile(r"bytes\s*=\s*(?:(\d{1,18})\s*-\s*(\d{1,18})?|-\s*(\d{1,18}))\s*\Z", re.IGNORECASE)
"""One range. For several ranges in one request the whole answer is sent, as 14.2 allows."""

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
    """Bytes of an answer: those from `first` up to the one before `end`."""

    first: int
    end: int


NOT_SATISFIABLE = Part(0, 0)


def part(asked: Mapping[str, str], length: int, etag: str | None, last_modified: str | None) -> Part | None:
    """The bytes that `Range` names of an answer of this length: None for the whole answer, NOT_SATISFIABLE where the answer has
    none of these bytes."""
    if (found := _BYTE_RANGE.match(asked.get("range", "").strip())) is None:
        return None
    if (condition := asked.get("if-range")) is not None and not _is_still(condition.strip(), etag, last_modified):
        return None
    first, last, suffix = (None if each is None else int(each) for each in found.groups())
    if suffix is not None:
        return Part(max(0, length - suffix), length) if suffix and length else NOT_SATISFIABLE
    assert first is not None
    if last is not None and last < first:
        return None  # not a valid range (14.1.1), so the field is ignored
    if first >= length:
        return NOT_SATISFIABLE
    return Part(first, length if last is None else min(last + 1, length))


def _names(tags: str, etag: str | None, *, strongly: bool) -> bool:
    """Whether a list of entity tags contains this tag. A weak tag never matches strongly (8.8.3.2)."""
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
    """The date of a header field; None where the field is absent or not a valid date, because it is then ignored."""
    if text is None:
        return None
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter where a number of the date has too many digits
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
