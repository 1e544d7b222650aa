"""uvicorn's HTTP protocol, and the WebSocket that a connection may become, with a bound on all that a client can send, leave
unsent or leave unread.

What is too large is refused with 413, 414 or 431, what does not come in time with 408, both as a problem (RFC 9457) that
states the bound; then the connection ends. What comes after that is dropped, until the client has read the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

import httptools
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.http.connection import CONNECTION, ServedConnection, notice_the_vanished
from api.http.connections import Connections
from api.http.corked import BACKLOG, HELD_BYTES_MAX, Corked
from api.http.fair_turns import FairTurns, Piece, Place
from api.http.from_memory import Asked, FromMemory, asked_of
from api.http.raw_problems import (
    HEAD_BYTES_MAX,
    HEADERS_MAX,
    ParserStoppedError,
    answer_bytes,
    head_too_large,
    too_slow,
    wrong_host,
)
from api.http.unread import Unread
from api.http.whole_request import AtOnce, WholeRequest
from api.limits.client_address import TrustedProxies
from api.problems import Problem
from api.roles import request_line
from runtime import metrics

REQUEST_LINE_BYTES_MAX = 8 * 1024
"""Limit for the address in a request line. The longest that Rekap reads has a cursor of the live feed in it, 4 kB."""
METHOD_AND_VERSION_BYTES = 256
"""The rest of a request line, at most."""
HOST_BYTES = len(b"host")
HEAD_SECONDS_MAX = 10.0
"""From its first byte to its last. At half a bad radio link is cut off; at double, a silent one is kept as long."""
IDLE_SECONDS_MAX = 30.0
"""Between two requests, and before the first. A proxy in front must end its idle connections sooner (docs/operations.md)."""
BODY_WINDOW_SECONDS = 15.0
BODY_WINDOW_BYTES_MIN = 8 * 1024
"""What of a body must come in each window, unless it ends: 550 bytes a second, a tenth of what GPRS carries. At double,
phones at the edge of a cell lose their forms; at half, a client that trickles holds its connection for twice as long."""
BODY_SECONDS_MAX = 300.0
"""For a whole body: a full batch of 16 MiB at 56 kB/s. Smaller batches suit slower lines."""
CHUNKS_FREE = 64
CHUNK_BYTES_MIN = 256
"""The size that chunks of a body have on average, but for the first few. A byte a chunk costs 3 µs for each byte."""
PIPELINED_MAX = 8
"""Requests that wait on one connection for the answer before theirs. Browsers send none, curl a few."""
LINGER_SECONDS = 5.0
LINGER_BYTES_MAX = 32 * 1024 * 1024
"""How long, and how much (two full batches), a client may send on what is dropped, until it reads that it was refused."""
SLICE_BYTES = 4 * 1024
"""How much of what came the parser is given at a time: what it keeps unseen, such as half a header, is no more than this. A
slice of chunks of one byte takes 2 ms. And how much may wait to be read before the socket is read no further."""
GivesBack = Callable[[asyncio.BaseTransport, bytes], bool]
"""Whether the connection has gone to another process (api/front/link.py), given what was read of it since the last request."""
PIECE_SECONDS = 0.0005
"""For reading of one connection what came at once, up to 256 KiB; then others have a turn. At half, a batch of 16 MiB takes as
many turns again; at double, each step of another party's request waits 1 ms for each address that sends bodies."""


