"""Attacks on the gateway: batches of nothing, of mistakes, of wrong signatures; JSON that is deep, wide or long."""

from __future__ import annotations

import base64

import orjson

from attack.http import BATCH, BATCH_BYTES
from attack.target import Attack, Target, ask_on

SUBMISSION = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"


async def batches_of_line_ends(target: Target) -> str:
    """16 MB of line ends: nothing in it, and everything to split."""
    return await ask_on(target, 2, BATCH % BATCH_BYTES + b"\n" * BATCH_BYTES)


async def batches_of_wrong_signatures(target: Target) -> str:
    """1,000 forms in a batch, each with a signature that is another's."""
    return await ask_on(target, 4, _batch([_wrongly_signed(target, number) for number in range(1_000)]))


async def single_wrong_signatures(target: Target) -> str:
    """Forms with a signature that is another's, one a request."""
    body = _wrongly_signed(target, 0)
    return await ask_on(target, 32, SUBMISSION % (len(body), body))


async def batches_of_mistakes(target: Target) -> str:
    """270 lines in a batch, each with 5,000 votes that are not numbers."""
    names = [f"{number:04x}" for number in range(5_000)]
    form = {"votes": dict.fromkeys(names, "x")}
    line = _envelope_of(target, form=form)
    return await ask_on(target, 4, _batch([line] * (BATCH_BYTES // (len(line) + 1))))


async def single_mistakes(target: Target) -> str:
    """The same, one a request."""
    body = _envelope_of(target, form={"votes": {}}, images=[0] * 20_000)
    return await ask_on(target, 16, SUBMISSION % (len(body), body))


async def deep_json(target: Target) -> str:
    """Brackets in brackets, in the envelope and in the payload."""
    deep = b"[" * 30_000
    wrapped = _with_payload(target, b'{"a":' * 9_000)
    batch = _batch([deep, wrapped] * 150)
    return await ask_on(target, 4, batch)


async def long_numbers(target: Target) -> str:
    """Whole numbers of 45,000 digits."""
    line = _with_payload(target, b'{"seq":' + b"9" * 40_000 + b"}")
    return await ask_on(target, 4, _batch([line] * 250))


async def many_signatures(target: Target) -> str:
    """Envelopes with 20,000 signatures."""
    line = orjson.dumps({"payload": "AAAA", "payloadType": "x", "signatures": [0] * 20_000})
    return await ask_on(target, 4, _batch([line] * 300))


async def repeated_forms(target: Target) -> str:
    """100 right forms, sent again and again: they are in the ledger after the first time."""
    return await ask_on(target, 4, _batch([envelope.encode() for envelope in target.envelopes] * 10))


def _opened(target: Target, number: int) -> tuple[dict[str, object], dict[str, object]]:
    envelope = orjson.loads(target.envelopes[number % len(target.envelopes)])
    return envelope, orjson.loads(base64.b64decode(envelope["payload"]))


def _wrongly_signed(target: Target, number: int) -> bytes:
    envelope, event = _opened(target, number)
    event["seq"] = 1_000_000 + number
    payload = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    return orjson.dumps({**envelope, "payload": base64.b64encode(payload).decode()})


def _envelope_of(target: Target, **members: object) -> bytes:
    _, event = _opened(target, 0)
    return _with_payload(target, orjson.dumps({**event, **members}, option=orjson.OPT_SORT_KEYS))


def _with_payload(target: Target, payload: bytes) -> bytes:
    envelope, _ = _opened(target, 0)
    return orjson.dumps({**envelope, "payload": base64.b64encode(payload).decode()})


def _batch(lines: list[bytes]) -> bytes:
    body = b"\n".join(lines)
    return BATCH % len(body) + body


GATEWAY_ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        batches_of_line_ends,
        batches_of_wrong_signatures,
        single_wrong_signatures,
        batches_of_mistakes,
        single_mistakes,
        deep_json,
        long_numbers,
        many_signatures,
        repeated_forms,
    )
}
