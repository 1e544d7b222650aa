"""Poison: refused at the gate, and, written straight into the topic, shown as refused while the count continues."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from projections.readmodel.queries import schema_of
from proofs.signatures import sign_envelope
from rekap.operate.stack import Stack
from runtime.kafka.clients import ordered_producer
from runtime.kafka.security import client_options
from runtime.kafka.topics import topics_of
from runtime.settings import read_settings
from schemas.canonical import canonical_bytes
from schemas.ledger.envelope import ENVELOPE_BYTES_MAX, RECORD_BYTES_MAX, ledger_record
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"
BEYOND_64_BITS = b"9" * 400


stack = stack_of("poison")


def _payloads(stack: Stack) -> dict[str, bytes]:
    """Payloads that an officer's key signs and nobody should."""
    election = stack.definition.election
    body: dict[str, Any] = reported(STATION) | {
        "created_at": CREATED_AT,
        "election": election.id,
        "mode": election.mode.value,
        "definition": stack.definition.hash,
        "seq": 0,
        "prev": None,
    }
    good = canonical_bytes(body)
    changed = {
        "empty": b"",
        "null": b"null",
        "nested": b"[" * 20_000 + b"]" * 20_000,
        "nested-field": good.replace(b'"form":{', b'"form":{"A1":' + b"[" * 9_000 + b"]" * 9_000 + b","),
        "votes-beyond-64-bits": good.replace(b'"01":10', b'"01":' + BEYOND_64_BITS),
        "negative-beyond-64-bits": good.replace(b'"01":10', b'"01":-' + BEYOND_64_BITS),
        "huge-exponent": good.replace(b'"01":10', b'"01":1e999999'),
        "not-a-number": good.replace(b'"01":10', b'"01":NaN'),
        "number-too-long-for-python": good.replace(b'"seq":0', b'"seq":' + b"9" * 10_000),
        "invalid-utf-8": good.replace(STATION.encode(), b"\xff\xfe\xc0\x80"),
        "lone-surrogate": good.replace(STATION.encode(), b"\\ud800"),
        "zero-byte-station": canonical_bytes(body | {"station": "\0"}),
        "zero-byte-field": canonical_bytes(body | {"\0": 1}),
        "digits-of-another-script": canonical_bytes(body | {"created_at": CREATED_AT.replace("2", "\u0662")}),
        "newline-station": canonical_bytes(body | {"station": f"{STATION}\n"}),
        "key-twice": good.replace(b'"seq":0', b'"seq":0,"seq":1'),
        "thousand-unknown-fields": canonical_bytes(body | {f"field-{number}": 1 for number in range(1_000)}),
    }
    assert all(payload != good for payload in changed.values()), "a replacement has found nothing to replace"
    return changed


def _bodies(stack: Stack) -> dict[str, bytes]:
    """What is sent: signed payloads, and envelopes that are poison themselves."""
    officer = private_key("officer")
    signed = {name: sign_envelope(officer, payload) for name, payload in _payloads(stack).items()}
    envelope = orjson.loads(sign_envelope(officer, b"{}"))
    return signed | {
        "a-megabyte-of-nesting": b"[" * 500_000 + b"]" * 500_000,
        "nested-envelope": b'{"payload":' + b"[" * 25_000 + b"]" * 25_000 + b"}",
        "open-for-ever": b"{" * 30_000,
        "zero-byte-in-envelope": orjson.dumps(envelope | {"a\0b": 1}),
        "nine-signatures": orjson.dumps(envelope | {"signatures": envelope["signatures"] * 9}),
        "no-signature": orjson.dumps(envelope | {"signatures": []}),
        "byte-order-mark": b"\xef\xbb\xbf" + sign_envelope(officer, b"{}"),
        "only-zeros": bytes(ENVELOPE_BYTES_MAX),
    }


async def test_signed_poison_is_refused_at_the_gate(stack: Stack, client: httpx.AsyncClient) -> None:
    for name, body in _bodies(stack).items():
        answer = await client.post("/v1/submissions", content=body)
        assert answer.status_code in (413, 422), f"{name}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json", name
        assert len(answer.content) < 10_000, f"{name}: a refusal must not be as long as what it refuses"


