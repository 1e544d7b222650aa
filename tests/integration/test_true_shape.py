"""A legislature as it is: 7,277 districts with 234 rows each, in one ledger partition, through a real Kafka. Its totals arrive,
and those of the other office too."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from websockets.asyncio.client import connect

from projections.readmodel import queries
from rekap.client.live_feed import feed_url
from rekap.operate.stack import Stack
from runtime.kafka.clients import ordered_producer, plain_consumer
from runtime.kafka.topics import MESSAGE_BYTES_MAX, topics_of
from runtime.settings import read_settings
from schemas.definition.package import (
    Area,
    Choice,
    ChoiceKind,
    Contest,
    ElectionPackage,
    Method,
    Office,
    Party,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.rows import LocalText
from schemas.derived.blocks import BlockRange
from schemas.derived.bundles import blocks_in
from schemas.derived.parts import PART_BYTES_MAX
from schemas.derived.results import ResultRange
from schemas.ledger.envelope import ledger_record
from tests.support.ledger import CREATED_AT
from tests.support.small_election import reported, small_package
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

PROVINCES, DISTRICTS, PARTIES, CANDIDATES = 38, 7_277, 18, 12
ROWS = [f"P{party:02}-{row:02}" for party in range(1, PARTIES + 1) for row in range(CANDIDATES + 1)]
HEAD_BYTES = 4 * 1024
SECONDS = 240.0


def _package() -> ElectionPackage:
    """A station in each district of the country; a president and one chamber for all of it."""
    base = small_package((RuleSetting(id="F3", severity=Severity.HARD),), partitions=1)
    areas = [base.areas[0]]
    areas += [Area(code=f"{n}", name=f"Province {n}", level="province", parent="N") for n in range(1, PROVINCES + 1)]
    stations = []
    for number in range(DISTRICTS):
        province = str(number % PROVINCES + 1)
        district, village = f"{province}.{number}", f"{province}.{number}.1"
        areas.append(Area(code=district, name=district, level="district", parent=province))
        areas.append(Area(code=village, name=village, level="village", parent=district))
        stations.append(Station(code=f"{village}-1", name="TPS 1", area=village, registered_voters=300))
    parties = tuple(Party(id=f"P{n:02}", name=f"Party {n}") for n in range(1, PARTIES + 1))
    return replace(
        base,
        election=base.election.model_copy(update={"id": "true-shape"}),
        areas=tuple(areas),
        stations=tuple(stations),
        districts=(),
        offices=(*base.offices[:1], Office(id="dpr", name=LocalText(id="DPR", en="House"))),
        contests=(
            Contest(id="president", office="president", electorate="N"),
            Contest(id="dpr", office="dpr", electorate="N", seats=580, method=Method.SAINTE_LAGUE),
        ),
        parties=parties,
        choices=(
            *(choice for choice in base.choices if choice.contest == "president"),
            *(
                Choice(
                    contest="dpr",
                    id=row,
                    name=row,
                    kind=ChoiceKind.PARTY if row.endswith("-00") else ChoiceKind.CANDIDATE,
                    party=row[:3],
                    order=order,
                )
                for order, row in enumerate(ROWS)
            ),
        ),
    )


stack = stack_of("true-shape", package=_package, REKAP_KEYFRAME_MS="20000", REKAP_RESULTS_KEYFRAME_MS="20000")


async def _fill(stack: Stack, voices: Voices) -> dict[str, int]:
    """A form of each district, written into the ledger at once, as after an outage of the workers. Gives the votes."""
    chance = random.Random(7_277)
    sums = dict.fromkeys(ROWS, 0)
    settings = read_settings(stack.environment)
    producer = ordered_producer(settings)
    await producer.start()
    try:
        sent = []
        for station in stack.definition.stations.codes:
            votes = {row: chance.randrange(300) for row in ROWS}
            for row, count in votes.items():
                sums[row] += count
            valid = sum(votes.values())
            form = {"votes": votes, "VA": valid, "VB": 1, "VC": valid + 1}
            envelope = voices.sign(reported(station, contest="dpr") | {"form": form})
            value = ledger_record(envelope, "test", CREATED_AT)
            sent.append(await producer.send(topics_of(stack.definition.election).ledger, value, partition=0))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return sums


async def test_a_legislature_of_true_size_and_a_president_reach_the_nation(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    sums = await _fill(stack, voices)
    station = stack.definition.stations.codes[0]
    receipt = await client.post("/v1/submissions", content=voices.sign(reported(station)))
    assert receipt.status_code == 201

    async def counted(office: str, stations: int) -> Any:
        answer = (await client.get(f"/v1/offices/{office}")).json()
        [contest] = answer["contests"]
        return answer if contest["stations"]["clean"] == stations else None

    house = await eventually(lambda: counted("dpr", DISTRICTS), seconds=SECONDS)
    assert house["contests"][0]["counted"]["votes"] == sums
    assert await eventually(lambda: counted("president", 1), seconds=SECONDS)

    # The live feed has it too, in compressed parts, and continues after the last of them. What changes before the last part is
    # in that part, and no change follows.
    async with connect(feed_url(stack.url), max_size=None) as socket:
        await socket.send(json.dumps({"type": "subscribe", "office": "dpr"}))
        nations, is_whole = [], False
        async with asyncio.timeout(60):
            while not is_whole:
                if (message := json.loads(await socket.recv()))["type"] == "snapshot":
                    nations += [tally for tally in message["areas"] if tally["area"] == "N"]
                    is_whole = not message.get("more", False)
        assert nations[-1]["counted"]["votes"] == sums
        await client.post(
            "/v1/submissions", content=voices.sign(reported(station, contest="dpr", version=2) | {"form": _one_vote()})
        )
        async with asyncio.timeout(60):
            while (message := json.loads(await socket.recv()))["type"] != "change":
                pass
        assert {tally["area"] for tally in message["areas"]} >= {"N"}

    health = (await client.get("/v1/health")).json()
    assert health["status"] == "ok", health
    definition = stack.definition
    above = sum(level <= definition.tree.shard_level for level in definition.tree.level)
    schema = {"search_path": f'"{queries.schema_of(definition.election)}"'}
    connection = await asyncpg.connect(read_settings(stack.environment).database, server_settings=schema)
    try:
        stored = await connection.fetchval("SELECT count(*) FROM area_tally WHERE contest = 'dpr'")
    finally:
        await connection.close()
    assert stored == above + DISTRICTS, "the areas above, and a village in each district"
    topics = topics_of(definition.election)

    async def keyframes_are_larger_than_a_message_may_be() -> bool:
        # A machine that counted all of it before the first keyframe was due has published none yet.
        sizes = await _sizes_of_messages_in_parts(stack)
        return all(
            sizes.get((topic, "keyframe"), 0) > MESSAGE_BYTES_MAX for topic in (topics.results, topics.subtotals)
        )

    await eventually(keyframes_are_larger_than_a_message_may_be)


def _one_vote() -> dict[str, Any]:
    return {"votes": dict.fromkeys(ROWS, 0) | {ROWS[0]: 1}, "VA": 1, "VB": 0, "VC": 1}


async def _sizes_of_messages_in_parts(stack: Stack) -> dict[tuple[str, str], int]:
    """By topic and kind, the bytes of the largest message in parts that Kafka has of the roll-up and the tabulator. Asserts
    that each part is bounded."""
    topics = topics_of(stack.definition.election)
    partitions = topics.derived_partitions()
    consumer = plain_consumer(read_settings(stack.environment))
    await consumer.start()
    sizes: dict[tuple[str, str, Any], int] = {}
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        while any([await consumer.position(topic_partition) < end for topic_partition, end in ends.items()]):
            for topic_partition, messages in (await consumer.getmany(timeout_ms=500)).items():
                for message in messages:
                    assert len(message.value) < MESSAGE_BYTES_MAX // 2
                    of_results = topic_partition.topic == topics.results
                    first = message.value if of_results else blocks_in(message.value)[0]
                    head: Any = (ResultRange if of_results else BlockRange).from_bytes(first)
                    if head.part is not None:
                        assert len(message.value) <= PART_BYTES_MAX + HEAD_BYTES
                        key = (topic_partition.topic, head.kind, head.part.message)
                        sizes[key] = sizes.get(key, 0) + len(message.value)
    finally:
        await consumer.stop()
    return {(topic, kind): size for (topic, kind, _), size in sorted(sizes.items(), key=lambda each: each[1])}
