"""Steps 2 to 6 of the gateway: which submission is refused, with which status, rule and field."""

from __future__ import annotations

import orjson
import pytest

from api.problems import Problem
from api.submit.checks import TITLE_OF_STATUS, Checks
from projections.fold.records import read_record
from rekap.station.signing import Signer
from schemas.ledger.envelope import ENVELOPE_BYTES_MAX, ledger_record
from schemas.ledger.events import FinanceReported, ResultReviewed
from schemas.ledger.reports import Report
from tests.support.ledger import CREATED_AT, MemoryLedger, private_key
from tests.support.small_election import reported, reviewed, small_package
from tests.support.small_finance import finance_package, finance_report

STATION = "1.1.1-1"
ID = "ab" * 32


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger(small_package())


def refused(ledger: MemoryLedger, body: bytes) -> tuple[int, str | None, str | None, str]:
    """(status, rule, field, title)"""
    with pytest.raises(Problem) as caught:
        Checks(ledger.definition).check(body)
    body_of = caught.value.body
    return caught.value.status, body_of.get("rule"), body_of.get("field"), body_of["title"]


def test_a_report_that_passes_is_known_by_its_event_and_its_key(ledger: MemoryLedger) -> None:
    body = ledger.signed("officer", reported(STATION))
    record = read_record(0, ledger_record(body, "test", CREATED_AT))
    checked = Checks(ledger.definition).check(body)
    assert isinstance(checked.event, Report)
    assert (checked.submission, checked.key_id, checked.body) == (record.event_id.hex(), record.key_id, body)


def test_an_event_that_is_not_a_report_has_no_choices_to_check(ledger: MemoryLedger) -> None:
    checked = Checks(ledger.definition).check(ledger.signed("reviewer", reviewed(STATION, ID, "accepted")))
    assert isinstance(checked.event, ResultReviewed)


def test_a_submission_of_the_largest_size_is_read_and_a_larger_one_is_not(ledger: MemoryLedger) -> None:
    assert refused(ledger, b" " * ENVELOPE_BYTES_MAX)[0] == 422
    status, rule, _, _ = refused(ledger, b" " * (ENVELOPE_BYTES_MAX + 1))
    assert (status, rule) == (413, None)


def test_what_is_not_an_envelope_is_refused_for_its_shape(ledger: MemoryLedger) -> None:
    assert refused(ledger, b"[]")[::3] == (422, "Not a DSSE envelope")


@pytest.mark.parametrize(
    ("key", "body", "expected"),
    [
        ("officer", reported(STATION) | {"election": "another"}, (422, "E1", "election")),
        ("nobody", reported(STATION), (401, "K1", "signatures.0.keyid")),
        ("reviewer", reported(STATION), (403, "K3", "type")),
        ("officer-1", reported("2.1.1-1"), (403, "K4", "station")),
        ("officer", reported("9.9.9-9"), (422, "S1", "station")),
        ("officer", reported(STATION, contest="council-c"), (422, "S2", "contest")),
        ("officer", reported(STATION) | {"form": {"votes": {"01": 1, "98": 1, "99": 1}}}, (422, "C1", "form.votes.98")),
    ],
)
def test_a_refusal_names_the_rule_and_the_field(
    ledger: MemoryLedger, key: str, body: dict[str, object], expected: tuple[int, str, str]
) -> None:
    election = ledger.definition.election
    signer = Signer(
        private_key(key),
        election=str(body.pop("election", election.id)),
        mode=election.mode.value,
        definition=ledger.definition.hash,
    )
    envelope = signer.sign({"created_at": CREATED_AT, **body}).envelope
    assert refused(ledger, envelope) == (*expected, TITLE_OF_STATUS[expected[0]])


def test_a_refusal_is_in_two_languages(ledger: MemoryLedger) -> None:
    with pytest.raises(Problem) as caught:
        Checks(ledger.definition).check(ledger.signed("officer", reported("9.9.9-9")))
    assert caught.value.body["detail"] == "Station 9.9.9-9 is not in this election's definition."
    assert caught.value.body["detail_id"] == "TPS 9.9.9-9 tidak ada dalam definisi pemilu ini."


def test_a_signature_of_other_bytes_is_refused(ledger: MemoryLedger) -> None:
    envelope = orjson.loads(ledger.signed("officer", reported(STATION)))
    envelope["signatures"] = orjson.loads(ledger.signed("officer", reported("1.1.1-2")))["signatures"]
    assert refused(ledger, orjson.dumps(envelope)) == (401, "K2", "signatures.0.sig", TITLE_OF_STATUS[401])


def test_a_finance_report_passes_and_names_only_kinds_of_the_package() -> None:
    ledger = MemoryLedger(finance_package())
    checked = Checks(ledger.definition).check(ledger.signed("finance", finance_report()))
    assert isinstance(checked.event, FinanceReported)
    for body, field in (
        (finance_report(report="LXX"), "report"),
        (finance_report(income=[{"kind": "aliens", "amount": 1}]), "income"),
        (finance_report(spending=[{"kind": "aliens", "amount": 1}]), "spending"),
    ):
        assert refused(ledger, ledger.signed("finance", body)) == (422, "D5", field, TITLE_OF_STATUS[422])
    assert refused(ledger, ledger.signed("officer", finance_report()))[:3] == (403, "K3", "type")
    assert refused(ledger, ledger.signed("finance-1", finance_report(area="2")))[:3] == (403, "K4", "area")


def test_an_account_that_the_package_does_not_have_is_refused() -> None:
    ledger = MemoryLedger(finance_package())
    assert refused(ledger, ledger.signed("finance", finance_report("P9")))[:3] == (422, "S3", "party")
