"""The log as a list: every filter gives its records, page by page, and each line leads to bytes that are proved."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from proofs.merkle import check_inclusion, leaf_hash
from proofs.notes import open_checkpoint, parse_key
from rekap.operate.stack import Stack
from runtime.kafka.clients import ordered_producer
from runtime.kafka.topics import topics_of
from runtime.settings import read_settings
from schemas.ledger.envelope import ledger_record
from schemas.served.event_answers import EventPage, EventSnapshot
from schemas.served.snapshots import StationSnapshot
from tests.support.small_election import annulled, reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

GARBAGE = b"\xff\x00 garbage"
FORGED_TIME = "the day after tomorrow"


stack = stack_of("events", REKAP_CHECKPOINT_MS="100")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def listed(stack: Stack, voices: Voices) -> list[dict[str, Any]]:
    """A night of every kind of event, in one page, the oldest first: what the other pages are compared with."""
    definition = stack.definition
    stations = definition.stations.codes
    envelopes = [voices.sign(reported(station, (n, 1, 1))) for n, station in enumerate(stations)]
    envelopes += [voices.sign(reported(station, (n, 2, 2), version=2)) for n, station in enumerate(stations[:6])]
    envelopes.append(voices.sign(reported(stations[0], VA=999, version=3)))
    envelopes.append(voices.sign(annulled(stations[3], 2), "supervisor"))
    envelopes.append(voices.sign(reported(stations[1], (9, 9, 9), version=4), "officer-1"))
    await _past_the_gateway(stack, GARBAGE, ledger_record(voices.sign(reported(stations[0])), "nobody", FORGED_TIME))
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        answer = await client.post("/v1/submissions:batch", content=b"\n".join(envelopes))
        assert {orjson.loads(line)["status"] for line in answer.text.splitlines()} == {201}

        async def all_of_them() -> Any:
            page = (await client.get("/v1/events", params={"order": "oldest", "limit": 500})).json()
            return page if len(page["events"]) == len(envelopes) + 2 + definition.partitions else None

        page = await eventually(all_of_them)
    EventPage.model_validate(page)
    assert page["next"] is None
    events: list[dict[str, Any]] = page["events"]
    return events


async def _past_the_gateway(stack: Stack, *values: bytes) -> None:
    producer = ordered_producer(read_settings(stack.environment))
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topics_of(stack.definition.election).ledger, value, partition=0)
    finally:
        await producer.stop()


async def test_the_list_is_in_the_order_of_receipt_and_holds_what_no_gateway_let_in(
    listed: list[dict[str, Any]],
) -> None:
    order = [(each["received_at"] or "", each["partition"], each["offset"]) for each in listed]
    assert order == sorted(order)
    garbage, forged = (each for each in listed if each["received_at"] is None)
    assert [garbage[name] for name in ("type", "state", "rules", "author", "station", "area", "created_at")] == [
        "unreadable", "refused", ["M0"], None, None, None, None,
    ]  # fmt: skip
    assert (forged["type"], forged["station"], forged["area"]) == ("result.reported", "1.1.1-1", "1.1.1")
    kinds = {(each["type"], each["role"]) for each in listed if each["author"]}
    assert {
        ("election.opened", "authority"),
        ("result.annulled", "supervisor"),
        ("result.reported", "station_officer"),
    } == kinds


def _at_or_below(stack: Stack, area: str, code: str | None) -> bool:
    definition = stack.definition
    if area == "N":
        return True
    return code is not None and definition.tree.number[area] in definition.tree.lineage[definition.tree.number[code]]


FILTERS: list[dict[str, str]] = [
    {},
    *({"area": area} for area in ("N", "1", "1.1", "2.2", "1.1.1", "2.1.2")),
    {"station": "1.1.1-1"},
    {"contest": "president"},
    {"contest": "council-a"},
    *({"type": kind} for kind in ("result.reported", "result.annulled", "election.opened", "unreadable")),
    {"author": "officer"},
    {"author": "officer-1"},
    {"area": "1", "type": "result.annulled"},
    {"area": "1", "author": "officer"},
    {"area": "2", "station": "1.1.1-1"},
    {"area": "1.1.1", "station": "1.1.1-1", "contest": "president"},
    {"from": "5", "to": "-5"},
    {"area": "1", "from": "5", "to": "-5"},
]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("filters", FILTERS, ids=lambda each: "&".join(map("=".join, each.items())) or "all")
async def test_pages_hold_exactly_what_passes_the_filter(
    stack: Stack, client: httpx.AsyncClient, listed: list[dict[str, Any]], filters: dict[str, str], order: str
) -> None:
    """`author` is replaced by that key's id, `from` and `to` by the time of the event with that index."""
    asked = dict(filters)
    expected = listed
    if "area" in asked:
        expected = [each for each in expected if _at_or_below(stack, asked["area"], each["area"])]
    if "author" in asked:
        author = {"officer": "1.1.1-2", "officer-1": "1.1.1-2"}[asked["author"]]
        authors = [each["author"] for each in listed if each["station"] == author and each["type"] == "result.reported"]
        asked["author"] = authors[0] if asked["author"] == "officer" else authors[-1]
    for bound in ("from", "to"):
        if bound in asked:
            asked[bound] = listed[int(asked[bound])]["received_at"]
    expected = [
        each
        for each in expected
        if all(each[name] == asked[name] for name in ("station", "contest", "type", "author") if name in asked)
        and ("from" not in asked or (each["received_at"] or "") >= asked["from"])
        and ("to" not in asked or (each["received_at"] or "") < asked["to"])
    ]
    if order == "newest":
        expected = expected[::-1]
    for limit in (1, 4, 500):
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await client.get("/v1/events", params={**asked, "order": order, "limit": str(limit), **cursor})
            page = answer.raise_for_status().json()
            assert len(page["events"]) <= limit
            found += page["events"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert found == expected


async def test_every_line_leads_to_bytes_that_are_under_a_signed_root(
    client: httpx.AsyncClient, listed: list[dict[str, Any]]
) -> None:
    logs = (await client.get("/v1/log")).json()["logs"]
    for line in listed:

        async def proved(line: dict[str, Any] = line) -> Any:
            answer = await client.get(line["links"]["proof"])
            return answer.json() if answer.status_code == 200 else None

        proof = await eventually(proved)
        raw = (await client.get(line["links"]["entry"])).raise_for_status().content
        assert leaf_hash(raw).hex() == line["leaf_hash"]
        key = parse_key(logs[line["partition"]]["keys"][0])
        checkpoint = open_checkpoint(proof["checkpoint"].encode(), key).checkpoint
        hashes = [base64.b64decode(each) for each in proof["proof"]]
        check_inclusion(leaf_hash(raw), line["offset"], checkpoint.size, hashes, checkpoint.root)

        whole = (await client.get(line["links"]["event"])).raise_for_status().json()
        EventSnapshot.model_validate(whole)
        assert {name: whole[name] for name in line} == line
        assert [finding["rule"] for finding in whole["findings"]] == line["rules"]
        if raw == GARBAGE:
            assert whole["record"] is None
            assert whole["payload"] is None
        else:
            payload = base64.b64decode(whole["record"]["envelope"]["payload"])
            assert whole["record"] == orjson.loads(raw)
            assert whole["payload"] == orjson.loads(payload)
            assert hashlib.sha256(payload).hexdigest() == line["event"]


async def test_a_station_can_be_followed_from_its_first_form_on_with_proofs(
    client: httpx.AsyncClient, listed: list[dict[str, Any]]
) -> None:
    shown = (await client.get("/v1/stations/1.1.1-1")).json()
    StationSnapshot.model_validate(shown)
    of_station = [each for each in listed if each["station"] == "1.1.1-1"]
    of_station.sort(key=lambda each: each["offset"])
    assert [(each["offset"], each["leaf_hash"], each["received_at"]) for each in shown["history"]] == [
        (each["offset"], each["leaf_hash"], each["received_at"]) for each in of_station
    ]
    for entry in shown["history"]:
        proof = (await client.get(entry["links"]["proof"])).raise_for_status().json()
        assert proof["leaf_hash"] == entry["leaf_hash"]


async def test_a_page_that_has_not_changed_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/v1/events", params={"station": "2.2.2-2"})
    again = await client.get(
        "/v1/events", params={"station": "2.2.2-2"}, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    entry = await client.get(first.json()["events"][0]["links"]["entry"])
    assert "immutable" in entry.headers["cache-control"]


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("area=9.9", 404, "area"),
        ("station=9.9", 404, "station"),
        ("contest=mayor", 404, "contest"),
        ("type=result.reporte", 422, "type"),
        ("author=me", 422, "query.author"),
        ("from=2029-02-14T13:00:00", 422, "query.from"),
        ("to=noon", 422, "query.to"),
        ("order=random", 422, "query.order"),
        ("limit=0", 422, "query.limit"),
        ("limit=501", 422, "query.limit"),
        ("cursor=%21", 422, "cursor"),
        ("cursor=WzFd", 422, "cursor"),
        ("cursor=WyJuZXdlc3QiLDEsLTUsM10", 422, "cursor"),
    ],
)
async def test_the_refusal_of_a_wrong_question_names_the_wrong_part(
    client: httpx.AsyncClient, query: str, status: int, field: str
) -> None:
    answer = await client.get(f"/v1/events?{query}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["field"]) == (status, field)


async def test_a_cursor_continues_only_its_own_order(client: httpx.AsyncClient, listed: list[dict[str, Any]]) -> None:
    cursor = (await client.get("/v1/events", params={"limit": 1})).json()["next"]
    answer = await client.get("/v1/events", params={"order": "oldest", "cursor": cursor})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    ("path", "field"), [("0/99999", "offset"), ("200/0", "partition"), ("0/99999/entry", "offset")]
)
async def test_what_is_not_in_the_log_has_no_page(client: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(f"/v1/events/{path}")
    assert (answer.status_code, answer.json()["field"]) == (404, field)


async def test_the_time_of_a_line_is_that_of_its_record(
    client: httpx.AsyncClient, listed: list[dict[str, Any]]
) -> None:
    for line in listed[-5:]:
        record = orjson.loads((await client.get(line["links"]["entry"])).content)
        assert datetime.fromisoformat(line["received_at"]) == datetime.fromisoformat(record["received_at"])
