"""Bytes from outside: read, or refused with a sentence, and nothing else."""

from __future__ import annotations

from datetime import datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.signatures import sign_envelope
from schemas.canonical import NotCanonicalError, canonical_bytes, canonical_event, form_digest
from schemas.ledger.envelope import ENVELOPE as SCHEMA
from schemas.ledger.envelope import (
    MalformedRecordError,
    ledger_record,
    open_envelope,
    open_plain_envelope,
    open_record,
)
from schemas.times import text_of_microseconds
from tests.support.ledger import CREATED_AT, private_key

ENVELOPE = sign_envelope(private_key("officer"), b"{}x")

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_09.-", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_record_or_a_malformed_one(value: bytes) -> None:
    with pytest.raises(MalformedRecordError):
        open_record(value)


@given(st.binary(min_size=3, max_size=200))
def test_a_record_gives_back_the_payload_that_was_signed(payload: bytes) -> None:
    record = ledger_record(sign_envelope(private_key("officer"), payload), "gateway-1", CREATED_AT)
    assert open_record(record).payload == payload


def _received(received_at: str) -> int:
    return open_record(ledger_record(ENVELOPE, "gateway-1", received_at)).received_us


@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()))
def test_the_time_of_receipt_is_read_to_the_microsecond(moment: datetime) -> None:
    assert datetime.fromisoformat(text_of_microseconds(_received(moment.isoformat()))) == datetime.fromisoformat(
        moment.isoformat()
    )


@pytest.mark.parametrize("written", ["2029-02-14T13:00:03.512Z", "2029-02-14T13:00:00.000Z"])
def test_a_gateways_time_is_shown_as_it_was_written(written: str) -> None:
    assert text_of_microseconds(_received(written)) == written


@pytest.mark.parametrize(
    "received_at",
    [
        "",
        "noon",
        "2029-02-14T13:00:00",
        "2029-02-30T13:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1969-12-31T23:59:59Z",
    ],
)
def test_what_is_no_time_of_receipt_is_none(received_at: str) -> None:
    """Anybody who can write to the topic past the gateway may put it there, and it must not stop a reader."""
    assert _received(received_at) == 0


@given(values)
def test_a_record_with_any_value_as_its_time_can_be_read(received_at: object) -> None:
    value = b'{"envelope":%b,"received_at":%b}' % (ENVELOPE, orjson.dumps(received_at))
    assert text_of_microseconds(open_record(value).received_us)


@given(values)
def test_a_value_has_one_canonical_form(value: object) -> None:
    data = canonical_bytes({"value": value})
    assert canonical_event(data) == {"value": value}
    assert canonical_event(b" " + data) is None
    assert canonical_event(data + b"\n") is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1e2}',
        b'{"a": 1}',
        b'"\\u0061"',
        b"\xff",
        b"[1,]",
        b"NaN",
    ],
)
def test_other_forms_of_a_value_are_not_canonical(data: bytes) -> None:
    assert canonical_event(data) is None


def test_forms_that_state_the_same_have_one_digest() -> None:
    form = {"VA": 3, "B1": {"J": 4}, "votes": {"null": 3}}
    assert form_digest(form) == form_digest({**form, "VB": None, "B1": {"J": 4, "L": None}})
    assert form_digest(form) != form_digest({**form, "VB": 0})
    assert form_digest(form) != form_digest({**form, "B2": {}}), "a row with nothing in it is a row"


def test_the_canonical_form_is_that_of_rfc_8785() -> None:
    """The string of RFC 8785, 3.2.2, and sorting by key."""
    value = {"string": '€$\u000f\nA\'B"\\\\"/', "literals": [None, True, False], "numbers": [333333333, 10]}
    expected = '{"literals":[null,true,false],"numbers":[333333333,10],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical_bytes(value) == expected.encode()
    for unfit in (1.5, {"ä": 1}, {1: 2}):
        with pytest.raises(NotCanonicalError):
            canonical_bytes(unfit)


@pytest.mark.parametrize(
    "name", ["envelope", "payload", "payloadType", "signatures", "keyid", "sig", "gateway", "received_at"]
)
def test_a_name_that_is_given_twice_is_refused(name: str) -> None:
    """The reader of plain records would take the second value."""
    record = ledger_record(ENVELOPE, "gateway-1", CREATED_AT)
    for value in (b'""', b"[]", b"{}", b"1"):
        twice = record.replace(b'"%b":' % name.encode(), b'"%b":%b,"%b":' % (name.encode(), value, name.encode()))
        with pytest.raises(MalformedRecordError, match=f"the name {name} is given twice"):
            open_record(twice)


def test_a_plain_envelope_is_read_as_by_the_schema_and_any_other_is_left_to_the_schema() -> None:
    plain = sign_envelope(private_key("officer"), b'{"a":1}')
    opened = open_plain_envelope(plain)
    assert opened is not None
    assert opened == open_envelope(SCHEMA.validate_json(plain))
    assert (opened.payload, opened.received_us) == (b'{"a":1}', 0)
    for other in (
        plain.replace(b'"sig"', b'"sig":"","sig"'),  # a name that is given twice
        plain.replace(b'"payload"', b'"payload":"AAAA","payload"'),  # and both times with a value that is valid
        plain.replace(b'"payload"', b'"\\u0070ayload"'),  # a second spelling
        plain.replace(b'"payload":"', b'"payload":"\xff'),  # not UTF-8
        plain.replace(b'"keyid":"', b'"keyid":"!'),
        plain.replace(b'"sig":"', b'"sig":"AAAA'),  # 67 bytes
        b"{}",
    ):
        assert open_plain_envelope(other) is None
