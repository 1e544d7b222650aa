"""Codes and numbers: what a pattern lets pass, and the bounds of a number on a form."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.codes import (
    AMOUNT_MAX,
    CODE_PATTERN,
    COUNT_MAX,
    ELECTION_PATTERN,
    KEY_ID_PATTERN,
    SHA256_PATTERN,
    Amount,
    Code,
    Count,
    PartitionNumber,
    Whole,
    exactly,
)


@pytest.mark.parametrize(
    ("pattern", "fit", "unfit"),
    [
        (CODE_PATTERN, ["3", "34.02.01", "A-1_b", "x" * 64], ["", ".1", "-1", "_a", "a b", "ä", "x" * 65]),
        (ELECTION_PATTERN, ["pemilu-2029", "x" * 48], ["", "-a", "A", "a.b", "x" * 49]),
        (SHA256_PATTERN, ["0f" * 32], ["0F" * 32, "0f" * 31, "0f" * 33, "0g" * 32]),
        (KEY_ID_PATTERN, ["0f" * 8], ["0F" * 8, "0f" * 7, "0f" * 9]),
    ],
)
def test_a_code_is_short_and_plain(pattern: str, fit: list[str], unfit: list[str]) -> None:
    assert all(re.match(exactly(pattern), each) for each in fit)
    assert not [each for each in unfit if re.match(exactly(pattern), each)]


def test_a_line_end_is_not_part_of_a_code() -> None:
    assert re.match(CODE_PATTERN, "34.02\n"), "Python's $"
    assert re.match(exactly(CODE_PATTERN), "34.02\n") is None


@pytest.mark.parametrize(
    ("shape", "fit", "unfit"),
    [
        (Count, [0, COUNT_MAX], [-1, COUNT_MAX + 1, 1.0, "1", True]),
        (Amount, [0, AMOUNT_MAX], [-1, AMOUNT_MAX + 1, 1.0, "1", True]),
        (Whole, [0, 2**60], [-1, 1.5]),
        (PartitionNumber, ["0", "9", "10", "999"], ["", "00", "01", "1000", "-1", "1\n"]),
        (Code, ["34.02.01"], ["", "34 02"]),
    ],
)
def test_a_number_is_within_its_bounds(shape: Any, fit: list[Any], unfit: list[Any]) -> None:
    adapter = TypeAdapter(shape)
    assert [adapter.validate_python(each) for each in fit] == fit
    for each in unfit:
        with pytest.raises(ValidationError):
            adapter.validate_python(each)


def test_the_sum_of_a_nation_fits_into_64_bits() -> None:
    assert COUNT_MAX * 1_000_000 < 2**63
    assert AMOUNT_MAX * 50 < 2**53
