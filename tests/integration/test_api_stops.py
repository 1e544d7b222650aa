"""An API that is stopped while Kafka hangs answers the submissions that wait, and none that it acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("stops", own=("REKAP_KAFKA", "REKAP_WORKERS_KEY"), REKAP_KAFKA_WAIT_MS="30000")
"""The gateway waits for so long that all forms are under way when it is stopped, also on a busy machine."""


@pytest_asyncio.fixture(loop_scope="module")
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=stack.url, timeout=60, limits=limits) as client:
        yield client


async def test_an_api_that_is_stopped_answers_those_who_wait(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    first, *envelopes = voices.some(51)
    assert (await client.post("/v1/submissions", content=first)).status_code == 201
    stack.supervisor.pause("kafka")
    sending = [asyncio.create_task(client.post("/v1/submissions", content=each)) for each in envelopes]

    async def all_are_connected() -> bool:
        return await _connections(client) > len(sending)

    await eventually(all_are_connected)
    await asyncio.sleep(0.5)  # until the forms, which came before the last question, are in the producer
    assert not any(each.done() for each in sending)
    stopping = asyncio.create_task(stack.supervisor.restart("api"))
    await asyncio.sleep(0.1)
    stack.supervisor.resume("kafka")
    ends = await asyncio.gather(*sending, return_exceptions=True)
    # A connection that was not yet open is refused, one that was open is not cut.
    assert not [each for each in ends if not isinstance(each, httpx.Response | httpx.ConnectError)]
    await stopping
    await stack.supervisor.wait_ready("api")
    answered = [each for each in ends if isinstance(each, httpx.Response)]
    assert {answer.status_code for answer in answered} <= {200, 201, 503}
    kept = {answer.json()["submission"] for answer in answered if answer.status_code != 503}
    assert kept

    async def all_are_counted() -> bool:
        answers = [await client.get(f"/v1/submissions/{submission}") for submission in kept]
        return {answer.status_code for answer in answers} == {200}

    await eventually(all_are_counted)


async def _connections(client: httpx.AsyncClient) -> int:
    lines = (await client.get("/metrics")).text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("rekap_http_connections "))))
