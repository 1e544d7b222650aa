"""What a gateway judges costs a bounded time, whatever is in it, and the party that sent it pays."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from api.problems import Problem
from api.submit.shape import read_envelope, read_event

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
        assert refused.value.body["detail"] == "form.votes.zz: Input should be a valid integer."


def test_a_large_right_form_is_read() -> None:
    assert read_event(_payload(form={"votes": dict.fromkeys(NAMES[:1_500], 1)})).seq == 1
