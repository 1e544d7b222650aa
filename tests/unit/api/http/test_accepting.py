"""A client that has gone before its turn costs next to nothing, and one address does not fill the queue of all."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from api.http import accepting
from api.http.accepting import Beginning, Listener
from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import RateLimit

NOW = 1_000.0


class Taken(asyncio.Protocol):
    def __init__(self, all_taken: list[Taken]) -> None:
        self._all_taken = all_taken
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._all_taken.append(self)


@contextmanager
def _listening(per_second: int, trusted: str = "") -> Iterator[tuple[list[Taken], tuple[str, int], Listener]]:
    taken: list[Taken] = []
    listening = socket.create_server(("127.0.0.1", 0), backlog=200)
    connects = RateLimit("new connections", per_second, lambda: NOW)
    begin = Beginning(lambda unread: Taken(taken)).begin
    listener = Listener(listening, begin, TrustedProxies.parse(trusted), connects)
    try:
        yield taken, listening.getsockname(), listener
    finally:
        listener.close()
        listener.close()
        for each in taken:
            assert each.transport is not None
            each.transport.close()


def _leave(client: socket.socket, *, at_once: bool) -> None:
    if at_once:  # RST
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("at_once", [False, True])
async def test_those_who_have_gone_are_not_taken(at_once: bool) -> None:
    with _listening(0) as (taken, address, _):
        for _ in range(100):
            _leave(socket.create_connection(address), at_once=at_once)
        with socket.create_connection(address) as stays:
            await _until(lambda: bool(taken))
            assert len(taken) == 1
            assert taken[0].transport is not None
            assert taken[0].transport.get_extra_info("peername") == stays.getsockname()


async def test_an_address_makes_no_more_than_it_may_and_is_closed_at_once() -> None:
    with _listening(1) as (taken, address, _):
        clients = [socket.create_connection(address) for _ in range(15)]
        other = socket.create_connection(address, source_address=("127.0.0.9", 0))
        await _until(lambda: len(taken) == 11)
        clients[-1].settimeout(1)
        assert clients[-1].recv(1) == b""
        for client in (*clients, other):
            client.close()


async def test_a_trusted_proxy_makes_as_many_as_it_likes() -> None:
    with _listening(1, "127.0.0.1") as (taken, address, _):
        clients = [socket.create_connection(address) for _ in range(40)]
        await _until(lambda: len(taken) == 40)
        for client in clients:
            client.close()


async def test_what_the_system_cannot_give_just_now_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "PAUSE_SECONDS", 0.05)
    with _listening(0) as (taken, address, listener):
        real, failures = listener._listening, [OSError(errno.EMFILE, "too many open files")]

        class Full:
            def accept(self) -> object:
                if failures:
                    raise failures.pop()
                return real.accept()

            def fileno(self) -> int:
                return real.fileno()

            def close(self) -> None:
                real.close()

        monkeypatch.setattr(listener, "_listening", Full())
        with socket.create_connection(address):
            await _until(lambda: len(taken) == 1)


async def test_a_listener_that_is_closed_takes_nobody() -> None:
    with _listening(0) as (taken, address, listener):
        listener.close()
        assert listener.sockets == ()
        await listener.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        assert not taken