async def test_a_line_of_poison_spoils_no_other_line_of_a_batch(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    poison = [body for body in _bodies(stack).values() if b"\n" not in body]
    good = voices.sign(reported("1.2.1-1"))
    answer = await client.post("/v1/submissions:batch", content=b"\n".join([*poison, good]))
    statuses = [orjson.loads(line)["status"] for line in answer.content.splitlines()]
    assert set(statuses[:-1]) <= {413, 422}
    assert (len(statuses), statuses[-1]) == (len(poison) + 1, 201)


async def test_poison_in_the_topic_is_shown_refused_and_what_follows_counts(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    definition = stack.definition
    partition = definition.stations.partition(definition.stations.number[STATION])
    kept = [ledger_record(body, "nobody", CREATED_AT) for body in _bodies(stack).values()]
    absurd_times = ["\0", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "x" * 1_000]
    kept += [b"", b"\0", b"\xff" * (RECORD_BYTES_MAX - 100), b"null", b'{"envelope":{}}', b'{"envelope":"\\ud800"}']
    kept = [value for value in kept if len(value) <= RECORD_BYTES_MAX - 100]  # Kafka takes no more
    # Well signed, of a station that is not known: such a record is held, whatever time of receipt its gateway gives.
    held = [ledger_record(voices.sign(reported("9.9.9-9")), "nobody", moment) for moment in absurd_times]
    producer = ordered_producer(read_settings(stack.environment))
    await producer.start()
    topic = topics_of(definition.election).ledger
    try:
        offsets = [(await producer.send_and_wait(topic, value, partition=partition)).offset for value in kept + held]
        offsets.append((await producer.send_and_wait(topic, None, key=b"tombstone", partition=partition)).offset)
    finally:
        await producer.stop()
    workers = {role: stack.supervisor.process_id(role) for role in ("tabulator", "rollup", "recorder", "notary")}

    receipt = (await client.post("/v1/submissions", content=voices.sign(reported(STATION, (7, 8, 9))))).json()
    assert (receipt["partition"], receipt["offset"]) == (partition, offsets[-1] + 1)

    async def counted() -> bool:
        shown = (await client.get(f"/v1/stations/{STATION}")).json()
        return bool(shown["contests"][0]["state"] == "counted")

    await eventually(counted)
    for role, process_id in workers.items():
        assert stack.supervisor.process_id(role) == process_id, f"{role} did not survive"
    states = await _states(stack, partition)
    assert [states.get(offset) for offset in offsets] == ["refused"] * len(kept) + ["held"] * len(held) + ["refused"]


@pytest.mark.parametrize(
    "fields", [b"", b',"gateway":7,"received_at":null', b',"gateway":"x","received_at":"a\\nforged line"']
)
async def test_a_retry_of_what_came_past_the_gateway_gets_a_receipt(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, fields: bytes
) -> None:
    """It counts, because its officer has signed it, although its writer put no gateway's fields around it."""
    envelope, later = (voices.sign(reported("2.1.1-1", (7, 7, version), version=version)) for version in (8, 9))
    assert (await client.post("/v1/submissions", content=later)).status_code in (200, 201)
    producer = ordered_producer(read_settings(stack.environment))
    await producer.start()
    definition = stack.definition
    partition = definition.stations.partition(definition.stations.number["2.1.1-1"])
    try:
        record = b'{"envelope":%b%b}' % (envelope, fields)
        written = await producer.send_and_wait(topics_of(definition.election).ledger, record, partition=partition)
    finally:
        await producer.stop()

    async def is_known() -> bool:
        return (await _states(stack, partition)).get(written.offset) is not None

    await eventually(is_known)
    answer = await client.post("/v1/submissions", content=envelope)
    assert (answer.status_code, answer.json()["offset"]) == (200, written.offset)
    assert "forged" not in answer.json()["signed"]


async def test_no_record_is_larger_than_an_entry_of_the_log_may_be_also_where_it_comes_compressed(stack: Stack) -> None:
    """No log could hold such a record, so the notary would stop for ever (C2SP tlog-tiles, lengths of 16 bits)."""
    settings = read_settings(stack.environment)
    producer = AIOKafkaProducer(**client_options(settings), compression_type="gzip", max_request_size=1 << 25)
    await producer.start()
    try:
        nested = b"[" * 500_000 + b"]" * 500_000
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topics_of(stack.definition.election).ledger, nested, partition=0)
    finally:
        await producer.stop()


async def _states(stack: Stack, partition: int) -> dict[int, str]:
    """Offset → state of every record of the partition, as the read model has them."""

    connection = await asyncpg.connect(stack.environment["REKAP_DATABASE"])
    try:
        schema = schema_of(stack.definition.election)
        await connection.execute("SELECT set_config('search_path', $1, false)", schema)
        rows = await connection.fetch('SELECT "offset", state FROM record WHERE partition = $1', partition)
        return {row["offset"]: row["state"] for row in rows}
    finally:
        await connection.close()
