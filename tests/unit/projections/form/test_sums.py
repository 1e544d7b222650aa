"""Each sum of a form, part by part: what is compared with what, and by how much it may differ."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.one_rule import broken


@pytest.mark.parametrize("row", ["A", "B1", "B2", "B3", "B4", "D"])
def test_f1_adds_men_and_women_in_every_row(row: str) -> None:
    assert broken("F1", {row: {"L": 3, "P": 4, "J": 7}}) == []
    assert broken("F1", {row: {"L": 3, "P": 4, "J": 9}}) == [f"{row}.J is 9, but {row}.L + {row}.P = 7."]
    assert broken("F1", {row: {"L": 3, "P": 4, "J": 9}}, tolerance=2) == []
    assert broken("F1", {row: {"L": 3, "P": 4, "J": 9}}, tolerance=1) != []


@pytest.mark.parametrize("missing", ["L", "P", "J"])
def test_f1_needs_all_three_numbers_of_a_row_and_looks_on(missing: str) -> None:
    row = {"L": 3, "P": 4, "J": 9}
    del row[missing]
    wrong = {"L": 0, "P": 0, "J": 1}
    assert broken("F1", {"A": row, "D": wrong}) == ["D.J is 1, but D.L + D.P = 0."]


def test_f2_adds_the_kinds_of_voters_column_by_column() -> None:
    form: dict[str, Any] = {"B1": {"L": 1, "P": 10}, "B2": {"L": 2, "P": 20}, "B3": {"L": 4, "P": 40}}
    assert broken("F2", form | {"B4": {"L": 7, "P": 70, "J": 77}}) == []
    assert broken("F2", form | {"B4": {"L": 8, "P": 72, "J": 81}}) == [
        "B4.L is 8, but B1.L + B2.L + B3.L = 7.",
        "B4.P is 72, but B1.P + B2.P + B3.P = 70.",
        "B4.J is 81, but B1.J + B2.J + B3.J = 77.",
    ]
    assert len(broken("F2", form | {"B4": {"L": 8, "P": 72, "J": 81}}, tolerance=2)) == 1
    assert broken("F2", form | {"B4": {"P": 72}}) == ["B4.P is 72, but B1.P + B2.P + B3.P = 70."]


@pytest.mark.parametrize("row", ["B1", "B2", "B3", "B4"])
def test_f2_needs_all_four_rows_and_of_a_column_all_four_numbers(row: str) -> None:
    rows = {name: {"L": 1, "J": 1} for name in ("B1", "B2", "B3", "B4")}
    assert len(broken("F2", rows)) == 2
    assert broken("F2", rows | {row: None}) == []
    assert broken("F2", rows | {row: {"J": 1}}) == ["B4.J is 1, but B1.J + B2.J + B3.J = 3."]


@pytest.mark.parametrize(
    ("rule", "form", "contest", "abroad", "sentence"),
    [
        ("F3", {"VA": 9, "votes": {"01": 4, "02": 4}}, "president", False, "VA is 9, but Σ V = 8."),
        ("F3", {"VA": 1}, "president", False, "VA is 1, but Σ V = 0."),
        ("F4", {"VC": 9, "VA": 6, "VB": 2, "VK": 1, "VS": 9}, "president", False, "VC is 9, but VA + VB = 8."),
        ("F4", {"VC": 9, "VA": 6, "VB": 1, "VK": 1, "VS": 9}, "president", True, "VC is 9, but VA + VB + VK = 8."),
        ("F4", {"VC": 9, "VA": 7, "VB": 2, "VS": 6}, "council-a", True, "VC is 9, but VS + VB = 8."),
        ("P3", {"VC": 9, "VA": 6, "VB": 2}, "council-a", False, "VC is 9, but VA + VB = 8."),
        ("F5", {"S1": 8, "S2": 4, "S3": 2, "S4": 1}, "president", False, "S1 is 8, but S2 + S3 + S4 = 7."),
        ("F6", {"S2": 8, "VC": 7}, "president", False, "S2 is 8, but VC = 7."),
        ("F6P", {"S2": 8, "B4": {"L": 3, "P": 4}}, "president", False, "S2 is 8, but B4.J = 7."),
        ("F7", {"VC": 6, "B4": {"J": 7}}, "president", False, "VC is 6, but B4.J = 7."),
        ("F8", {"VA": 6, "words": {"VA": 7}}, "president", False, "VA is 6, but kata/words = 7."),
        ("F8", {"votes": {"01": 6}, "words": {"01": 7}}, "president", False, "01 is 6, but kata/words = 7."),
        ("P2", {"VA": 6, "party_totals": {"P1": 3, "P2": 4}}, "council-a", False, "VA is 6, but Σ B = 7."),
    ],
)
def test_a_sum_that_differs_is_named_up_to_its_tolerance(
    rule: str, form: dict[str, Any], contest: str, abroad: bool, sentence: str
) -> None:
    assert broken(rule, form, contest, abroad=abroad) == [sentence]
    assert broken(rule, form, contest, abroad=abroad, tolerance=0) == [sentence]
    assert broken(rule, form, contest, abroad=abroad, tolerance=1) == []


@pytest.mark.parametrize(
    ("rule", "form"),
    [
        ("F4", {"VC": 9, "VB": 2}),
        ("F4", {"VC": 9, "VA": 2}),
        ("F5", {"S1": 8, "S2": 4, "S3": 2}),
        ("F5", {"S1": 8, "S2": 4, "S4": 2}),
        ("F5", {"S1": 8, "S3": 4, "S4": 2}),
        ("F6P", {"S2": 8, "VC": 1, "B4": {"J": 7}}),
        ("F8", {"words": {"VA": 7, "01": 3}}),
        ("P2", {"VA": 6}),
    ],
)
def test_a_sum_without_all_its_numbers_is_not_checked(rule: str, form: dict[str, Any]) -> None:
    assert broken(rule, form) == []


def test_p1_adds_the_votes_of_each_party_and_of_one_without_choices_none() -> None:
    form = {"votes": {"P1-0": 1, "P1-1": 2, "P2-1": 4}, "party_totals": {"P1": 4, "P2": 4, "P3": 1}}
    assert broken("P1", form, "council-a") == ["B[P1] is 4, but A.1 + A.2 = 3.", "B[P3] is 1, but A.1 + A.2 = 0."]
    assert broken("P1", form, "council-a", tolerance=1) == []


def test_a_form_that_states_no_party_total_is_not_compared_with_their_sum() -> None:
    assert broken("P2", {"votes": {"P1-0": 1}, "VA": 1, "party_totals": {}}, "council-a") == []
    assert broken("P2", {"votes": {"P1-0": 1}, "VA": 1, "party_totals": {"P1": 0}}, "council-a") != []
