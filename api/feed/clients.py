"""The clients of the feed: each is a connection and its subscriber.

The hub's passes write the frames that all live clients get. What a single client lacks is rendered here, in the turns of its
address, each time its connection has taken what was written before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from api.feed.admission import BEGINNING_SECONDS, Admission
from api.feed.frames import EVENT, chunk
from api.feed.hub.hub import Hub
from api.feed.rendering_turns import RenderingTurns
from api.feed.subscribers import Subscriber, send
from api.http.connection import Connection
from runtime import metrics


class Client(ABC):
    """One connection on the feed, as its hub needs it (`Outlet`)."""

    def __init__(
        self, clients: Clients, hub: Hub, address: str, connection: Connection, form: int, *, is_open: bool
    ) -> None:
        """Make a client. Where its connection is not open, nothing is written until `_take_connection` is called."""
        self._clients = clients
        self._connection = connection
        self._is_waiting = False
        """Whether a piece of this client waits for its turn."""
        self._has_left = False
        self.hub = hub
        self.form = form
        self.is_full = True
        self.descriptor = -1
        self.write_now: Callable[[bytes], None]
        """The transport's own function."""
        self.subscriber: Subscriber
        if is_open:
            self._take_connection()
        self.subscriber = hub.join(self, self._serve_soon, address)
        clients.add(self)

    def _take_connection(self) -> None:
        self.write_now = self._connection.direct()
        self.descriptor = self._connection.descriptor
        self.is_full = self._connection.is_full
        self._connection.watch_room(self._note_room)

    @abstractmethod
    def end(self, sentence: str, after_s: float) -> None:
        """End the connection in good order, and ask the client to connect again after `after_s` seconds."""

    def has_gone(self) -> None:
        """Remove the client, because nothing can be sent any more."""
        if not self._has_left:
            self._has_left = self.is_full = True
            if self._connection.was_flooded:
                self._clients.charge(self)
            if self._connection.was_unread:
                metrics.LIVE_CLIENTS_DROPPED.inc()
            self.hub.leave(self.subscriber)
            self._clients.remove(self)

    def _note_room(self, is_full: bool) -> None:
        self.is_full = is_full
        if self.subscriber.has_work:
            self._serve_soon()

    def _serve_soon(self) -> None:
        if not (self._is_waiting or self.is_full or self._has_left):
            self._is_waiting = True
            self._clients.turns.add(self.subscriber.address, self._serve)

    def _serve(self) -> None:
        """Write the next frame that only this client gets."""
        self._is_waiting = False
        if self.is_full or self._has_left:
            return
        try:
            frame = self.subscriber.take()
            if frame is not None:
                if frame.gap is not None:
                    metrics.LIVE_GAPS.labels(frame.gap).inc()
                send(self, frame)
        except Exception:  # a bug, after which the client would wait for ever; the loop logs it
            self._connection.cut_off()
            raise
        if self.subscriber.has_work:
            self._serve_soon()


class Clients:
    """All clients of one process. One event loop owns them."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._all: dict[Client, None] = {}
        self.turns = RenderingTurns()

    def add(self, client: Client) -> None:
        self._all[client] = None

    def remove(self, client: Client) -> None:
        del self._all[client]
        self._admission.give_back(client.subscriber.address)

    def charge(self, client: Client) -> None:
        """Note that the client is disconnected for what it sent."""
        self._admission.charge(client.subscriber.address)

    def end_all(self, sentence: str) -> None:
        """End each connection, and give each client a time of its own to come back at."""
        for client in list(self._all):
            client.end(sentence, self._admission.pace.come_back_s(BEGINNING_SECONDS))

    def keep_alive(self) -> None:
        """Send a comment to each stream that gets no heartbeat, because it is behind."""
        for client in self._all:
            if client.form == EVENT and client.subscriber.is_behind and not client.is_full:
                with suppress(RuntimeError):  # the connection has just been lost
                    client.write_now(COMMENT)


COMMENT = chunk(b":\n\n")
