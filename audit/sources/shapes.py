"""Checks of values, which are put together into the shape of a whole event. Each names the field at fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

COUNT_MAX = 999_999_999
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,6})?(?:Z|[+-]([0-9]{2}):([0-9]{2}))"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HIDDEN = frozenset(
    chr(number)
    for first, last in (
        (0, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xFEFF, 0xFEFF),
    )
    for number in range(first, last + 1)
)  # fmt: skip
"""Control and direction characters, and line ends that only some readers know."""
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!#-;=?-Z\[\]_a-z~]*)?")


class ShapeError(ValueError):
    """A value is not what the description asks for; the sentence names the field."""


Check = Callable[[str, Any], None]


def matches(pattern: re.Pattern[str]) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ShapeError(f"{name}: {value!r:.80} does not match {pattern.pattern}")

    return check


def number(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise ShapeError(f"{name}: expected a whole number from {low} to {high}, got {value!r:.80}")

    return check


def text(characters_max: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or len(value) > characters_max or not _HIDDEN.isdisjoint(value):
            raise ShapeError(f"{name}: expected a text of up to {characters_max} characters, none of them hidden")

    return check


def address(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > 500 or not _ADDRESS.fullmatch(value):
        raise ShapeError(f"{name}: expected an address that begins with http:// or https://")


def time(name: str, value: Any) -> None:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ShapeError(f"{name}: {value!r:.80} is not a time of RFC 3339")
    year, month, day, hour, minute, second, zone_hour, zone_minute = (int(part or 0) for part in found.groups())
    days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    of_month = (31, days, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1] if 1 <= month <= 12 else 0
    if not (1000 <= year <= 2999 and 1 <= day <= of_month and max(hour, zone_hour) <= 23):
        raise ShapeError(f"{name}: {value!r:.80} is not a day or hour that there is")
    if max(minute, second, zone_minute) > 59:
        raise ShapeError(f"{name}: {value!r:.80} is not a minute or second that there is")


def day(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ShapeError(f"{name}: {value!r:.80} is not a day such as 2029-02-14")
    time(name, f"{value}T00:00:00Z")


def one_of(*words: str) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in words or not isinstance(value, str):
            raise ShapeError(f"{name}: {value!r:.80} is none of {', '.join(words)}")

    return check


def maybe(inner: Check) -> Check:
    """The value, or null, or nothing."""

    def check(name: str, value: Any) -> None:
        if value is not None:
            inner(name, value)

    return check


def object_of(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    known = {**required, **optional}

    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError(f"{name}: expected an object")
        for key in required:
            if key not in value:
                raise ShapeError(f"{name}.{key}: is missing")
        for key, each in value.items():
            inner = known.get(key)
            if inner is None:
                raise ShapeError(f"{name}.{key:.80}: there is no such field")
            inner(key, each)

    return check


def list_of(inner: Check, entries_max: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, list) or len(value) > entries_max:
            raise ShapeError(f"{name}: expected a list of up to {entries_max}")
        for each in value:
            inner(name, each)

    return check


_codes_seen: set[str] = set()
"""Codes that match CODE. A nation's forms repeat 150,000 of them, and to look one up costs a tenth of matching it."""
CODES_SEEN_MAX = 500_000
"""Codes that are remembered, in about 50 MB of each process. Records with other codes are matched one by one, as before."""


def tally(entries_max: int) -> Check:
    count, code = number(0, COUNT_MAX), matches(CODE)

    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict) or len(value) > entries_max:
            raise ShapeError(f"{name}: expected up to {entries_max} numbers by code")
        if value.keys() <= _codes_seen and _are_counts(value):
            return
        for key, each in value.items():
            code(name, key)
            count(name, each)
        if len(_codes_seen) + len(value) <= CODES_SEEN_MAX:
            _codes_seen.update(value)

    return check


def _are_counts(value: dict[str, Any]) -> bool:
    numbers = value.values()
    return set(map(type, numbers)) == {int} and min(numbers) >= 0 and max(numbers) <= COUNT_MAX
