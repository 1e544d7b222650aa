"""The gateway: what is let in, what is refused and how, and that a retry is the same receipt."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import TopicPartition

from proofs.merkle import leaf_hash
from proofs.notes import check_signature, parse_key, parse_note
from proofs.signatures import sign_envelope
from rekap.operate.stack import Stack
from runtime.kafka.clients import ordered_producer, plain_consumer
from runtime.kafka.topics import topics_of
from runtime.settings import read_settings
from schemas.canonical import canonical_bytes
from schemas.definition.package import Mode
from schemas.ledger.envelope import ledger_record
from schemas.served.logs import refusal_text
from tests.conftest import Parts
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import reported, reviewed
from tests.support.stacks import Voices, eventually, small_stack, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"


stack = stack_of("gateway")


async def test_a_submission_is_in_the_ledger_under_the_hash_of_its_receipt(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    envelope = voices.sign(reported(STATION))
    answer = await client.post("/v1/submissions", content=envelope)
    assert answer.status_code == 201
    receipt = answer.json()
    assert receipt["submission"] == _event_id(envelope)
    value = await _ledger_value(stack, receipt["partition"], receipt["offset"])
    assert leaf_hash(value).hex() == receipt["leaf_hash"]
    assert orjson.loads(value)["envelope"] == orjson.loads(envelope)


async def test_the_same_event_again_is_the_same_receipt_also_after_a_restart(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    envelope = voices.sign(reported("1.1.1-2"))
    first = (await client.post("/v1/submissions", content=envelope)).json()

    async def is_recorded() -> bool:
        return (await client.get(f"/v1/submissions/{first['submission']}")).status_code == 200

    await eventually(is_recorded)
    await stack.supervisor.restart("api")
    await stack.supervisor.wait_ready("api")
    again = await client.post("/v1/submissions", content=envelope)
    assert again.status_code == 200
    assert again.json() == {**first, "duplicate": True}
    (record,) = (await client.get(f"/v1/submissions/{first['submission']}")).json()["records"]
    assert (record["partition"], record["offset"], record["state"]) == (first["partition"], first["offset"], "counted")


async def test_a_final_refusal_is_signed_over_the_envelope_and_its_own_members(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    key = parse_key((await client.get("/v1/gateway")).json()["gateway_key"])
    refused = voices.sign(reported("9.9.9-9"))
    single = await client.post("/v1/submissions", content=refused)
    in_a_batch = orjson.loads((await client.post("/v1/submissions:batch", content=refused)).content)
    assert (single.status_code, in_a_batch["status"]) == (422, 422)
    for problem in (single.json(), in_a_batch["problem"]):
        note = parse_note(problem["signed"].encode())
        assert note.text == refusal_text(stack.definition.election.id, refused, problem)
        assert check_signature(note.text, note.signatures[0], key) is None
        assert note.text != refusal_text(stack.definition.election.id, refused, {**problem, "detail": "another"})
        assert note.text != refusal_text(stack.definition.election.id, voices.sign(reported(STATION)), problem)


async def test_a_batch_is_judged_line_by_line(voices: Voices, client: httpx.AsyncClient) -> None:
    good, also_good = (voices.sign(reported(f"1.2.1-{number}")) for number in (1, 2))
    unknown = voices.sign(reported("9.9.9-9"))
    answer = await client.post(
        "/v1/submissions:batch", content=b"\n".join([good, b"{nonsense", unknown, also_good, good])
    )
    assert answer.status_code == 200
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["line"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["status"] for line in lines] == [201, 422, 422, 201, 200]
    assert lines[4]["receipt"]["offset"] == lines[0]["receipt"]["offset"]


async def test_a_batch_has_an_end(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/submissions:batch", content=b"{}\n" * 1_001)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "A batch has up to 1000 lines, got 1001 or more."


@pytest.mark.parametrize(
    ("case", "status", "field", "rule"),
    [
        ("not-json", 422, "", None),
        ("no-envelope", 422, "payload", None),
        ("no-event", 422, "form", None),
        ("not-canonical", 422, "payload", None),
        ("negative-votes", 422, "form.votes.01", None),
        ("absurd-votes", 422, "form.votes.01", None),
        ("other-election", 422, "election", "E1"),
        ("live-mode", 422, "mode", "E2"),
        ("other-definition", 422, "definition", "E3"),
        ("unknown-key", 401, "signatures.0.keyid", "K1"),
        ("wrong-signature", 401, "signatures.0.sig", "K2"),
        ("wrong-role", 403, "type", "K3"),
        ("out-of-scope", 403, "station", "K4"),
        ("unknown-station", 422, "station", "S1"),
        ("unknown-contest", 422, "contest", "S2"),
        ("contest-elsewhere", 422, "contest", "S2"),
        ("unknown-choice", 422, "form.votes.99", "C1"),
        ("too-large", 413, "", None),
        ("deeply-nested", 422, "", None),
        ("invalid-utf-8", 422, "", None),
    ],
)
async def test_a_refusal_names_the_field_and_the_reason(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, case: str, status: int, field: str, rule: str | None
) -> None:
    before = await _ledger_ends(stack)
    answer = await client.post("/v1/submissions", content=_wrong(stack, voices, case))
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["field"], problem.get("rule")) == (
        status,
        status,
        field,
        rule,
    )
    assert problem["detail"].endswith(".")
    assert await _ledger_ends(stack) == before


def _wrong(stack: Stack, voices: Voices, case: str) -> bytes:
    good = reported(STATION, version=7)
    election, definition = stack.definition.election, stack.definition
    payload = {
        "created_at": CREATED_AT,
        "election": election.id,
        "mode": "rehearsal",
        "definition": definition.hash,
        **good,
        "seq": 0,
        "prev": None,
    }
    match case:
        case "not-json":
            return b"C.HASIL"
        case "no-envelope":
            return b'{"signatures":[]}'
        case "no-event":
            return voices.sign({name: value for name, value in good.items() if name != "form"})
        case "not-canonical":
            return sign_envelope(private_key("officer"), canonical_bytes(payload).replace(b":", b": ", 1))
        case "negative-votes":
            return voices.sign(reported(STATION, (-1, 2, 3)))
        case "absurd-votes":
            return voices.sign(reported(STATION, (10**15, 2, 3), VA=5, VC=6))
        case "other-election":
            return voices.sign(good, election="another")
        case "live-mode":
            return voices.sign(good, mode=Mode.LIVE.value)
        case "other-definition":
            return voices.sign(good, definition="0" * 64)
        case "unknown-key":
            return voices.sign(good, "nobody")
        case "wrong-signature":
            envelope = orjson.loads(voices.sign(good))
            envelope["signatures"][0]["sig"] = orjson.loads(voices.sign(good))["signatures"][0]["sig"]
            return orjson.dumps(envelope)
        case "wrong-role":
            return voices.sign(reviewed(STATION, "0" * 64, "accepted"))
        case "out-of-scope":
            return voices.sign(reported("2.1.1-1"), "officer-1")
        case "unknown-station":
            return voices.sign(reported("9.9.9-9"))
        case "unknown-contest":
            return voices.sign(reported(STATION, contest="mayor"))
        case "contest-elsewhere":
            return voices.sign(reported(STATION, contest="council-c"))
        case "unknown-choice":
            body = reported(STATION)
            body["form"]["votes"]["99"] = 1
            return voices.sign(body)
        case "too-large":
            return b'{"payload":"' + b"A" * 2_000_000 + b'"}'
        case "deeply-nested":
            return b"[" * 25_000 + b"]" * 25_000
        case "invalid-utf-8":
            return b'{"payload":"\xff\xfe"}'
    raise AssertionError(case)


async def test_a_correction_supersedes_and_the_history_shows_both(voices: Voices, client: httpx.AsyncClient) -> None:
    station = "2.2.1-1"
    first = (await client.post("/v1/submissions", content=voices.sign(reported(station, (1, 2, 3))))).json()
    body = reported(station, (4, 5, 6), version=2) | {"supersedes": first["submission"], "reason": "TYPING"}
    await client.post("/v1/submissions", content=voices.sign(body))

    async def both() -> Any:
        shown = (await client.get(f"/v1/stations/{station}")).json()
        return shown if len(shown["history"]) == 2 else None

    shown = await eventually(both)
    assert [entry["state"] for entry in shown["history"]] == ["superseded", "counted"]
    assert shown["history"][0]["findings"][0]["rule"] == "V4"
    assert shown["contests"][0]["numbers"]["votes"] == {"01": 4, "02": 5, "03": 6}
    assert shown["contests"][1]["state"] == "waiting"


async def test_what_is_written_past_the_gateway_is_shown_and_not_counted(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    """A forged signature, garbage, and a record in another station's partition, straight into the topic."""
    station = "2.1.1-1"
    definition = stack.definition
    home = definition.stations.partition(definition.stations.number[station])
    forged = orjson.loads(voices.sign(reported(station, (90, 90, 90))))
    forged["signatures"][0]["sig"] = base64.b64encode(b"\1" * 64).decode()
    genuine = voices.sign(reported(station, (80, 80, 80)))
    away = (home + 1) % definition.partitions
    producer = ordered_producer(read_settings(stack.environment))
    await producer.start()
    topic = topics_of(definition.election).ledger
    try:
        for partition, value in (
            (home, ledger_record(orjson.dumps(forged), "nobody", CREATED_AT)),
            (home, b"\xff\x00 garbage"),
            (away, ledger_record(genuine, "nobody", CREATED_AT)),
        ):
            await producer.send_and_wait(topic, value, partition=partition)
    finally:
        await producer.stop()

    async def both() -> Any:
        shown = (await client.get(f"/v1/stations/{station}")).json()
        return shown if len(shown["history"]) == 2 else None

    shown = await eventually(both)
    rules = {entry["findings"][0]["rule"] for entry in shown["history"]}
    assert rules == {"K2", "E6"}
    assert {entry["state"] for entry in shown["history"]} == {"refused"}
    assert shown["contests"][0]["state"] == "waiting"
    # And the genuine event, which is in the wrong partition and refused there, is not taken for a repeat of itself.
    answer = await client.post("/v1/submissions", content=genuine)
    assert (answer.status_code, answer.json()["partition"]) == (201, home)


