"""PostgreSQL hangs (SIGSTOP): readers get the last good answer with its age, in time, and submissions are taken."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from rekap.operate.stack import Stack
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


stack = stack_of("database-hangs", own=("REKAP_DATABASE",), REKAP_REQUESTS_PER_S="0")


@contextmanager
def _hanging(stack: Stack) -> Iterator[None]:
    """The server and each of its processes, which have process groups of their own."""
    server = stack.supervisor.process_id("postgres")
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    frozen = [int(server or 0), *map(int, children)]
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in frozen:
            os.kill(process, signal.SIGCONT)


async def _ask_for_much(client: httpx.AsyncClient) -> None:
    """One reader's thousands of spellings of few questions, and of different questions."""
    urls = [f"/v1/areas/N?{'%6f' if number % 2 else 'o'}ffice=president&_={number}" for number in range(2_100)]
    urls += [f"/v1/areas/{'%4E' if number % 2 else 'N'}?x{number}" for number in range(200)]
    urls += [f"/v1/areas/1.1.1/stations?contest=president&limit={number}" for number in range(1, 2_100)]
    urls += [f"/v1/events?limit={1 + number % 500}&from=2029-01-01T00:00:{number % 60:02}Z" for number in range(300)]
    asked = iter(urls)

    async def one_reader() -> None:
        for url in asked:
            assert (await client.get(url)).status_code in (200, 422)

    await asyncio.gather(*(one_reader() for _ in range(8)))


async def test_readers_get_the_last_good_answer_in_time_and_submissions_are_taken(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    paths = ["/v1/offices/president", "/v1/contests/president", "/v1/areas/N", "/v1/stations/1.1.1-1"]
    before = {path: (await client.get(path)).content for path in paths}
    await _ask_for_much(client)

    async def timed(path: str) -> tuple[float, httpx.Response]:
        began = time.monotonic()
        answer = await client.get(path)
        return time.monotonic() - began, answer

    with _hanging(stack):
        for _ in range(2):
            for seconds, answer in await asyncio.gather(*(timed(path) for path in paths * 10)):
                assert (answer.status_code, answer.content) == (200, before[answer.url.path])
                assert int(answer.headers["Age"]) >= 0
                assert seconds < 6
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/v1/health")).json()["database"].startswith("unreachable")
        answer = await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1")))
        assert answer.status_code == 201
        for spelling in ("/v1/areas/%4E", "/v1/offices/%70resident", "/v1/areas/N?"):
            assert (await client.get(spelling)).status_code == 200
        seconds, answer = await timed("/v1/areas/1.1")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert seconds < 15

    async def is_counted() -> bool:
        answer = await client.get("/v1/stations/1.1.1-1")
        return "Age" not in answer.headers and answer.json()["contests"][0]["state"] == "counted"

    await eventually(is_counted)
