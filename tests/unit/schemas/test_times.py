"""Times as text: what is written is read back, and nothing else is taken for a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import (
    MICROSECONDS_MAX,
    microseconds_of_text,
    microseconds_since_1970,
    name_of_time,
    text_of_microseconds,
    time_text,
)

MOMENT = datetime(2029, 2, 14, 13, 0, 3, 512_999, tzinfo=UTC)


def test_a_time_is_cut_and_not_rounded() -> None:
    assert time_text(MOMENT) == "2029-02-14T13:00:03.512Z"
    assert time_text(MOMENT, "seconds") == "2029-02-14T13:00:03Z"
    assert time_text(MOMENT, "microseconds") == "2029-02-14T13:00:03.512999Z"


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=7)))
    assert time_text(elsewhere) == time_text(MOMENT)
    assert name_of_time(elsewhere) == name_of_time(MOMENT) == "20290214T130003Z"


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_000, "1970-01-01T00:00:00.001Z"),
        (1_001, "1970-01-01T00:00:00.001001Z"),
    ],
)
def test_microseconds_are_written_only_where_they_are_not_0(microseconds: int, text: str) -> None:
    assert text_of_microseconds(microseconds) == text


@given(st.integers(1, MICROSECONDS_MAX - 1))
def test_what_is_written_is_read_back(microseconds: int) -> None:
    assert microseconds_of_text(text_of_microseconds(microseconds)) == microseconds


@pytest.mark.parametrize("text", [None, 7, "", "2029-02-14T13:00:03", text_of_microseconds(0), "9999-12-31T00:00:00Z"])
def test_what_is_not_a_time_between_1970_and_9999_is_0(text: object) -> None:
    assert microseconds_of_text(text) == 0


def test_the_first_and_the_last_microsecond_are_read() -> None:
    assert microseconds_of_text("1970-01-01T00:00:00.000001Z") == 1
    assert microseconds_of_text("9999-12-30T23:59:59.999999Z") == MICROSECONDS_MAX - 1


def test_a_time_without_a_zone_is_refused() -> None:
    assert microseconds_since_1970(MOMENT) == 1_865_768_403_512_999
    with pytest.raises(TypeError):
        microseconds_since_1970(MOMENT.replace(tzinfo=None))
