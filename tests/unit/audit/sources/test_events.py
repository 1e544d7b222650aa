"""The auditor's reading of a record against the server's: the same records are events, and state the same."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.sources.events import Opened
from projections.fold.records import read_record
from proofs.signatures import sign_envelope
from schemas.ledger.envelope import ledger_record
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import annulled, reported, reviewed
from tests.support.small_finance import finance_report

SHA = "ab" * 32
FRAME = {
    "election": "small",
    "mode": "rehearsal",
    "definition": SHA,
    "seq": 0,
    "prev": None,
    "created_at": CREATED_AT,
}
BODIES: list[dict[str, Any]] = [
    {"type": "election.opened", "partitions": 3},
    {"type": "definition.amended", "amended_definition": SHA, "reason": "TYPING"},
    reported("1.1.1-1", A={"L": 1, "P": 2, "J": 3}, words={"VA": 60}, signatures={"officers": 7}, party_totals={"P1": 1})
    | {"images": [{"sha256": SHA, "page": 2, "url": "https://a.example/1.jpg"}], "reason": "TYPING", "supersedes": SHA},
    reported("1.1.1-1") | {"type": "result.copied"},
    reviewed("1.1.1-1", SHA, "accepted"),
    annulled("1.1.1-1", 2),
    finance_report() | {"opinion": "compliant", "reason": "TYPING", "supersedes": SHA},
    finance_report(None, "N"),
    {"type": "recap.declared", "area": "1", "contest": "president", "version": 1, "form_name": "D.HASIL",
     "form": {"votes": {}}},
    {"type": "area.certified", "area": "1", "office": "president", "event": SHA},
    {"type": "objection.filed", "station": "1.1.1-1", "contest": "president", "event": SHA, "reason": "SUM", "image": SHA},
    {"type": "objection.answered", "station": "1.1.1-1", "contest": "president", "event": SHA, "reason": "SUM",
     "decision": "upheld"},
]  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 256, 257, 10_000, 10_001, 999_999_999, 1_000_000_000, 2**53, 2**63, 1.0, "", "a", "A", "é",
    "x" * 61, "x" * 65, "accepted", "rehearsal", "live", SHA, SHA.upper(), CREATED_AT, "2029-02-14", [], [1], [None], {},
    {"L": 1}, {"J": None}, {"votes": {}}, {"votes": {"01": 1}}, {"votes": {"01": True}}, {"votes": {"": 1}}, "TYPING\n",
    "1.1.1-1\n", [{"sha256": SHA}], [{"sha256": SHA, "page": 0}], [{"sha256": SHA, "url": None}],
    "2028-02-29", "2029-02-29", "2029-13-01", "qualified", -(10**14), -(10**14) - 1, 10**14, 10**14 + 1, {"sha256": SHA},
    [{"kind": "party", "amount": 1}], [{"kind": "party", "amount": -1}], [{"kind": "party", "amount": 1, "largest": None}],
]  # fmt: skip
NAMES = sorted({name for body in BODIES for name in (*body, *FRAME, *body.get("form", {}))} | {"L", "é", "other"})


def _record(payload: bytes) -> bytes:
    return ledger_record(sign_envelope(private_key("officer"), payload), "test", CREATED_AT)


def _assert_same(record: bytes) -> bool:
    theirs, ours = read_record(0, record), Opened(record)
    assert (ours.event is None) == (theirs.event is None), f"{ours.problem!r} but {theirs.problem!r}"
    assert ours.event_id == theirs.event_id.hex()
    if theirs.event is not None:
        assert (ours.key_id, ours.signature, ours.payload) == (theirs.key_id, theirs.signature, theirs.payload)
    return ours.event is not None


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["type"])
def test_an_event_of_each_type_is_read(body: dict[str, Any]) -> None:
    assert _assert_same(_record(orjson.dumps(FRAME | body, option=orjson.OPT_SORT_KEYS)))


@st.composite
def _mutated(draw: st.DrawFn) -> dict[str, Any]:
    """An event with something odd in one or two objects: at the top, in its form, or in a row of it."""
    event: dict[str, Any] = json.loads(json.dumps(FRAME | draw(st.sampled_from(BODIES))))
    for _ in range(draw(st.integers(1, 2))):
        form = event.get("form")
        row = form.get("A") if isinstance(form, dict) else None
        inner = [each for each in (event, form, row) if isinstance(each, dict)]
        holder = draw(st.sampled_from(inner))
        name = draw(st.sampled_from((*sorted(holder), *NAMES)))
        if draw(st.booleans()):
            holder[name] = deepcopy(draw(st.sampled_from(ODD)))  # the next one may change it
        else:
            holder.pop(name, None)
    return event


@settings(max_examples=1_500, deadline=None)
@given(_mutated(), st.booleans())
def test_what_is_an_event_for_one_is_an_event_for_the_other(event: dict[str, Any], is_sorted: bool) -> None:
    _assert_same(_record(orjson.dumps(event, option=orjson.OPT_SORT_KEYS if is_sorted else 0)))


def _gateways(envelope: dict[str, Any]) -> bytes:
    """A record as gateways write it."""
    return ledger_record(orjson.dumps(envelope), "test", CREATED_AT)


def _unfit_bits(text: str) -> str:
    """The same bytes for a reader that does not look at the bits left over."""
    raw = base64.b64decode(text)
    assert text.endswith("=")
    end = len(text.rstrip("="))
    changed = text[: end - 1] + chr(ord(text[end - 1]) + 1) + text[end:]
    assert base64.b64decode(changed) == raw
    return changed


PAYLOAD = orjson.dumps(FRAME | BODIES[2], option=orjson.OPT_SORT_KEYS)
ENVELOPE = json.loads(sign_envelope(private_key("officer"), PAYLOAD))
SIGNATURE = ENVELOPE["signatures"][0]


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"[]",
        b"{}",
        b'{"envelope":[]}',
        b'{"envelope":' + b"[" * 5_000,
        b"\xff\xfe",
        orjson.dumps({"envelope": ENVELOPE | {"payloadType": "text/plain"}}),
        orjson.dumps({"envelope": ENVELOPE | {"payload": "!!!!"}}),
        orjson.dumps({"envelope": ENVELOPE | {"payload": base64.b64encode(b"\xff\xff\xff").decode()}}),
        orjson.dumps({"envelope": ENVELOPE | {"signatures": []}}),
        orjson.dumps({"envelope": ENVELOPE | {"signatures": ENVELOPE["signatures"] * 9}}),
        orjson.dumps({"envelope": ENVELOPE | {"signatures": [{"keyid": "x", "sig": "y"}]}}),
        orjson.dumps(
            {"envelope": ENVELOPE | {"signatures": [*ENVELOPE["signatures"], {"keyid": "ab" * 8, "sig": "=" * 88}]}}
        ),
        orjson.dumps({"envelope": ENVELOPE | {"signatures": ENVELOPE["signatures"] * 2}}),
        orjson.dumps({"envelope": ENVELOPE | {"PayloadType": ENVELOPE["payloadType"]}}),
        orjson.dumps({"envelope": ENVELOPE | {"more": [[]] * 70}}),
        orjson.dumps({"envelope": ENVELOPE}).replace(b'{"payload"', b'{"payload":"AAAA","payload"'),
        orjson.dumps({"envelope": ENVELOPE}).replace(b'{"payload"', b'{"\\u0070ayload":"AAAA","payload"'),
        orjson.dumps({"envelope": ENVELOPE}).replace(b'{"keyid"', b'{"keyid":"0000000000000000","keyid"'),
        orjson.dumps({"envelope": ENVELOPE, "gateway": {"a": 1, "b": {"c": 1}}}).replace(
            b'"b":{"c"', b'"b":{"c":2,"c"'
        ),
        _gateways(ENVELOPE).replace(b'"signatures"', b'"signatures":[],"signatures"'),
        _gateways(ENVELOPE | {"signatures": [SIGNATURE | {"sig": _unfit_bits(SIGNATURE["sig"])}]}),
        _gateways(ENVELOPE | {"payload": ENVELOPE["payload"][:-1]}),
        _gateways(ENVELOPE | {"payload": "-" + ENVELOPE["payload"][1:-5] + "+" + ENVELOPE["payload"][-4:]}),
        _record(PAYLOAD.replace(b'"seq":0', b'"seq":0,"seq":0')),
        _record(PAYLOAD.replace(b'"seq":0', b'"seq": 0')),
        _record(PAYLOAD.replace(b'"seq":0', b'"seq":00')),
        _record(b"null"),
        _record(b'"text"'),
        _record(b'{"type":["election.opened"]}'),
    ],
)
def test_what_is_no_event_is_none_for_both(record: bytes) -> None:
    assert not _assert_same(record)


@pytest.mark.parametrize(
    "record",
    [
        orjson.dumps({"envelope": ENVELOPE | {"more": {"of": [1, "two"]}}, "note": None}),
        orjson.dumps({"envelope": ENVELOPE | {"signatures": [ENVELOPE["signatures"][0] | {"cert": "x"}]}}),
        orjson.dumps({"envelope": ENVELOPE, "gateway": "payload"}),
        _gateways(ENVELOPE | {"payload": ENVELOPE["payload"].translate({43: "-", 47: "_"})}),
        orjson.dumps({"envelope": ENVELOPE}).replace(b'"payload"', b'"\\u0070ayload"'),
        json.dumps({"envelope": ENVELOPE}, indent=2).encode(),
    ],
)
def test_what_the_specification_ignores_is_ignored_by_both(record: bytes) -> None:
    assert _assert_same(record)


_PIECES = (
    b'"payload":"AAAA",',
    b'"Payload":1,',
    b'"more":[{}],',
    b'"keyid":"%b",' % (b"ab" * 8),
    b"{",
    b"}",
    b" ",
    b"\xef\xbb\xbf",
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 900), st.sampled_from(_PIECES), st.booleans()), max_size=3), st.booleans())
def test_two_readers_of_odd_envelopes_agree(pieces: list[tuple[int, bytes, bool]], is_plain: bool) -> None:
    """Pieces are put in anywhere, most often where a name may begin."""
    record = _gateways(ENVELOPE) if is_plain else json.dumps({"envelope": ENVELOPE, "x": 1}, indent=1).encode()
    for position, piece, at_name in pieces:
        at = record.find(b'"', position % len(record)) if at_name else position % len(record)
        record = record[:at] + piece + record[at:]
    _assert_same(record)