async def test_without_a_ledger_the_gateway_answers_retry_after_and_a_retry_counts_once(
    tmp_path: Path, parts: Parts
) -> None:
    settings = {"REKAP_DATABASE": parts["REKAP_DATABASE"], "REKAP_KAFKA_WAIT_MS": "1000"}
    async with (
        small_stack(tmp_path, "hang", settings) as stack,
        httpx.AsyncClient(base_url=stack.url, timeout=30) as client,
    ):
        voices = Voices(stack)
        envelope = voices.sign(reported(STATION))
        assert (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-2")))).status_code == 201
        stack.supervisor.pause("kafka")
        try:
            refused = await client.post("/v1/submissions", content=envelope)
        finally:
            stack.supervisor.resume("kafka")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert (await client.post("/v1/submissions", content=envelope)).status_code in (200, 201)

        async def counted() -> bool:
            tally = (await client.get("/v1/contests/president")).json()["tally"]
            return bool(tally["counted"]["votes"] == {"01": 20, "02": 40, "03": 60})

        await eventually(counted)


def _event_id(envelope: bytes) -> str:
    return hashlib.sha256(base64.b64decode(orjson.loads(envelope)["payload"])).hexdigest()


async def _ledger_ends(stack: Stack) -> int:
    consumer = plain_consumer(read_settings(stack.environment))
    await consumer.start()
    try:
        topic = topics_of(stack.definition.election).ledger
        partitions = [TopicPartition(topic, number) for number in range(stack.definition.partitions)]
        return sum((await consumer.end_offsets(partitions)).values())
    finally:
        await consumer.stop()


async def _ledger_value(stack: Stack, partition: int, offset: int) -> bytes:
    topic_partition = TopicPartition(topics_of(stack.definition.election).ledger, partition)
    consumer = plain_consumer(read_settings(stack.environment))
    await consumer.start()
    try:
        consumer.assign([topic_partition])
        consumer.seek(topic_partition, offset)
        return bytes((await consumer.getone(topic_partition)).value)
    finally:
        await consumer.stop()


async def test_a_lost_outbox_continues_from_the_newest_number_of_its_key(
    voices: Voices, client: httpx.AsyncClient
) -> None:
    envelope = voices.sign(reported("2.2.1-2"))
    (await client.post("/v1/submissions", content=envelope)).raise_for_status()
    event = orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))
    key = orjson.loads(envelope)["signatures"][0]["keyid"]

    async def newest() -> Any:
        answer = (await client.get(f"/v1/keys/{key}")).json()
        return answer if answer["seq"] == event["seq"] else None

    answer = await eventually(newest)
    assert (answer["key"], answer["role"], answer["scope"]) == (key, "station_officer", "N")
    assert len(answer["event"]) == 64
    assert (await client.get(f"/v1/keys/{'0' * 16}")).status_code == 404
