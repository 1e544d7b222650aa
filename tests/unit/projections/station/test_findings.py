"""The findings of V, R, N and L1: rule, severity, and sentences that name the other event."""

from __future__ import annotations

import pytest

from projections.station import findings
from projections.station.contest import settled
from projections.station.submissions import Annulment, Review
from schemas.definition.package import Severity
from schemas.findings import Finding
from tests.unit.projections.station.test_contest import HARD, form


@pytest.mark.parametrize(
    ("finding", "rule", "severity"),
    [
        (findings.HIGHER_HELD, "V2", Severity.SOFT),
        (findings.SUPERSEDED_BY_ANOTHER, "V4", Severity.INFO),
        (findings.VERSION_MISSING, "V5", Severity.SOFT),
        (findings.CORRECTS_NOTHING, "V6", Severity.SOFT),
        (findings.FAR_ABOVE, "V7", Severity.HARD),
    ],
)
def test_a_finding_that_is_the_same_for_each_form_has_its_rule(finding: Finding, rule: str, severity: Severity) -> None:
    assert (finding.rule, finding.severity) == (rule, severity)


def test_a_finding_about_an_event_that_is_refused_names_the_rule_and_the_reason() -> None:
    found = [
        findings.too_many("ab"),
        findings.unknown_review(),
        findings.unknown_annulment(3),
        findings.unknown_withdrawal(),
    ]
    assert [(each.rule, each.severity) for each in found] == [
        (rule, Severity.HARD) for rule in ("L1", "R3", "N2", "N3")
    ]
    assert found[0].sentence_en.startswith("Key ab has submitted 100 events ")
    assert found[2].sentence_en == "What is annulled is not in the ledger: the highest version is 3."


def test_a_conflict_is_hard_for_the_form_that_it_holds_and_soft_for_the_one_that_counts() -> None:
    life = settled([form(1, numbers="a"), form(2, numbers="b")])
    assert [each.judgement for each in life.submissions] == [
        (Finding("V1", severity, *_CONFLICT),) for severity in (Severity.SOFT, Severity.HARD)
    ]


_CONFLICT = ("Ada formulir lain yang berbeda dengan versi 1.", "Another form of version 1 is different.")


def test_a_finding_about_the_other_forms_names_them_in_two_languages() -> None:
    life = settled(
        [form(1, numbers="a", findings=HARD), form(2, numbers="b", findings=HARD), form(3, 2, "c"), form(4, 2, "c")],
        reviews={b"event 1": Review(5, False, "TORN"), b"event 2": Review(6, True, "SEEN")},
        annulments={b"order": Annulment(7, "court", 0, b"event 3", "PSU")},
    )
    judged = {each.offset: each.judgement[0] for each in life.submissions}
    assert judged == {
        1: Finding("R1", Severity.HARD, "Ditolak dalam peninjauan pada offset 5: TORN.", judged[1].sentence_en),
        2: judged[2],
        3: Finding("N1", Severity.HARD, "Dibatalkan oleh perintah pada offset 7: PSU.", judged[3].sentence_en),
        4: judged[4],
    }
    assert judged[1].sentence_en == "Rejected by the review at offset 5: TORN."
    assert judged[3].sentence_en == "Annulled by the order at offset 7: PSU."
    accepted = settled([form(1, findings=HARD)], reviews={b"event 1": Review(6, True, "SEEN")}).submissions[0]
    assert accepted.judgement == (
        Finding(
            "R2",
            Severity.SOFT,
            "Diterima dalam peninjauan pada offset 6: SEEN.",
            "Accepted by the review at offset 6: SEEN.",
        ),
    )
    repeated = settled([form(4, 2, "c"), form(9, 2, "c")]).submissions[1]
    assert repeated.judgement[0].sentence_en == "The same as the form at offset 4."
    assert repeated.judgement[0].severity is Severity.INFO
