"""A client of the feed over WebSocket: its commands, and how many of them it may send."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import cast

import orjson
from pydantic import ValidationError

from api.feed.clients import Client, Clients
from api.feed.frames import SOCKET, SOCKET_DEFLATED, WINDOW_BITS
from api.feed.hub.commands import CommandError
from api.feed.hub.hub import Hub
from api.http.connection import SocketConnection
from runtime.package.shape_sentences import field_of, sentence
from schemas.served.close_frames import retry_reason
from schemas.served.live import FROM_CLIENT, Follow, Subscribe

COMMANDS_MAX = 100
"""Commands that a client may send between two heartbeats; a page on which a user pans over a map sends a dozen."""
MISTAKES_MAX = 20
COMMAND_FIELDS_MAX = 16
"""Limit for the fields of a command, which has at most eleven. Each unknown field is a mistake, and 16 kB can hold two
thousand."""
UNREAD_ANSWERS_MAX = 100
"""Answers to commands that wait for a client, which are never dropped. A page that subscribes to fifty channels again has as
many."""
CLOSE_RESTART, CLOSE_POLICY, CLOSE_TRY_LATER = 1012, 1008, 1013
"""Close codes from RFC 6455 and the IANA registry."""


def _form(connection: SocketConnection) -> int:
    """Frames are compressed once for all, so not for a client that asked for a smaller window. It is sent them as they are."""
    return SOCKET_DEFLATED if connection.window_bits == WINDOW_BITS else SOCKET


class SocketClient(Client):
    """Client over a WebSocket. It takes its connection over from ASGI, so that a client that only reads costs no task."""

    def __init__(
        self, clients: Clients, hub: Hub, address: str, connection: SocketConnection, heartbeat_s: int
    ) -> None:
        super().__init__(clients, hub, address, connection, _form(connection), is_open=True)
        self._heartbeat_s = heartbeat_s
        self._commands = self._mistakes = 0
        self._window_ends = 0.0
        connection.hand_over(self)

    def end(self, sentence: str, after_s: float) -> None:
        self._close(CLOSE_RESTART, retry_reason(after_s, sentence))

    def message_came(self, text: str | None) -> None:
        now = asyncio.get_running_loop().time()
        if now > self._window_ends:
            self._commands, self._window_ends = 0, now + self._heartbeat_s
        self._commands += 1
        try:
            if self._commands > COMMANDS_MAX:
                raise CommandError(429, None, f"more than {COMMANDS_MAX} messages in {self._heartbeat_s} s")
            self._follow(text)
        except CommandError as error:
            self.hub.refuse(self.subscriber, error)
            self._mistakes += 1
        if self._commands > COMMANDS_MAX or self._mistakes > MISTAKES_MAX:
            self._clients.charge(self)
            self._close(CLOSE_POLICY, "too many messages that could not be followed")
        elif self.subscriber.unread_answers > UNREAD_ANSWERS_MAX:
            self._close(CLOSE_POLICY, f"more than {UNREAD_ANSWERS_MAX} answers wait to be read")

    def _close(self, code: int, sentence: str) -> None:
        cast(SocketConnection, self._connection).close_with(code, sentence)

    def _follow(self, text: str | None) -> None:
        """Raises CommandError."""
        if text is None:
            raise CommandError(400, None, "a binary message; commands are JSON in text messages")
        with suppress(orjson.JSONDecodeError):  # validation below names what is not valid JSON
            if isinstance(fields := orjson.loads(text), dict) and len(fields) > COMMAND_FIELDS_MAX:
                raise CommandError(400, None, f"{len(fields):,} fields; a command has at most {COMMAND_FIELDS_MAX}")
        try:
            command = FROM_CLIENT.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = field_of(first, ("subscribe", "follow", "unsubscribe"))
            raise CommandError(400, field or None, sentence(first)) from None
        try:
            if isinstance(command, Subscribe):
                self.hub.subscribe(self.subscriber, command)
            elif isinstance(command, Follow):
                self.hub.follow(self.subscriber, command)
            else:
                self.hub.unsubscribe(self.subscriber, command)
        except CommandError as error:
            error.id = command.id
            raise
