"""Runs the front: its listening sockets at the public address, and the UNIX socket at which processes of the API join."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from api.front.front import Front
from api.http.accepting import BACKLOG, Listener, connects_limit
from api.http.connections import Connections, raise_descriptor_limit
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from runtime.settings import Settings

PROCESSES_WAITING_MAX = 16
"""Processes that wait to be taken, in the kernel."""


async def serve(settings: Settings, stop: asyncio.Event, after_startup: Callable[[], None]) -> None:
    """Hand connections over until `stop` is set. Raises OSError where an address cannot be had, SettingsError."""
    proxies = TrustedProxies.parse(settings.trusted_proxies)
    connections = Connections(raise_descriptor_limit(settings.connections), settings.connections_of_address, Refusals())
    front = Front(connections, proxies)
    connects = connects_limit(settings.connections_of_address)
    loop = asyncio.get_running_loop()
    listening = await _listening_at(settings.host, settings.port)
    # After the ports: where another front has them, its socket stays.
    joining = _unix_socket(Path(settings.front))
    listeners = [Listener(each, front.take, proxies, connects) for each in listening]
    loop.add_reader(joining, lambda: _accept(joining, front))
    after_startup()
    try:
        await stop.wait()
    finally:
        for listener in listeners:
            listener.close()
        loop.remove_reader(joining)
        joining.close()
        front.close()
        with suppress(OSError):
            Path(settings.front).unlink()


async def _listening_at(host: str, port: int) -> list[socket.socket]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = dict.fromkeys((family, address[:2]) for family, _, _, _, address in found)
    return [socket.create_server(address, family=family, backlog=BACKLOG) for family, address in addresses]


def _unix_socket(path: Path) -> socket.socket:
    """A socket that only processes of this user can connect to."""
    path.unlink(missing_ok=True)  # of a front that was killed
    joining = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        joining.bind(str(path))
    finally:
        os.umask(before)
    joining.listen(PROCESSES_WAITING_MAX)
    joining.setblocking(False)
    return joining


def _accept(joining: socket.socket, front: Front) -> None:
    with suppress(OSError):  # it has gone, or the system has no descriptor just now
        front.add_process(joining.accept()[0])
