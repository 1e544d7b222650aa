"""Clients join at a pace, and each of the others has a time of its own to come back at."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from api.feed.hub.hub import Hub
from api.feed.joining_pace import AWAY_SECONDS_MAX, JITTER_SECONDS, JoiningPace
from rekap.client.live_feed import follow
from schemas.served.close_frames import retry_reason
from schemas.served.feed_cursors import Positions
from tests.support.ledger import MemoryLedger
from tests.support.live_server import LiveServer, live_server
from tests.support.small_election import small_package

DEFINITION = MemoryLedger(small_package(partitions=2)).definition
CLIENTS, PER_SECOND = 300, 100
SECONDS = 100.0
"""For all to join: they take three on a machine that does nothing else."""


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _pace(per_second: int, chance: float = 0.0) -> tuple[JoiningPace, Clock]:
    clock = Clock()
    return JoiningPace(per_second, clock, lambda: chance), clock


def test_a_second_of_clients_joins_at_once_and_then_one_after_the_other() -> None:
    pace, clock = _pace(10)
    assert sum(pace.take() for _ in range(50)) == 10
    clock.now += 0.25
    assert sum(pace.take() for _ in range(50)) == 2
    clock.now += 60
    assert sum(pace.take() for _ in range(50)) == 10


def test_those_put_off_are_given_times_at_the_pace_and_join_when_they_come() -> None:
    pace, clock = _pace(10)
    waits = [pace.come_back_s() for _ in range(35) if not pace.take()]
    assert len(waits) == 25
    assert [round(later - earlier, 6) for earlier, later in pairwise(waits)] == [0.1] * 24
    began = clock.now
    for wait in waits:
        clock.now = began + wait
        assert pace.take()


def test_a_time_is_moved_by_chance_and_has_bounds() -> None:
    pace, _ = _pace(10, chance=0.5)
    assert 5 + JITTER_SECONDS / 2 <= pace.come_back_s(5) <= 5.2 + JITTER_SECONDS / 2
    waits = [pace.come_back_s() for _ in range(2_000)]
    assert max(waits) <= AWAY_SECONDS_MAX + JITTER_SECONDS
    assert waits[-1] == AWAY_SECONDS_MAX * 0.75


def test_without_a_limit_all_join_and_a_time_is_still_given() -> None:
    pace, _ = _pace(0)
    assert all(pace.take() for _ in range(10_000))
    assert pace.come_back_s(3) == 3


class Crowd:
    """Clients that follow the feed as `rekap watch` does, and what each of them has read."""

    def __init__(self, server: LiveServer) -> None:
        self._url = f"http://127.0.0.1:{server.port}"
        self.messages: list[list[dict[str, Any]]] = [[] for _ in range(CLIENTS)]
        self.tasks = [asyncio.create_task(self._follow(messages)) for messages in self.messages]

    async def _follow(self, messages: list[dict[str, Any]]) -> None:
        async for message in follow(self._url, office="president"):
            messages.append(message)

    def count(self, kind: str) -> int:
        return sum(message["type"] == kind for messages in self.messages for message in messages)

    def forget(self) -> None:
        for messages in self.messages:
            messages.clear()

    async def until_joined(self, server: LiveServer) -> None:
        """Wait until all are subscribers. Meanwhile the server answers others."""
        async with asyncio.timeout(SECONDS):
            while server.hub.subscribers < CLIENTS:
                await server.answer_seconds()
                await asyncio.sleep(0.05)

    async def go(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_hundreds_that_come_back_at_once_join_in_slices_and_none_has_a_gap() -> None:
    async with live_server(DEFINITION, live_joins_per_s=PER_SECOND, live_heartbeat_s=60) as server:
        crowd = Crowd(server)
        try:
            began = time.monotonic()
            await crowd.until_joined(server)
            assert time.monotonic() - began >= CLIENTS / PER_SECOND - 1 - 0.1, "a second of clients may join at once"
            async with asyncio.timeout(SECONDS):
                while crowd.count("snapshot") < CLIENTS:
                    await asyncio.sleep(0.05)

            # The feed begins anew, as after a restart of its process. All come back with their cursors.
            crowd.forget()
            server.feed.admission.close()
            server.feed.end_clients()
            hub = Hub(DEFINITION, 1, heartbeat_s=60)
            hub.begin(Positions(0, (0,)))
            await asyncio.sleep(0.5)
            server.feed.show(hub)
            began = time.monotonic()
            await crowd.until_joined(server)
            assert time.monotonic() - began >= CLIENTS / PER_SECOND - 1 - 0.6
            assert crowd.count("gap") == crowd.count("snapshot") == 0
            first = [messages[0] for messages in crowd.messages]
            assert {message["type"] for message in first} == {"lost"}
            retries = [message["retry_s"] for message in first]
            assert len(set(retries)) > CLIENTS / 2, "each has a time of its own"
            assert 1 <= min(retries) < max(retries)
            assert max(retries) > 1 + (CLIENTS - 1) / PER_SECOND
        finally:
            await crowd.go()


async def test_a_client_waits_as_long_as_the_server_names() -> None:
    came: list[float] = []

    async def refuse(socket: ServerConnection) -> None:
        came.append(time.monotonic())
        await socket.close(1013, retry_reason(1.5, "many are joining"))

    async with serve(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        messages = follow(f"http://127.0.0.1:{port}", office="president")
        assert await anext(messages) == {"type": "lost", "retry_s": 1.5}
        assert (await anext(messages))["type"] == "lost"
        await messages.aclose()
    assert came[1] - came[0] >= 1.5
