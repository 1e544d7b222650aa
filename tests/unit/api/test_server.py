"""A listening server takes those who wait for it some at a time, not one for each turn of its loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from itertools import pairwise

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from api.http.accepting import TAKEN_IN_A_TURN
from api.http.connections import Connections
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.server import BoundedServer, bounded_server

WAITING = 160


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": f"{scope['type']}.startup.complete"})
    await receive()
    await send({"type": f"{scope['type']}.shutdown.complete"})


@pytest.mark.parametrize("is_given_a_socket", [False, True])
def test_many_who_wait_are_taken_some_in_each_turn(is_given_a_socket: bool) -> None:
    turns, peak = uvloop.run(_turns_to_take_all(is_given_a_socket))
    assert turns <= WAITING // TAKEN_IN_A_TURN + 10
    assert peak <= TAKEN_IN_A_TURN


async def _turns_to_take_all(is_given_a_socket: bool) -> tuple[int, int]:
    """In how many turns of the loop all were taken, and how many in one at most."""
    connections = Connections(1_000, 1_000, Refusals())
    server = bounded_server(app, connections=connections, proxies=TrustedProxies(), graceful_seconds=1)
    listening = socket.create_server(("127.0.0.1", 0)) if is_given_a_socket else None
    serving = asyncio.create_task(server.serve([listening] if listening else None))
    while not server.started:
        await asyncio.sleep(0.01)
    with ExitStack() as clients:
        for _ in range(WAITING):  # without a turn of the loop between them
            clients.enter_context(socket.create_connection(_address(server)))
        taken = [0]
        while taken[-1] < WAITING:
            await asyncio.sleep(0)
            taken.append(len(connections))
            assert len(taken) <= 2 * WAITING
    server.should_exit = True
    await serving
    return len(taken), max(after - before for before, after in pairwise(taken))


def _address(server: BoundedServer) -> tuple[str, int]:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return host, port
