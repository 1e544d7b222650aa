"""Shares are exact fractions, rounded once, and absent where a number is not known."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.shown.shares import per_cent, per_cent_reached, shares_of

TALLY: dict[str, Any] = {
    "stations": {"expected": 30_000, "counted": 29_999},
    "counted": {
        "registered_voters": 1_000,
        "voters": 811,
        "valid": 800,
        "invalid": 11,
        "total": 811,
        "not_stated": {},
        "votes": {"1": 409, "2": 391},
    },
    "margin": 18,
}


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (96_214_691, 164_227_475, "58.59 %"),  # Indonesia's president of 2024, as announced
        (1, 3, "33.33 %"),
        (2, 3, "66.67 %"),
        (1, 20_000, "0.01 %"),  # a half, away from zero
        (1, 20_001, "0.00 %"),
        (5, 5, "100.00 %"),
        (0, 5, "0.00 %"),
        (0, 0, None),
        (None, 5, None),
        (5, None, None),
    ],
)
def test_a_share_is_rounded_once(part: int | None, whole: int | None, text: str | None) -> None:
    assert per_cent(part, whole) == text


def test_what_is_counted_is_cut_off() -> None:
    assert per_cent_reached(29_999, 30_000) == "99.99 %"
    assert per_cent_reached(30_000, 30_000) == "100.00 %"
    assert per_cent_reached(0, 0) is None


@given(st.integers(0, 10**12), st.integers(1, 10**12))
def test_a_share_is_the_nearest_hundredth(part: int, whole: int) -> None:
    text = per_cent(part, whole)
    assert text is not None
    shown = Fraction(text.removesuffix(" %"))
    assert abs(shown - Fraction(100 * part, whole)) <= Fraction(1, 200)


def test_the_shares_of_a_tally() -> None:
    assert shares_of(TALLY) == {
        "votes": {"1": "51.13 %", "2": "48.88 %"},
        "margin": "2.25 %",
        "invalid": "1.36 %",
        "turnout": "81.10 %",
        "counted": "99.99 %",
    }


@pytest.mark.parametrize("name", ["voters", "registered_voters"])
def test_turnout_is_absent_where_a_station_did_not_state_a_number(name: str) -> None:
    counted = TALLY["counted"] | {"not_stated": {name: 1}}
    assert shares_of(TALLY | {"counted": counted})["turnout"] is None
