"""What a gateway judges costs a bounded time, whatever is in it, and the address that sent it pays."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from api.problems import Problem
from api.submit.shape import read_by_schema, read_envelope, read_event, read_submission
from proofs.signatures import sign_envelope
from schemas.ledger.reports import Report
from tests.support.ledger import private_key

EVENT = {
    "type": "result.reported",
    "election": "small",
    "mode": "rehearsal",
    "definition": "a" * 64,
    "seq": 1,
    "prev": None,
    "created_at": "2029-02-14T13:00:00Z",
    "station": "1.1.1-1",
    "contest": "president",
    "version": 1,
}
NAMES = [f"{a}{b}{c}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnop" for c in "abcdefghijklmnop"]
REFUSAL_SECONDS_MAX = 0.02
"""A twentieth of what the worst took before; measured as the best of five."""


def _payload(**members: Any) -> bytes:
    return orjson.dumps({**EVENT, **members}, option=orjson.OPT_SORT_KEYS)


def _envelope(payload: bytes) -> bytes:
    return sign_envelope(private_key("officer"), payload)


PAYLOADS = {
    "votes that are text": _payload(form={"votes": dict.fromkeys(NAMES[:5_000], "x")}),
    "votes below zero": _payload(form={"votes": dict.fromkeys(NAMES[:5_000], -1)}),
    "names that are none": _payload(form={"votes": {f"!{name}": 0 for name in NAMES[:4_500]}}),
    "words that are text": _payload(form={"votes": {}, "words": dict.fromkeys(NAMES[:5_000], "x")}),
    "unknown members": _payload(form={"votes": {}}, **dict.fromkeys(NAMES[:5_000], 0)),
    "unknown members of the form": _payload(form={"votes": {}, **dict.fromkeys(NAMES[:5_000], 0)}),
    "images that are numbers": _payload(form={"votes": {}}, images=[0] * 20_000),
    "images that are empty": _payload(form={"votes": {}}, images=[{}] * 14_000),
    "a key given 5,000 times": _payload(form={"votes": {}}).replace(
        b'"votes":{}', b'"votes":{' + b",".join([b'"a":"x"'] * 5_000) + b"}"
    ),
    "brackets": b"[" * 45_000,
    "objects in objects": b'{"a":' * 9_000,
    "a long number": b'{"seq":' + b"9" * 45_000 + b"}",
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_an_event_with_thousands_of_mistakes_is_refused_at_once(name: str) -> None:
    payload = PAYLOADS[name]
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        with pytest.raises(Problem) as refused:
            read_event(payload)
        best = min(best, time.perf_counter() - began)
    assert refused.value.status == 422
    assert len(orjson.dumps(refused.value.body)) < 8_000
    assert len(refused.value.body["detail"]) < 500
    assert best < REFUSAL_SECONDS_MAX


@pytest.mark.parametrize("signatures", [[0] * 20_000, [{}] * 14_000, [{"keyid": "a"}] * 3_000])
def test_an_envelope_with_thousands_of_signatures_is_refused_at_once(signatures: list[Any]) -> None:
    body = orjson.dumps({"payload": "AAAA", "payloadType": "x", "signatures": signatures})
    began = time.perf_counter()
    with pytest.raises(Problem) as refused:
        read_envelope(body)
    assert time.perf_counter() - began < 10 * REFUSAL_SECONDS_MAX
    assert refused.value.body["field"] == "signatures"


def test_a_mistake_in_a_large_form_is_named_as_in_a_small_one() -> None:
    votes = dict.fromkeys(NAMES[:300], 1)
    for form in ({"votes": {**votes, "zz": "x"}}, {"votes": {"zz": "x"}}):
        with pytest.raises(Problem) as refused:
            read_event(_payload(form=form))
        assert refused.value.body["field"] == "form.votes.zz"
        assert refused.value.body["detail"] == "form.votes.zz: expected a whole number, got 'x'."


def test_a_large_right_form_is_read() -> None:
    assert read_event(_payload(form={"votes": dict.fromkeys(NAMES[:1_500], 1)})).seq == 1


# ── what is read, and what is refused with which sentence ────────────────────────────────────────────────────────────


def _refused(body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        read_submission(body)
    assert caught.value.status == 422
    return caught.value


def _title_and_field(problem: Problem) -> tuple[str, str]:
    return problem.body["title"], problem.body["field"]


@pytest.mark.parametrize("form_name", ["C.HASIL", "C.HASIL n° 1"])
def test_a_report_is_read_alike_by_the_fast_reader_and_by_the_schemas(form_name: str) -> None:
    body = _envelope(_payload(form={"votes": {"01": 1}}, form_name=form_name))
    opened, event = read_submission(body)
    assert isinstance(event, Report)
    assert event.form_name == form_name
    by_schema, same = read_by_schema(body)
    assert isinstance(same, Report)
    assert by_schema == opened
    assert (same.form, same.form_name, same.station) == (event.form, event.form_name, event.station)


def test_an_event_that_is_not_a_report_is_read_by_the_schemas() -> None:
    review = {**EVENT, "type": "result.reviewed", "event": "b" * 64, "decision": "accepted", "reason": "SEEN"}
    del review["version"]
    _, event = read_submission(_envelope(orjson.dumps(review, option=orjson.OPT_SORT_KEYS)))
    assert event.type == "result.reviewed"


@pytest.mark.parametrize(
    ("body", "title", "field"),
    [
        (b"", "Not JSON", ""),
        (b"[" * 50_000, "Not JSON", ""),
        (b"\x1f\x8b\x08", "Not JSON", ""),
        (b"[]", "Not a DSSE envelope", ""),
        (b"{}", "Not a DSSE envelope", "payload"),
        (orjson.dumps(dict.fromkeys(map(str, range(65)))), "Not an event", "body"),
        (orjson.dumps({"signatures": [{}] * 65}), "Not an event", "signatures"),
        (_envelope(b"{}").replace(b'"sig":"', b'"sig":"AAAA'), "Not a DSSE envelope", "signatures.0.sig"),
        (_envelope(b"{}").replace(b"e30=", b"e31="), "Not a DSSE envelope", "payload"),
    ],
)  # fmt: skip
def test_a_body_that_is_not_an_envelope_is_named(body: bytes, title: str, field: str) -> None:
    assert _title_and_field(_refused(body)) == (title, field)


@pytest.mark.parametrize(
    ("payload", "title", "field"),
    [
        (b"{", "Not JSON", "payload"),
        (b'{"a":"\xff"}', "Not JSON", "payload"),
        (b"[]", "Not an event", ""),
        (b'{"a": 1}', "Not canonical", "payload"),
        (_payload(form=[]), "Not an event", "form"),
        (_payload(form={"votes": []}), "Not an event", "form.votes"),
        (_payload(form={"votes": {"01": -1}}), "Not an event", "form.votes.01"),
        (_payload(form={"votes": {}, "words": {"VA": "x"}}), "Not an event", "form.words.VA"),
        (_payload(form={"votes": {}, "A": dict.fromkeys(NAMES[:65], 0)}), "Not an event", "form.A"),
        (_payload(form={"votes": {}}, images=[{}] * 65), "Not an event", "images"),
        (_payload(form={"votes": {}}, version=0), "Not an event", "version"),
    ],
)
def test_a_payload_that_is_not_an_event_is_named(payload: bytes, title: str, field: str) -> None:
    assert _title_and_field(_refused(_envelope(payload))) == (title, field)


def test_the_byte_that_is_not_utf_8_is_named() -> None:
    assert _refused('{"a":"é"}'.encode("latin-1")).body["detail"] == "The body is not JSON in UTF-8: byte 7 is 0xe9."


def test_as_many_members_as_may_be_are_read() -> None:
    assert _title_and_field(_refused(orjson.dumps(dict.fromkeys(map(str, range(64))))))[0] == "Not a DSSE envelope"


def test_the_first_mistakes_are_listed_each_with_its_field() -> None:
    votes = dict.fromkeys(NAMES[:30], -1) | {"zzzz": 0}
    problem = _refused(_envelope(_payload(form={"votes": votes})))
    errors = problem.body["errors"]
    assert [each["field"] for each in errors] == [f"form.votes.{name}" for name in sorted(NAMES[:30])[:20]]
    assert problem.body["detail"] == f"form.votes.{sorted(NAMES[:30])[0]}: {errors[0]['detail']}."
