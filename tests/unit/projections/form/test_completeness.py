"""What must be on a form, and what must not: at the number that is asked for, and where lists are cut."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert

from projections.form.completeness import fields_not_counted, uncounted_fields, unknown_choices
from schemas.definition.package import Severity
from schemas.findings import Finding
from schemas.ledger.reports import Form
from tests.support.one_rule import broken, contest_of


def test_f9_asks_for_no_signatures_where_the_package_names_no_number() -> None:
    assert broken("F9", {"signatures": {"officers": 0, "witnesses": 0}}) == []


def test_f9_counts_officers_and_witnesses_apart() -> None:
    asked: dict[str, Any] = {"officers": 7, "witnesses": 2}
    assert broken("F9", {"signatures": {"officers": 7, "witnesses": 2}}, officers=7, witnesses=2) == []
    assert broken("F9", {"signatures": {"officers": 6, "witnesses": 1}}, **asked) == [
        "Signatures of petugas/officers: 6 of 7.",
        "Signatures of saksi/witnesses: 1 of 2.",
    ]
    assert broken("F9", {"signatures": {"witnesses": 1}}, **asked) == ["Signatures of saksi/witnesses: 1 of 2."]
    assert broken("F9", {}, **asked) == []


def test_m1_asks_for_nothing_where_the_package_names_no_field() -> None:
    assert broken("M1", {}) == []


def test_m1_names_the_fields_that_are_missing_and_each_choice_without_a_number() -> None:
    fields = ["VA", "VB", "votes", "A"]
    assert broken("M1", {"VB": 0, "votes": {"01": 0, "03": 1}}, fields=fields) == ["Not stated: VA, A, V[02]."]
    assert broken("M1", {"VB": 0, "votes": {"01": 0, "03": 1}}, fields=["VA"]) == ["Not stated: VA."]
    assert broken("M1", {"VB": 0, "VA": 0, "A": {}, "votes": dict.fromkeys(("01", "02", "03"), 0)}, fields=fields) == []


def test_m1_asks_for_blank_ballots_and_marked_ballots_only_where_they_are_counted() -> None:
    fields = ["VK", "VS"]
    assert broken("M1", {}, fields=fields) == []
    assert broken("M1", {}, fields=fields, abroad=True) == ["Not stated: VK."]
    assert broken("M1", {}, "council-a", fields=fields, abroad=True) == ["Not stated: VS."]


@pytest.mark.parametrize(("missing", "end"), [(9, "B2."), (10, "B3."), (11, "B3, …."), (12, "B3, ….")])
def test_m1_names_ten_fields(missing: int, end: str) -> None:
    fields = ["VA", "VB", "VC", "S1", "S2", "S3", "S4", "B1", "B2", "B3", "B4", "D"]
    (sentence,) = broken("M1", {}, fields=fields[:missing])
    assert sentence == "Not stated: VA, VB, VC, S1, S2, S3, S4, B1, " + ("B2, " if missing > 9 else "") + end


def _form(**stated: Any) -> Form:
    return convert({"votes": {}} | stated, Form)


def test_c1_names_ten_choices_in_order() -> None:
    votes = {f"x{number:02}": 0 for number in range(12, 0, -1)}
    (finding,) = unknown_choices(_form(votes=votes | {"01": 5}), contest_of("president"))
    assert finding == Finding(
        "C1",
        Severity.HARD,
        "Pilihan tidak dikenal dalam pemilihan president: x01, x02, x03, x04, x05, x06, x07, x08, x09, x10.",
        "Choices not on the ballot of president: x01, x02, x03, x04, x05, x06, x07, x08, x09, x10.",
    )
    assert list(unknown_choices(_form(votes={"01": 5}), contest_of("president"))) == []


@pytest.mark.parametrize(
    ("contest", "abroad", "fields"),
    [
        ("president", False, ("VK", "VS")),
        ("president", True, ("VS",)),
        ("council-a", False, ("VK", "VS")),
        ("council-a", True, ("VK",)),
    ],
)
def test_c2_finds_each_field_that_the_contest_does_not_count(
    contest: str, abroad: bool, fields: tuple[str, ...]
) -> None:
    entry = contest_of(contest, abroad=abroad)
    assert fields_not_counted(entry) == fields
    found = list(uncounted_fields(_form(VK=0, VS=0), entry))
    assert [(each.rule, each.severity, each.sentence_en[:12]) for each in found] == [
        ("C2", Severity.HARD, f"{field} is stated") for field in fields
    ]
    assert list(uncounted_fields(_form(), entry)) == []
