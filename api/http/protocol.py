"""uvicorn's HTTP protocol, and the WebSocket that a connection may become, with a bound on all that a client can send, leave
unsent or leave unread.

This file reads the socket, a piece in each turn. parsing.py gives the bytes to the parser, and refuses what is too large with
413, 414 or 431 and what does not come in time with 408 (request_head.py, request_body.py), as a problem (RFC 9457) that states
the bound; then the connection ends. What comes after that is dropped, until the client has read the answer. answering.py has
the requests answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from api.http.connection import notice_the_vanished
from api.http.connections import Connections
from api.http.corked import BACKLOG, Corked
from api.http.fair_turns import FairTurns
from api.http.from_memory import FromMemory
from api.http.parsing import ParsingProtocol
from api.http.raw_problems import answer_bytes
from api.http.request_head import RequestLine
from api.http.unread import Unread
from api.http.whole_request import AtOnce
from api.limits.client_address import TrustedProxies
from api.problems import Problem

SLICE_BYTES = 4 * 1024
"""How much of what came the parser is given at a time: what it keeps unseen, such as half a header, is no more than this. A
slice of chunks of one byte takes 2 ms. And how much may wait to be read before the socket is read no further."""
GivesBack = Callable[[asyncio.BaseTransport, bytes], bool]
"""Whether the connection has gone to another process (api/front/link.py), given what was read of it since the last request."""
PIECE_SECONDS = 0.0005
"""Time for reading what came on one connection at once, up to 256 KiB; then others have a turn. At half, a batch of 16 MiB
takes as many turns again; at double, each step of another address's request waits 1 ms for each address that sends bodies."""


class BoundedProtocol(ParsingProtocol):
    """One connection."""

    def __init__(
        self,
        connections: Connections,
        proxies: TrustedProxies,
        turns: FairTurns,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        from_memory: FromMemory | None = None,
        at_once: AtOnce | None = None,
        *,
        gives_back: GivesBack | None = None,
        unread: bytes = b"",
    ) -> None:
        """`unread` is what another process has read of the connection."""
        super().__init__(connections, proxies, turns, config, server_state, app_state, _loop, from_memory, at_once)
        self._gives_back = gives_back
        self._backlog = unread
        """What came and is not read yet."""
        self._unpaced_bytes = 0
        """What was read since the socket was last read again."""
        self._line = RequestLine()
        """The first line of the request, which `gives_back` needs as a whole."""

    # -- the connection --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        notice_the_vanished(transport)
        self._corked = corked = Corked(transport, self._lingers)
        self._unread = Unread(corked)
        super().connection_made(corked)  # type: ignore[arg-type]  # it has all of a transport
        address = self.client[0] if self.client else ""
        self.address = None if address in self._proxies else self._proxies.client_of_peer(address)
        sentence = self._connections.admit(self)
        if sentence is None:
            self._connections.waits(self)
            if self._backlog:
                self._turns.add(self.address or "", self._read_piece)
        else:
            self._reads_no_more = True
            corked.write(answer_bytes(Problem(503, "Too many connections", sentence, retry_after_s=5)))
            corked.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        self._backlog = b""
        super().connection_lost(exc)

    # -- what comes ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._reads_no_more:
            self._drop(len(data))
            return
        is_read = not self._backlog
        if is_read and self._waiting_since is not None and self._gives_back is not None:
            data = self._from_whole_line(data)
            if not data or self._has_gone_elsewhere(data):
                return
        self._backlog += data
        if is_read:
            self._turns.do(self.address or "", self._read_piece)
        # A small request that waits for its turn costs two system calls less where the socket is not stopped for that time.
        if len(self._backlog) > SLICE_BYTES:
            self._corked.hold_reading(BACKLOG)

    def _from_whole_line(self, data: bytes) -> bytes:
        """What came since the last request, once its request line is whole, because the line decides which process answers.
        Until then nothing is read."""
        has_begun = bool(self._line.begun)
        data = self._line.gather(data)
        if not self._line.begun:
            self._head.since = None
        elif not has_begun:
            self._head.since = self.loop.time()
        return data

    def _has_gone_elsewhere(self, data: bytes) -> bool:
        """Give the connection to another process where its next request is for that one. A connection whose last answer has not
        left yet stays."""
        if self._gives_back is None or self.unsent or not self._gives_back(self._corked.raw, data):
            return False
        self._reads_no_more = True
        self.cut_off()
        return True

    def _read_piece(self) -> None:
        """Read of the backlog, and the rest of it in the next turns of the loop."""
        is_between = self._waiting_since is not None
        if is_between and self._from_memory is not None:
            asked = self._from_memory.remembered.get(self._backlog)
            if asked is not None and self._answers_from_memory(asked):
                self._wait_again()
                self._backlog = b""
                self._corked.release_reading(BACKLOG)
                return
        data, messages = self._backlog, self._messages
        until = time.perf_counter() + PIECE_SECONDS
        backlog, start = memoryview(self._backlog), 0
        while start < len(backlog) and not self._reads_no_more:
            upgraded_at = self._feed(backlog[start : start + SLICE_BYTES])
            if upgraded_at is not None:
                rest, self._backlog = bytes(backlog[start + upgraded_at :]), b""
                self._corked.release_reading(BACKLOG)
                if rest and not self.transport.is_closing():
                    cast(asyncio.Protocol, self.transport.get_protocol()).data_received(rest)
                return
            start += SLICE_BYTES
            if time.perf_counter() > until:
                break
        if self._unbegun is not None:
            self._begin(*self._unbegun)
        read = min(start, len(backlog))
        self._unpaced_bytes += read
        self._backlog = b"" if self._reads_no_more or read == len(backlog) else bytes(backlog[read:])
        if self._reads_no_more:
            self._drop(len(backlog) - read)
        elif self._backlog:
            self._turns.add(self.address or "", self._read_piece)
        else:
            self._read_on()
            is_one = is_between and self._messages == messages + 1 and self._waiting_since is not None
            if is_one and self._from_memory is not None and self._answered is not None:
                self._from_memory.remembered.add(data, self._answered)

    def _read_on(self) -> None:
        """Read the socket again, at the pace of the address. A proxy's connections are of many clients, and have no pace."""
        count, self._unpaced_bytes = self._unpaced_bytes, 0
        is_long = count > SLICE_BYTES and self.address is not None
        pause = self._turns.reading_pace.pause(self.address or "", count) if is_long else 0.0
        if pause:
            self._corked.hold_reading(BACKLOG)
            self.loop.call_later(pause, self._corked.release_reading, BACKLOG)
        else:
            self._corked.release_reading(BACKLOG)
