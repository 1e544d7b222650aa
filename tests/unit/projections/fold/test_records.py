"""A ledger record opened: what is read of it, what is wrong with it, and whose signature it has."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from projections.fold.records import checked_record, read_record, signature_holds
from proofs.merkle import leaf_hash
from proofs.signatures import key_id, sign_envelope
from schemas.canonical import canonical_event, form_digest
from schemas.ledger.envelope import ledger_record
from schemas.ledger.events import ResultReviewed
from schemas.ledger.reports import Report
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import reported, reviewed

FRAME = {"election": "small", "mode": "rehearsal", "definition": "ab" * 32, "seq": 3, "created_at": CREATED_AT}
OFFICER = private_key("officer")
OFFICER_ID = key_id(OFFICER.public_key().public_bytes_raw())


def payload_of(body: dict[str, Any]) -> bytes:
    return orjson.dumps({**FRAME, **body}, option=orjson.OPT_SORT_KEYS)


def record_of(payload: bytes) -> bytes:
    return ledger_record(sign_envelope(OFFICER, payload), "test", CREATED_AT)


def test_a_plain_report_is_read_with_its_time_its_leaf_and_its_digest() -> None:
    payload = payload_of(reported("1.1.1-1"))
    value = record_of(payload)
    record = read_record(7, value)
    assert isinstance(record.event, Report)
    assert (record.offset, record.payload, record.key_id, record.problem) == (7, payload, OFFICER_ID, "")
    assert record.event_id == hashlib.sha256(payload).digest()
    assert record.leaf == leaf_hash(value)
    assert record.received_us == 1_865_768_400_000_000, "2029-02-14T13:00:00Z"
    canonical = canonical_event(payload)
    assert canonical is not None
    assert record.form_digest == form_digest(canonical["form"])
    assert len(record.signature) == 64


def test_a_report_that_is_not_written_plainly_is_read_as_the_same_report() -> None:
    plain = read_record(0, record_of(payload_of(reported("1.1.1-1"))))
    seen = read_record(0, record_of(payload_of({**reported("1.1.1-1"), "form_name": "n°"})))
    assert isinstance(seen.event, Report)
    assert seen.event.form_name == "n°"
    assert isinstance(plain.event, Report)
    assert seen.event.form == plain.event.form
    assert seen.form_digest == plain.form_digest != b""


def test_another_event_has_no_digest_of_a_form() -> None:
    record = read_record(0, record_of(payload_of(reviewed("1.1.1-1", "cd" * 32, "accepted"))))
    assert isinstance(record.event, ResultReviewed)
    assert (record.form_digest, record.problem) == (b"", "")


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (payload_of({**reported("1.1.1-1"), "version": 0}), "payload: 1 validation error for "),
        (b"[]", "payload: 1 validation error for "),
        (
            payload_of(reviewed("1.1.1-1", "cd" * 32, "accepted")).replace(b":", b": ", 1),
            "payload: not in canonical form (RFC 8785)",
        ),
    ],
)
def test_an_event_that_cannot_be_read_has_a_problem_of_one_line(payload: bytes, problem: str) -> None:
    record = read_record(0, record_of(payload))
    assert record.event is None
    assert record.problem.startswith(problem)
    assert "\n" not in record.problem
    assert (record.form_digest, record.payload, record.key_id) == (b"", payload, OFFICER_ID)


def test_bytes_that_are_not_a_record_are_known_by_their_own_hash() -> None:
    record = read_record(7, b"garbage")
    assert record.event is None
    assert record.problem.startswith("record: not JSON")
    assert record[:5] == (7, hashlib.sha256(b"garbage").digest(), b"", "", b"")
    assert record[7:] == (leaf_hash(b"garbage"), 0, b"")


def test_the_sentence_of_a_problem_is_bounded() -> None:
    record = read_record(0, record_of(payload_of({**reported("1.1.1-1"), "type": "x" * 5_000})))
    assert 0 < len(record.problem) <= 1_000


def test_a_signature_holds_of_a_known_key_and_a_readable_event_only() -> None:
    keys = {OFFICER_ID: OFFICER.public_key()}
    good = record_of(payload_of(reported("1.1.1-1")))
    assert checked_record(5, good, keys) == (read_record(5, good), True)
    assert not checked_record(5, good, {})[1]
    assert not checked_record(5, good, {OFFICER_ID: private_key("reviewer").public_key()})[1]
    unreadable = read_record(5, record_of(b"[]"))
    assert not signature_holds(unreadable, keys)
    other = read_record(5, record_of(payload_of(reported("1.1.1-2"))))
    assert not signature_holds(other._replace(signature=read_record(5, good).signature), keys)