class BoundedProtocol(ServedConnection, HttpToolsProtocol):
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
        super().__init__(config, server_state, app_state, _loop)
        self._gives_back = gives_back
        self._connections = connections
        self._proxies = proxies
        self._turns = turns
        self._from_memory = from_memory
        self._at_once = at_once
        self._answered: Asked | None = None
        """The newest request, where it was answered from memory."""
        self._messages = 0
        """Requests that the parser has begun."""
        self.party: str | None = None
        self._backlog = unread
        """What came and is not read yet."""
        self._unpaced_bytes = 0
        """What was read since the socket was last read again."""
        self._begun_line = b""
        """The beginning of a request line whose end has not come, where `gives_back` needs the whole line."""
        self._waiting_since: float | None = self.loop.time()
        """Since when no request is under way and not a byte of the next one has come."""
        self._head_since: float | None = None
        self._head_bytes = self._headers = self._hosts = 0
        """Counts of the address, the header lines and the Host headers that the parser has given so far."""
        self._head_raw_bytes = 0
        """Bytes of slices that held nothing but this head: what the parser has not given yet is counted here."""
        self._head_is_new = False
        """Whether the head began in the slice that is being read."""
        self._running: RequestResponseCycle | None = None
        """The request that is being answered."""
        self._place: Place | None = None
        """Place of the request that is being answered, once it is at work."""
        self._unbegun: tuple[RequestResponseCycle, Any] | None = None
        """A request, and the app for it, of which the head was read: it begins when the piece has been read that is being read
        now, because by then its whole body may be here."""
        self._is_endless = False
        """The answer has no end, so that no request behind it would be answered."""
        self._arriving: RequestResponseCycle | None = None
        """The request whose body is still to come."""
        self._body_since = self._window_since = 0.0
        self._body_bytes = self._window_bytes = self._chunks = 0
        self._queued_head_bytes = 0
        self._refusal: Problem | None = None
        """Why the parser was stopped."""
        self._last_problem: Problem | None = None
        """Sent once what came before is answered."""
        self._has_refused = False
        self._reads_no_more = False
        """Nothing more is read as a request."""
        self._ending_since = 0.0
        self._dropped_bytes = 0

    # -- the connection --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        notice_the_vanished(transport)
        self._corked = corked = Corked(transport, self._lingers)
        self._unread = Unread(corked)
        super().connection_made(corked)  # type: ignore[arg-type]  # it has all of a transport
        address = self.client[0] if self.client else ""
        self.party = None if address in self._proxies else self._proxies.client_of_peer(address)
        sentence = self._connections.admit(self)
        if sentence is None:
            self._connections.waits(self)
            if self._backlog:
                self._turns.add(self.party or "", self._read_piece)
        else:
            self._reads_no_more = True
            corked.write(answer_bytes(Problem(503, "Too many connections", sentence, retry_after_s=5)))
            corked.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        self._backlog = b""
        self._unbegun = None
        # uvicorn marks the newest of pipelined requests only: the other answers would have no reader, and a stream no end.
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def has_no_end(self) -> bool:
        self._is_endless = True
        if self._place is not None:
            self._place.give_back()
        self.keep_little()
        return not self.pipeline

    def pause_writing(self) -> None:
        super().pause_writing()
        self.note_room(is_full=True)
        if self._place is not None:
            self._place.give_back()  # the answer waits for its client

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._place is not None and self._running is not None and not self._is_endless:
            self._place.take()
        self.note_room(is_full=False)

    def look(self, now: float) -> None:
        if self._unread.is_stalled(now):
            metrics.HTTP_CUT_OFF.labels("unread").inc()
            self.was_unread = True
            self.cut_off()
        elif self._reads_no_more and self.transport.is_closing():
            if now - self._ending_since > LINGER_SECONDS and not self.unsent:
                self.cut_off()
        elif self._reads_no_more:
            pass  # the last requests are being answered
        elif self._waiting_since is not None and now - self._waiting_since > IDLE_SECONDS_MAX:
            self.transport.close()
        elif self._head_since is not None and now - self._head_since > HEAD_SECONDS_MAX:
            self._refuse(too_slow(f"The head of a request must come within {HEAD_SECONDS_MAX:.0f} s."), "slow-head")
        elif self._arriving is not None:
            self._look_at_body(now)

    def _look_at_body(self, now: float) -> None:
        assert self._arriving is not None
        if self._arriving.response_complete:
            if now - self._body_since > LINGER_SECONDS:
                self.cut_off()
        elif self.flow.read_paused:
            self._window_since, self._window_bytes = now, self._body_bytes  # reading is paused on this side
        elif now - self._body_since > BODY_SECONDS_MAX:
            self._refuse(too_slow(f"A body must come within {BODY_SECONDS_MAX:.0f} s: send less at once."), "slow-body")
        elif now - self._window_since > BODY_WINDOW_SECONDS:
            if self._body_bytes - self._window_bytes < BODY_WINDOW_BYTES_MIN:
                sentence = (
                    f"At least {BODY_WINDOW_BYTES_MIN} bytes of a body must come in {BODY_WINDOW_SECONDS:.0f} s; "
                    f"got {self._body_bytes - self._window_bytes}."
                )
                self._refuse(too_slow(sentence), "slow-body")
            self._window_since, self._window_bytes = now, self._body_bytes

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
            self._turns.do(self.party or "", self._read_piece)
        # A small request that waits for its turn costs two system calls less where the socket is not stopped for that time.
        if len(self._backlog) > SLICE_BYTES:
            self._corked.hold_reading(BACKLOG)

    def _from_whole_line(self, data: bytes) -> bytes:
        """What came since the last request, once its request line is whole, because the line decides which process answers.
        Until then nothing is read; a line that is too long is left to the parser, which refuses it."""
        data = (self._begun_line + data).lstrip(b"\r\n")
        if data and request_line(data) is None and len(data) <= REQUEST_LINE_BYTES_MAX + METHOD_AND_VERSION_BYTES:
            if not self._begun_line:
                self._head_since = self.loop.time()
            self._begun_line = data
            return b""
        if self._begun_line:
            self._begun_line, self._head_since = b"", None
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
        self._unpaced_bytes += len(backlog[:start])
        self._backlog = b"" if self._reads_no_more else bytes(backlog[start:])
        if self._reads_no_more:
            self._drop(len(backlog[start:]))
        elif self._backlog:
            self._turns.add(self.party or "", self._read_piece)
        else:
            self._read_on()
            is_one = is_between and self._messages == messages + 1 and self._waiting_since is not None
            if is_one and self._from_memory is not None and self._answered is not None:
                self._from_memory.remembered.add(data, self._answered)

    def _read_on(self) -> None:
        """Read the socket again, at the pace of the party. A proxy's connections are of many clients, and have no pace."""
        count, self._unpaced_bytes = self._unpaced_bytes, 0
        is_long = count > SLICE_BYTES and self.party is not None
        pause = self._turns.reading_pace.pause(self.party or "", count) if is_long else 0.0
        if pause:
            self._corked.hold_reading(BACKLOG)
            self.loop.call_later(pause, self._corked.release_reading, BACKLOG)
        else:
            self._corked.release_reading(BACKLOG)

    def _feed(self, part: memoryview) -> int | None:
        """Give the parser some bytes; gives how many of them were read where the connection became a WebSocket."""
        self._head_is_new = False
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self._connections.leave(self)
                self.handle_websocket_upgrade()
                return int(upgrade.args[0])
            self._stop_reading()  # of another protocol: the request was answered as if it had not been asked for
        except httptools.HttpParserError:
            if self._refusal is not None:
                self._refuse(self._refusal, str(self._refusal.status))
            elif not self._reads_no_more:
                self._refuse(Problem(400, "Not HTTP", "This is not a request of HTTP/1.1."), "not-http")
        if self._head_since is not None and not self._head_is_new and not self._reads_no_more:
            self._head_raw_bytes += len(part)
            if self._head_raw_bytes > HEAD_BYTES_MAX:
                self._refuse(head_too_large(), "431")
        return None

    def _drop(self, count: int) -> None:
        self._dropped_bytes += count
        if self._dropped_bytes > LINGER_BYTES_MAX:
            self.cut_off()
        elif self._reads_no_more:
            self._corked.hold_reading(BACKLOG)
            self._turns.add_slow(self.party or "", lambda: self._corked.release_reading(BACKLOG))

    def _stop(self, refusal: Problem | None) -> Exception:
        """To be raised within a callback of the parser, which then reads no further."""
        self._refusal = refusal
        return ParserStoppedError()

    def on_message_begin(self) -> None:
        if self._reads_no_more:
            raise self._stop(None)
        super().on_message_begin()
        self._messages += 1
        self._answered = None
        self._waiting_since, self._head_since = None, self.loop.time()
        self._head_bytes = self._headers = self._hosts = self._head_raw_bytes = self._dropped_bytes = 0
        self._head_is_new = True

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > REQUEST_LINE_BYTES_MAX:
            raise self._stop(
                Problem(414, "Address too long", f"An address here has up to {REQUEST_LINE_BYTES_MAX} bytes.")
            )
        if not url.isascii():
            raise self._stop(
                Problem(400, "Not an address", "An address has ASCII characters only; encode others with %.")
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value) + 4
        self._headers += 1
        if self._headers > HEADERS_MAX or self._head_bytes > HEAD_BYTES_MAX:
            raise self._stop(head_too_large())
        if self._head_since is not None:  # nothing here reads trailers
            super().on_header(name, value)
            self._hosts += len(name) == HOST_BYTES and name.lower() == b"host"

    def on_headers_complete(self) -> None:
        now = self.loop.time()
        self._head_since = None
        version = self.parser.get_http_version()
        if self._hosts > 1 or (not self._hosts and version == "1.1"):
            raise self._stop(wrong_host(self._hosts))
        if self._from_memory is not None and self._is_next():
            asked = asked_of(self.parser.get_method(), version, self.url, self.headers)
            if asked is not None and self._answers_from_memory(asked):
                self._answered = asked
                return
        before = self.cycle
        super().on_headers_complete()
        if self._running is not None and self._is_endless:
            self._stop_reading()
            self.cut_off()
            raise self._stop(None)
        if self.cycle is before:  # an upgrade to WebSocket
            if self._running is not None:
                sentence = "A connection becomes a WebSocket once every request before on it is answered."
                raise self._stop(Problem(400, "Not yet", sentence))
            return
        self._connections.works(self)
        self._arriving = self.cycle
        self._body_since = self._window_since = now
        self._body_bytes = self._window_bytes = self._chunks = 0
        if self.pipeline:
            # Read on, although the request has to wait: otherwise the end of the connection would not be noticed.
            self.flow.resume_reading()
            self._queued_head_bytes += self._head_bytes
            if len(self.pipeline) >= PIPELINED_MAX or self._queued_head_bytes > HEAD_BYTES_MAX:
                self.cycle.keep_alive = False

    def on_chunk_header(self) -> None:
        self._chunks += 1
        if self._chunks > CHUNKS_FREE + self._body_bytes // CHUNK_BYTES_MIN:
            raise self._stop(
                Problem(400, "Chunks too small", f"Chunks of a body must have {CHUNK_BYTES_MIN} bytes on average.")
            )

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._arriving is not None and self._arriving.response_complete:
            self._drop(len(body))
        super().on_body(body)

    def _is_next(self) -> bool:
        """Whether every request before this one is answered, and the client reads the answers."""
        return self._running is None and not self._reads_no_more and not self.flow.write_paused

    def _answers_from_memory(self, asked: Asked) -> bool:
        """Answer a request whose head is complete within this turn of the loop, where its answer is in memory."""
        assert self._from_memory is not None
        if self._corked.get_write_buffer_size() > HELD_BYTES_MAX or self._corked.is_closing():
            return False
        party = self.party
        if party is None:
            party = self._proxies.client_of({"client": self.client, "headers": asked.fields})
        answer = self._from_memory.answers.answer(asked, party)
        if answer is None:
            return False
        default = self._from_memory.default_head(self.server_state.default_headers)
        self._corked.write(b"%b%b%b\r\n" % (STATUS_LINE[answer.status], default, answer.head))
        if answer.body:
            self._corked.write(answer.body)
        self.server_state.total_requests += 1
        return True

    def _wait_again(self) -> None:
        """Begin the time in which the next request must come, after a request that was answered from memory."""
        self._waiting_since = self.loop.time()
        self._connections.waits_again(self)

    def on_message_complete(self) -> None:
        if self._answered is not None:
            self._wait_again()
            return
        arrived, self._arriving = self._arriving, None
        super().on_message_complete()
        if (
            arrived is self._running
            and self._place is not None
            and arrived is not None
            and not arrived.response_complete
        ):
            self._place.take()
        if arrived is not None and not arrived.keep_alive:
            self._stop_reading()
        if self._unbegun is not None:
            self._begin(*self._unbegun)
        if arrived is not None and arrived.response_complete:
            self._wait()

    # -- what is answered ------------------------------------------------------------------------------------------

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running, self._place = cycle, None
        self._is_endless = False
        if cycle.more_body and not cycle.waiting_for_100_continue:
            self._unbegun = cycle, app
        else:
            self._begin(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._unbegun = None
        cycle.scope[CONNECTION] = self  # type: ignore[literal-required]
        party = self._proxies.client_of(cast(Scope, cycle.scope))

        def begin(place: Place) -> None:
            if cycle.disconnected:
                place.give_back()  # its client has gone
            elif not self._has_taken(cycle, place, party):
                self._begin_task(cycle, place, app)

        self._turns.begin(party, begin)

    def _has_taken(self, cycle: RequestResponseCycle, place: Place, party: str) -> bool:
        """Whether `at_once` answers the request. It is given no request of a client that does not read its answers, because it
        does not wait for that."""
        if self._at_once is None or cycle.more_body or self.flow.write_paused:
            return False

        def answer(status: int, lines: bytes, body: bytes) -> None:
            place.give_back()
            self._answer_at_once(cycle, status, lines, body)

        def soon(piece: Piece) -> None:
            self._turns.do(party, piece)

        if not self._at_once(WholeRequest(cast(Scope, cycle.scope), bytes(cycle.body), party, soon, answer)):
            return False
        place.rest()
        return True

    def _answer_at_once(self, cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
        """As uvicorn does it in two messages of ASGI."""
        if cycle.disconnected:
            return
        own = b"".join(b"%b: %b\r\n" % line for line in cycle.default_headers)
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        cycle.response_started = cycle.response_complete = True
        self.transport.write(
            b"%b%b%bcontent-length: %d\r\n%b\r\n%b" % (STATUS_LINE[status], own, lines, len(body), close, body)
        )
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response = _nothing  # it refers to this connection, and the connection to it
        self.on_response_complete()

    def _begin_task(self, cycle: RequestResponseCycle, place: Place, app: Any) -> None:
        async def at_work(*request: Any) -> None:
            try:
                await app(*request)
            finally:
                place.give_back()

        self._place = place
        if self._arriving is cycle:
            place.give_back()  # until its body is here
        super()._start_asgi_task(cycle, at_work)

    def on_response_complete(self) -> None:
        answered, self._running = self._running, None
        if self._arriving is not None and self._arriving is answered:
            self._body_since = self.loop.time()  # from now on the rest of its body is dropped
        # Instead of uvicorn's own, which sets a timer for each answer: `look` ends connections that are idle for too long.
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._running is not None:
            return
        self._queued_head_bytes = 0
        if self._last_problem is not None:
            self._send_problem(self._last_problem)
        elif self._reads_no_more:
            self.transport.close()
        elif self._arriving is None:
            self._wait()

    def _wait(self) -> None:
        """For the next request."""
        if self._running is None and self._head_since is None and not self._reads_no_more:
            self._waiting_since = self.loop.time()
            self._connections.waits(self)

    def _refuse(self, problem: Problem, reason: str) -> None:
        """Answer with a problem once all requests before are answered, and end the connection."""
        metrics.HTTP_REFUSED.labels(reason).inc()
        self._has_refused = True
        self._stop_reading()
        arriving, self._arriving = self._arriving, None
        self._unbegun = None
        if arriving is not None:
            if arriving.response_started:
                self.cut_off()
                return
            arriving.disconnected = True
            arriving.message_event.set()
            if arriving is self._running:
                self._running = None
            else:
                self.pipeline = type(self.pipeline)(each for each in self.pipeline if each[0] is not arriving)
        if self._running is None:
            self._send_problem(problem)
        else:
            self._last_problem = problem

    def _send_problem(self, problem: Problem) -> None:
        self.transport.write(answer_bytes(problem))
        self.transport.close()
        self._connections.waits(self)

    def _stop_reading(self) -> None:
        if not self._reads_no_more:
            self._reads_no_more = True
            self._head_since = self._waiting_since = None
            self.flow.resume_reading()  # to drop it, and to notice the end

    def _lingers(self) -> bool:
        """Whether the client may still be sending, so that it has to read the answer before the connection goes."""
        if self._arriving is None and not self._has_refused and not self._dropped_bytes:
            return False
        self._stop_reading()
        self._ending_since = self.loop.time()
        return True


def _nothing() -> None:
    """What a request that is answered calls."""
