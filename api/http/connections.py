"""All connections of one server: how many there may be, how many of one address, and how long each may stay silent.

Each connection is checked once a second, so that no request needs a timer of its own. Where the bound is reached, a new
connection replaces the one that has waited longest without a request; where an address has reached its own bound, a connection
of that address is replaced. A new connection is refused only where each of these has a request under way."""

from __future__ import annotations

import asyncio
import logging
import resource
from typing import Protocol

from api.limits.open_files import OPEN_FILES_MAX
from api.limits.refusals import Refusals
from runtime import metrics
from runtime.logs import log_line

logger = logging.getLogger("rekap.http")

LOOK_SECONDS = 1.0
"""Time between two checks of the connections. At half, checking costs 1 % of the loop with 4,000 connections; at double, a
deadline of ten seconds is met after twelve."""
UNSENT_BYTES_MAX = 256 * 1024 * 1024
"""Answers and frames that wait in this process for clients to read them. At half, 300 slow readers of a nation's snapshot
(401 kB) begin to lose their connections; at double, a machine with 1 GB has no memory left for the other processes."""
UNSENT_SHARE_BYTES_MAX = 64 * 1024 * 1024
"""Share of these bytes that one address may have: a quarter."""
ROOM_AFTER_SECONDS = 1.0
"""A connection that has waited for less than this is not replaced, because its request may be on the way. At half, clients on a
slow line lose their connections when their address has many; at double, silent connections keep new ones out for longer."""
DESCRIPTORS_KEPT = 256 + OPEN_FILES_MAX
"""Descriptors that are not for connections of clients: Kafka, PostgreSQL, files of the public log, the listening socket, log
lines; and files that clients download."""


class CountedConnection(Protocol):
    """One client's connection, of HTTP or WebSocket."""

    address: str | None
    """The address that the connection counts against; None for a trusted proxy, whose connections belong to many clients."""

    @property
    def unsent(self) -> int: ...

    def look(self, now: float) -> None:
        """End the connection where a deadline is over."""

    def cut_off(self) -> None:
        """End the connection now."""


