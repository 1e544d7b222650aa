"""Suggestions for unknown codes: which code is meant, and for how many codes one is looked for."""

from __future__ import annotations

import pytest

from projections.checks import lookups
from projections.checks.lookups import AREA, SUGGESTION_CANDIDATES_MAX, SUGGESTIONS_MAX, PackageCheck, did_you_mean
from tests.support.small_election import small_package


def check() -> PackageCheck:
    return PackageCheck(small_package(), ())


@pytest.mark.parametrize(
    ("code", "known", "meant"),
    [
        ("abcd", ["abxd"], "abxd"),  # the first half is the same
        ("abcd", ["axcd"], "axcd"),  # the last half
        ("abcd", ["axxd"], None),
        ("abcd", ["abcdef"], "abcdef"),  # two characters more
        ("abcd", ["abcdefg"], None),
        ("abcdef", ["abcd"], "abcd"),
        ("ab", ["ac"], None),  # half of the characters differ
        ("x", ["y"], None),
        ("abc", ["axc"], "axc"),  # the half of three characters is one
        ("abcdefg", ["abxxefg"], "abxxefg"),  # and of seven is three
        ("abcdef", ["abxdxf"], None),  # alike, and neither half is the same
        ("abcd", [], None),
    ],
)
def test_a_code_with_one_half_the_same_is_suggested(code: str, known: list[str], meant: str | None) -> None:
    suggestion = "" if meant is None else f"; did you mean '{meant}'?"
    assert check().unknown(code, AREA, known) == f"'{code}' is not an area of areas.csv{suggestion}"


def test_only_so_many_codes_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "SUGGESTION_CANDIDATES_MAX", 2)
    assert "abxd" not in check().unknown("abcd", AREA, ["ab", "abyyd", "abxd"])
    assert "abxd" in check().unknown("abcd", AREA, ["ab", "abxd"])


def test_for_the_first_unknown_codes_one_is_suggested_and_for_the_same_again() -> None:
    codes = check()
    sentences = [codes.unknown(f"1.1.{number}x", AREA, [f"1.1.{number}"]) for number in range(SUGGESTIONS_MAX + 1)]
    assert all("did you mean" in sentence for sentence in sentences[:-1])
    assert "did you mean" not in sentences[-1]
    assert codes.unknown("1.1.0x", AREA, []) == sentences[0]
    assert codes.near_level("distric") == "", "levels are among them"


def test_what_was_looked_for_is_not_looked_for_again() -> None:
    codes = check()
    assert codes.unknown("1.1.0x", AREA, ["1.1.0"]) == codes.unknown("1.1.0x", AREA, [])
    near = codes.near_level("distric")
    codes.level_ids = ()
    assert codes.near_level("distric") == near != ""


def test_a_level_of_areas_is_suggested() -> None:
    levels = check()
    assert levels.near_level("distric") == levels.near_level("distric") == did_you_mean(["district"])
    levels.level_ids = ("nation", "booth")
    assert levels.near_level("boot") == "", "the level of the stations is not one of areas"


def test_a_search_is_bounded() -> None:
    assert (SUGGESTIONS_MAX, SUGGESTION_CANDIDATES_MAX) == (20, 2_000)
