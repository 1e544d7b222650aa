"""A station of which the ledger has 3,000 forms. Each reader of its history reads all of it, page by page."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
import pytest_asyncio

from projections.shown.answer_parts import HISTORY_RECORDS
from rekap.operate.stack import Stack
from runtime.kafka.clients import ordered_producer
from runtime.kafka.topics import topics_of
from runtime.settings import read_settings
from schemas.ledger.envelope import ledger_record
from tests.support.ledger import CREATED_AT
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"
FORMS = 3_000


stack = stack_of("many-forms", REKAP_CHECKPOINT_MS="200")


class Flooded(NamedTuple):
    stack: Stack
    directory: Path
    client: httpx.AsyncClient
    events: list[str]
    """Ids of the station's forms, in the order of the ledger."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flooded(stack: Stack, directory: Path) -> AsyncIterator[Flooded]:
    """Written past the gateways, which give no key that number: forms of 100 versions, every tenth of them with a wrong sum;
    and one form of each other station."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        voices = Voices(stack)
        forms = [
            voices.sign(reported(STATION, (n % 90, 1, 1), version=1 + n // 100, VA=999 if n % 10 == 0 else n % 90 + 2))
            for n in range(FORMS)
        ]
        definition = stack.definition
        home = definition.stations.partition(definition.stations.number[STATION])
        topic = topics_of(definition.election).ledger
        producer = ordered_producer(read_settings(stack.environment))
        await producer.start()
        try:
            for first in range(0, FORMS, 500):
                records = [ledger_record(form, "nobody", CREATED_AT) for form in forms[first : first + 500]]
                await asyncio.gather(*[await producer.send(topic, each, partition=home) for each in records])
        finally:
            await producer.stop()
        others = [station for station in definition.stations.codes if station != STATION]
        for station in others:
            answer = await client.post("/v1/submissions", content=voices.sign(reported(station)))
            answer.raise_for_status()
        sent = FORMS + len(others) + definition.partitions

        async def recorded() -> bool:
            stages = (await client.get("/v1/health")).json()["stages"]
            logs = (await client.get("/v1/log")).json()["logs"]
            return sum(each["size"] or 0 for each in logs) == sent and all(
                stages[stage]["lag_records"] == 0 for stage in ("tabulator", "recorder")
            )

        await eventually(recorded)
        events = [hashlib.sha256(base64.b64decode(orjson.loads(form)["payload"])).hexdigest() for form in forms]
        yield Flooded(stack, directory, client, events)


async def _rekap(flooded: Flooded, *arguments: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", *arguments),
        cwd=flooded.directory,  # where an audit leaves its report
        env=flooded.stack.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out, err.decode()


async def test_its_history_comes_in_pages_that_a_replay_gives_too(flooded: Flooded) -> None:
    events: list[str] = []
    standings: list[Any] = []
    bodies: dict[str | None, bytes] = {}
    after: str | None = None
    while True:
        asked = {} if after is None else {"after": after}
        answer = await flooded.client.get(f"/v1/stations/{STATION}", params=asked)
        bodies[after] = answer.raise_for_status().content
        page = answer.json()
        standings.append(page["contests"])
        assert len(page["history"]) <= HISTORY_RECORDS
        events += [entry["event"] for entry in page["history"]]
        after = page["next"]
        if after is None:
            break
    assert events == flooded.events
    assert standings == [standings[0]] * len(standings)
    assert len(bodies) == FORMS / HISTORY_RECORDS
    logs = str(flooded.directory / "data" / "log")
    for asked_after in list(bodies)[:: len(bodies) // 2]:
        options = [] if asked_after is None else ["--after", asked_after]
        code, out, err = await _rekap(flooded, "replay", logs, "--station", STATION, "--json", *options)
        assert code == 0, err
        assert out == bodies[asked_after]


async def test_doctor_and_a_sampling_audit_read_all_of_it(flooded: Flooded) -> None:
    async with asyncio.timeout(120):
        code, out, err = await _rekap(flooded, "doctor")
    assert code == 0, out.decode() + err
    stations = len(flooded.stack.definition.stations.codes)
    code, out, err = await _rekap(flooded, "audit", flooded.stack.url, "--sample", str(stations))
    assert code == 0, out.decode() + err


@pytest.mark.parametrize("after", ["12", "0/", "0/-1", "00000/1", "0/9999999999999999999", "x"])
async def test_a_cursor_that_is_none_is_refused(flooded: Flooded, after: str) -> None:
    answer = await flooded.client.get(f"/v1/stations/{STATION}", params={"after": after})
    assert (answer.status_code, answer.json()["field"]) == (422, "query.after")
