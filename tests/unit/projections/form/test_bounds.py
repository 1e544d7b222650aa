"""Each bound of a form at the number that it still allows and at the next one; defaults and rounding of its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.one_rule import broken


@pytest.mark.parametrize(("rule", "row", "limit"), [("G1", "B1", "A"), ("G5", "D", "B4")])
def test_a_row_is_bounded_column_by_column(rule: str, row: str, limit: str) -> None:
    assert broken(rule, {row: {"L": 3, "P": 4}, limit: {"L": 3, "P": 4}}) == []
    assert broken(rule, {row: {"L": 5, "P": 7}, limit: {"L": 3, "P": 4}}) == [
        f"{row}.L is 5, more than {limit}.L = 3.",
        f"{row}.P is 7, more than {limit}.P = 4.",
        f"{row}.J is 12, more than {limit}.J = 7.",
    ]
    assert broken(rule, {row: {"L": 5}, limit: {"L": 3}}, tolerance=2) == []
    assert len(broken(rule, {row: {"L": 5}, limit: {"L": 3}}, tolerance=1)) == 1
    assert broken(rule, {row: {"L": 5}}) == broken(rule, {limit: {"L": 3}}) == []


@pytest.mark.parametrize(
    ("rule", "at_limit", "name", "limit"),
    [
        ("G2", {"VC": 7, "S1": 7}, "VC", "S1 = 7"),
        ("G6", {"S3": 7, "B4": {"L": 3, "P": 4}}, "S3", "B4.J = 7"),
        ("G8", {"VC": 7, "A": {"J": 4}, "B2": {"J": 2}, "B3": {"J": 1}}, "VC", "A.J + B2.J + B3.J = 7"),
        ("G9", {"VA": 7, "VC": 7}, "VA", "VC = 7"),
        ("G9", {"VA": 7, "VC": 1, "VS": 7}, "VA", "VS = 7"),
    ],
)
def test_a_number_is_bounded_by_another_with_a_tolerance(
    rule: str, at_limit: dict[str, Any], name: str, limit: str
) -> None:
    above = at_limit | {name: 9}
    assert broken(rule, at_limit) == []
    assert broken(rule, above) == broken(rule, above, tolerance=1) == [f"{name} is 9, more than {limit}."]
    assert broken(rule, above, tolerance=2) == []


@pytest.mark.parametrize(
    ("registered", "parameters", "ballots"),
    [
        (300, {}, 306),  # 2 % where the package has no figure, rounded up
        (251, {}, 257),  # 5.02
        (250, {}, 255),
        (251, {"rounding": "down"}, 256),
        (299, {"rounding": "down"}, 304),  # 5.98
        (274, {"rounding": "nearest"}, 279),  # 5.48
        (275, {"rounding": "nearest"}, 281),  # 5.5
        (300, {"reserve_percent": 3}, 309),
        (67, {"reserve_percent": 3}, 70),  # 2.01
        (33, {"reserve_percent": 3, "rounding": "down"}, 33),  # 0.99
        (7, {"reserve_percent": 7, "rounding": "nearest"}, 7),  # 0.49
        (300, {"reserve_percent": 0}, 300),
    ],
)
def test_g3_adds_the_reserve_as_the_package_rounds_it(
    registered: int, parameters: dict[str, Any], ballots: int
) -> None:
    form = {"A": {"J": registered}, "S1": ballots}
    assert broken("G3", form, **parameters) == []
    for wrong in (ballots - 1, ballots + 1):
        sentence = f"S1 is {wrong}, but A.J + cadangan/reserve = {ballots}."
        assert broken("G3", form | {"S1": wrong}, **parameters) == [sentence]
        assert broken("G3", form | {"S1": wrong}, tolerance=1, **parameters) == []
    assert broken("G3", {"S1": 5}, **parameters) == []


def test_g4_allows_300_registered_voters_by_default() -> None:
    assert broken("G4", {"A": {"J": 300}}) == []
    assert broken("G4", {"A": {"L": 150, "P": 151}}) == ["A.J is 301, more than batas/limit = 300."]
    assert broken("G4", {"A": {"J": 7}}, max=6) == ["A.J is 7, more than batas/limit = 6."]
    assert broken("G4", {"A": {"J": 7}}, max=6, tolerance=1) == []


def test_g7_bounds_each_choice_by_the_votes() -> None:
    form = {"votes": {"01": 8, "02": 7, "03": 9}, "VA": 7}
    sentences = ["V[01] is 8, more than VA = 7.", "V[03] is 9, more than VA = 7."]
    assert broken("G7", form) == sentences
    assert broken("G7", form, tolerance=1) == sentences[1:]
    assert broken("G7", form, tolerance=2) == []
    assert broken("G7", form | {"VA": None}) == []
    assert broken("G7", {"VA": 0}) == []
    assert broken("G7", form | {"VA": 9, "VS": 1}) == [], "VS bounds no choice where a ballot bears one vote"


def test_g7_bounds_each_choice_by_the_ballots_where_these_bear_several_marks() -> None:
    form: dict[str, Any] = {"votes": {"P1-0": 8, "P1-1": 7, "P2-0": 9}, "VA": 24, "VS": 7}
    sentences = ["V[P1-0] is 8, more than VS = 7.", "V[P2-0] is 9, more than VS = 7."]
    assert broken("G7", form, "council-a", abroad=True) == sentences
    assert broken("G7", form, "council-a", abroad=True, tolerance=1) == sentences[1:]
    assert broken("G7", form | {"VS": 4}, "council-a", abroad=True, marks_per_choice=2) == [
        "V[P2-0] is 9, more than VS × 2 = 8."
    ]
    assert broken("G7", form | {"VS": None}, "council-a", abroad=True) == []
    both = broken("G7", form | {"VA": 8}, "council-a", abroad=True)
    assert both == ["V[P2-0] is 9, more than VA = 8.", *sentences]


def test_g8_takes_the_register_of_the_form_before_that_of_the_package() -> None:
    added = {"B2": {"J": 2}, "B3": {"J": 1}}
    assert broken("G8", {"VC": 7} | added, registered=4) == []
    assert broken("G8", {"VC": 8} | added, registered=4) == ["VC is 8, more than A.J + B2.J + B3.J = 7."]
    assert broken("G8", {"VC": 8, "A": {"J": 5}} | added, registered=4) == []
    assert broken("G8", {"VC": 8} | added) == []


@pytest.mark.parametrize("row", ["B2", "B3"])
def test_g8_bounds_the_votes_by_a_share_of_the_register_where_a_row_is_missing(row: str) -> None:
    form = {row: {"J": 50}}
    assert broken("G8", form | {"VC": 205}, registered=201, percent_without_b=102) == []  # 205.02, rounded down
    assert broken("G8", form | {"VC": 206}, registered=201, percent_without_b=102) == [
        "VC is 206, more than DPT × 102 % = 205."
    ]
    assert broken("G8", form | {"VC": 206}, registered=201, percent_without_b=102, tolerance=1) == []
    assert broken("G8", form | {"VC": 206}, registered=201) == [], "nothing where the package names no share"
    assert broken("G8", form | {"VC": 1}, registered=201, percent_without_b=0) == []


def test_g9_multiplies_the_ballots_by_the_votes_that_each_may_bear() -> None:
    assert broken("G9", {"VA": 14, "VS": 7}, "council-a", abroad=True) == []
    assert broken("G9", {"VA": 15, "VS": 7}, "council-a", abroad=True) == ["VA is 15, more than VS × 2 = 14."]
    assert broken("G9", {"VA": 15, "VC": 7}, "council-a", abroad=True) == ["VA is 15, more than VC × 2 = 14."]
    assert broken("G9", {"VA": 15}, "council-a", abroad=True) == []
