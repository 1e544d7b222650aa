"""Times as text: RFC 3339 in UTC, ending in `Z`. Inside, a time is the number of microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_MAX = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MICROSECOND
"""Limit for a time that is read. A later one, in a time zone far from UTC, would be in the year 10000."""


def time_text(moment: datetime, precision: Literal["seconds", "milliseconds", "microseconds"] = "milliseconds") -> str:
    """The time as text, cut to `precision`. Gateways write the time of receipt to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def name_of_time(moment: datetime) -> str:
    """The time to the second as part of a file's name, such as `20290214T130000Z`. Names sort by time."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def text_of_microseconds(microseconds: int) -> str:
    """The time as text, to the millisecond, or to the microsecond where the number is not a whole millisecond."""
    return time_text(
        _EPOCH + timedelta(microseconds=microseconds), "milliseconds" if microseconds % 1000 == 0 else "microseconds"
    )


def microseconds_since_1970(moment: datetime) -> int:
    """Raises TypeError where the time has no time zone."""
    return (moment - _EPOCH) // _MICROSECOND


def microseconds_of_text(text: object) -> int:
    """Read a time in RFC 3339; 0 where `text` is not one, or is not between 1970 and the year 9999."""
    if not isinstance(text, str):
        return 0
    try:
        microseconds = microseconds_since_1970(datetime.fromisoformat(text))
    except (ValueError, TypeError):  # TypeError: a time without a time zone
        return 0
    return microseconds if 0 < microseconds < MICROSECONDS_MAX else 0
