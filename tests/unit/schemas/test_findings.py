"""Findings of one rule are bounded in number and in length."""

from __future__ import annotations

import pytest

from schemas.definition.package import Severity
from schemas.findings import Finding, of_rule, shortened


def test_a_finding_as_json_has_all_its_fields() -> None:
    assert Finding("F3", Severity.HARD, "salah", "wrong").as_json() == {
        "rule": "F3",
        "severity": "hard",
        "sentence_id": "salah",
        "sentence_en": "wrong",
    }


def test_a_sentence_of_the_largest_length_is_not_cut_and_a_longer_one_is() -> None:
    assert shortened("x" * 1_000) == "x" * 1_000
    assert shortened("x" * 1_001) == "x" * 999 + "…"


def test_as_many_findings_as_are_kept_are_all_listed() -> None:
    sentences = [(f"salah {number}", f"wrong {number}") for number in range(5)]
    assert of_rule("F8", Severity.SOFT, sentences) == [Finding("F8", Severity.SOFT, *each) for each in sentences]


@pytest.mark.parametrize(("more", "sentence"), [(1, "1 more time"), (2, "2 more times")])
def test_more_findings_are_counted_in_one(more: int, sentence: str) -> None:
    sentences = [("salah", "wrong")] * (5 + more)
    *listed, last = of_rule("F8", Severity.SOFT, sentences)
    assert len(listed) == 5
    assert last == Finding(
        "F8",
        Severity.SOFT,
        f"Aturan ini dilanggar di {more} tempat lain pada formulir ini.",
        f"This form breaks the rule {sentence}.",
    )