class Connections:
    """One event loop owns it."""

    def __init__(self, total_max: int, of_address_max: int, refusals: Refusals) -> None:
        self._refusals = refusals
        self.total_max = total_max
        self.of_address_max = of_address_max
        self._all: dict[CountedConnection, None] = {}
        self._of_address: dict[str | None, int] = {}
        self._waiting: dict[str | None, dict[CountedConnection, float]] = {}
        """Connections without a request under way and since when, by address; the one that waits longest is first."""
        self._looking: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._all)

    def of_address(self, address: str | None) -> int:
        return self._of_address.get(address, 0)

    @property
    def unsent(self) -> int:
        return sum(connection.unsent for connection in self._all)

    def admit(self, connection: CountedConnection) -> str | None:
        """Add a new connection, or return a sentence why it is refused."""
        address = connection.address
        if address is not None and self.of_address(address) >= self.of_address_max and not self._make_room(address):
            metrics.HTTP_REFUSED.labels("connections-of-address").inc()
            return f"Your address has {self.of_address_max} connections here already, and all are at work."
        if len(self._all) >= self.total_max and not self._make_room(self._largest_waiting()):
            self._refusals.add("connections", f"all {self.total_max} connections are at work")
            return f"This server has {self.total_max} connections already, and all are at work."
        self.join(connection)
        return None

    def join(self, connection: CountedConnection) -> None:
        """Add a connection that was admitted before, as a WebSocket is after its handshake over HTTP."""
        self._all[connection] = None
        self._of_address[connection.address] = self.of_address(connection.address) + 1
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self.look)

    def leave(self, connection: CountedConnection) -> None:
        if connection not in self._all:
            return
        del self._all[connection]
        self.works(connection)
        left = self._of_address[connection.address] - 1
        if left:
            self._of_address[connection.address] = left
        else:
            del self._of_address[connection.address]

    def waits(self, connection: CountedConnection) -> None:
        """Note that the connection has no request under way from now on."""
        if connection in self._all:
            waiting = self._waiting.setdefault(connection.address, {})
            waiting.setdefault(connection, asyncio.get_running_loop().time())

    def waits_again(self, connection: CountedConnection) -> None:
        """Note that the connection has had a request, which was answered at once, and now waits for the next one."""
        waiting = self._waiting.get(connection.address)
        if waiting is not None and waiting.pop(connection, None) is not None:
            waiting[connection] = asyncio.get_running_loop().time()  # behind those that wait longer

    def works(self, connection: CountedConnection) -> None:
        """Note that the connection has a request under way from now on."""
        waiting = self._waiting.get(connection.address)
        if waiting is not None:
            waiting.pop(connection, None)
            if not waiting:
                del self._waiting[connection.address]

    def _largest_waiting(self) -> str | None:
        """The address with most connections of those that have one that waits long. The largest address of all may have
        none."""
        return max(filter(self._waits_long, self._waiting), key=self.of_address, default=None)

    def _waits_long(self, address: str | None) -> bool:
        since = next(iter(self._waiting[address].values()))
        return asyncio.get_running_loop().time() - since >= ROOM_AFTER_SECONDS

    def _make_room(self, address: str | None) -> bool:
        if address not in self._waiting or not self._waits_long(address):
            return False
        longest = next(iter(self._waiting[address]))
        metrics.HTTP_CUT_OFF.labels("made-room").inc()
        longest.cut_off()
        self.leave(longest)
        return True

    def look(self) -> None:
        """Check each connection and the bytes that all of them hold; again in LOOK_SECONDS."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        now = asyncio.get_running_loop().time()
        unsent: dict[str | None, int] = {}
        for connection in list(self._all):
            connection.look(now)
            if (waiting := connection.unsent) > 0:
                unsent[connection.address] = unsent.get(connection.address, 0) + waiting
        for address, waiting in unsent.items():
            if address is not None and waiting > UNSENT_SHARE_BYTES_MAX:
                unsent[address] -= self._cut_unsent(address, waiting - UNSENT_SHARE_BYTES_MAX)
        excess = sum(unsent.values()) - UNSENT_BYTES_MAX
        if excess > 0:
            self._refusals.add("unsent", f"more than {UNSENT_BYTES_MAX >> 20} MiB wait for clients that do not read")
            for address in sorted(unsent, key=lambda address: unsent[address], reverse=True):
                excess -= self._cut_unsent(address, excess)
        metrics.HTTP_CONNECTIONS.set(len(self._all))
        if self._all:
            self._looking = asyncio.get_running_loop().call_later(LOOK_SECONDS, self.look)

    def _cut_unsent(self, address: str | None, excess: int) -> int:
        """End connections of an address, those with most bytes first, until `excess` bytes are free or none is left. Returns
        how many bytes are free."""
        freed = 0
        for connection in sorted((one for one in self._all if one.address == address), key=_unsent_of, reverse=True):
            if freed >= excess:
                break
            freed += connection.unsent
            metrics.HTTP_CUT_OFF.labels("unread").inc()
            connection.cut_off()
        return freed


def _unsent_of(connection: CountedConnection) -> int:
    return connection.unsent


def raise_descriptor_limit(connections_max: int) -> int:
    """Raise the limit of open files as far as it is needed and allowed. Returns how many connections fit below the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections_max + DESCRIPTORS_KEPT
    limit = soft
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        except (ValueError, OSError):  # some systems allow less than their hard limit
            limit = soft
    fits = (
        connections_max if limit == resource.RLIM_INFINITY else max(1, min(connections_max, limit - DESCRIPTORS_KEPT))
    )
    write = logger.info if fits == connections_max else logger.warning
    write(log_line("descriptors", before=soft, now=limit, connections=fits, wanted=connections_max))
    return fits
