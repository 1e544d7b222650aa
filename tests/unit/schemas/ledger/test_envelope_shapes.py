"""What an envelope and a record may look like, and the sentence for each that may not."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from proofs.signatures import sign_envelope
from schemas.ledger.envelope import (
    ENVELOPE,
    MalformedRecordError,
    check_names,
    ledger_record,
    open_by_schema,
    open_envelope,
    open_record,
    read_json,
)
from tests.support.ledger import private_key

SIGNED = orjson.loads(sign_envelope(private_key("officer"), b'{"votes":"a??>"}'))
"""Its payload in base64 has a `/`, so the two alphabets differ."""


def _envelope(**changed: Any) -> bytes:
    return orjson.dumps({**SIGNED, **changed})


def _signature(sig: str) -> list[dict[str, str]]:
    return [{"keyid": SIGNED["signatures"][0]["keyid"], "sig": sig}]


def _record(envelope: bytes) -> bytes:
    return ledger_record(envelope, "gateway-1", "2029-02-14T13:00:03.512Z")


def test_base64_of_the_url_safe_alphabet_is_the_same_payload() -> None:
    payload = SIGNED["payload"]
    assert "/" in payload
    other = payload.replace("+", "-").replace("/", "_")
    assert open_record(_record(_envelope(payload=other))).payload == b'{"votes":"a??>"}'


@pytest.mark.parametrize("standard", ["++++", "////", "+/+/"])
def test_each_character_of_the_url_safe_alphabet_is_read_as_its_standard_one(standard: str) -> None:
    other = standard.replace("+", "-").replace("/", "_")
    assert open_record(_record(_envelope(payload=other))) == open_record(_record(_envelope(payload=standard)))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        *(
            ({"payload": f"AA{one}{other}"}, "payload: base64 with characters of both alphabets")
            for one in "-_"
            for other in "+/"
        ),
        *(({"payload": text}, "payload: not valid base64") for text in ("AAA!", "AAAA\nAAAA", "AA==AAAA", "=AAA")),
        ({"payload": "AAB="}, "payload: base64 with bits left over"),
        ({"payload": "AB=="}, "payload: base64 with bits left over"),
        ({"signatures": _signature("!" * 88)}, "signatures.0.sig: not valid base64"),
        ({"signatures": _signature("A" * 88)}, "signatures.0.sig: expected 64 bytes, got 66"),
    ],
)
def test_a_part_that_is_not_base64_of_its_length_is_named(changed: dict[str, Any], sentence: str) -> None:
    for read in (open_record, open_by_schema):
        with pytest.raises(MalformedRecordError, match=sentence):
            read(_record(_envelope(**changed)))
    with pytest.raises(MalformedRecordError, match=sentence):
        open_envelope(ENVELOPE.validate_json(_envelope(**changed)))


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (b"[]", "envelope: expected an object"),
        (b'{"envelope":[]}', "envelope: expected an object"),
        (b"{", "record: not JSON"),
        (_record(_envelope()).replace(b"gateway-1", b"gateway-\xff"), "record: not JSON"),
        (_record(_envelope(payload="A")), r"envelope\.payload: "),
        (_record(_envelope(payloadType="text/plain")), r"envelope\.payloadType: "),
        (_record(_envelope(signatures=[])), r"envelope\.signatures: "),
        (_record(_envelope(signatures=[{"keyid": "x", "sig": "A" * 88}])), r"envelope\.signatures\.0\.keyid: "),
        (_record(b'{"payload":"AAAA","Payload":"AAAA"}'), "the name Payload is given twice"),
    ],
)
def test_a_record_of_another_shape_is_refused_with_its_part(record: bytes, sentence: str) -> None:
    with pytest.raises(MalformedRecordError, match=sentence):
        open_record(record)


@pytest.mark.parametrize("extra", [b'"\\u0061":1', '"é":1'.encode(), b'"other":1'])
def test_a_record_with_fields_that_are_not_known_is_read_like_one_without(extra: bytes) -> None:
    record = _record(_envelope())
    assert open_record(record[:-1] + b"," + extra + b"}") == open_record(record)


def test_a_record_is_read_alike_with_the_schema_and_without() -> None:
    assert open_by_schema(_record(_envelope())) == open_record(_record(_envelope()))


def test_names_are_compared_without_their_letter_case() -> None:
    assert read_json(b'{"a":{"b":1},"c":[{"a":1}]}') == {"a": {"b": 1}, "c": [{"a": 1}]}
    with pytest.raises(ValueError, match="the name STRASSE is given twice"):
        read_json('{"straße":1,"STRASSE":2}'.encode())


@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_is_nested_up_to_a_bound(begin: bytes, end: bytes) -> None:
    check_names(begin * 64 + b"1" + end * 64)
    with pytest.raises(ValueError, match="more than 64 objects and lists"):
        check_names(begin * 65 + b"1" + end * 65)
