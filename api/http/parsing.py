"""What the parser gives of a connection's bytes: requests within their bounds, to be answered, or a refusal that ends the
connection."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from api.http.answering import AnsweringProtocol
from api.http.connections import Connections
from api.http.corked import BACKLOG
from api.http.fair_turns import FairTurns
from api.http.from_memory import Asked, FromMemory, asked_of
from api.http.raw_problems import HEAD_BYTES_MAX, ParserStoppedError, answer_bytes
from api.http.request_body import RequestBody
from api.http.request_head import RequestHead, address_problem
from api.http.whole_request import AtOnce
from api.limits.client_address import TrustedProxies
from api.problems import Problem
from runtime import metrics

IDLE_SECONDS_MAX = 30.0
"""Longest silence between two requests, and before the first. A proxy in front must end its idle connections sooner
(docs/operations.md)."""
PIPELINED_MAX = 8
"""Requests that wait on one connection for the answer before theirs. Browsers send none, curl a few."""
LINGER_SECONDS = 5.0
LINGER_BYTES_MAX = 32 * 1024 * 1024
"""How long, and how much (two full batches), a client may send on what is dropped, until it reads that it was refused."""


class ParsingProtocol(AnsweringProtocol):
    """Gives the parser what protocol.py reads, and has answering.py answer the requests."""

    def __init__(
        self,
        connections: Connections,
        proxies: TrustedProxies,
        turns: FairTurns,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        from_memory: FromMemory | None,
        at_once: AtOnce | None,
    ) -> None:
        super().__init__(proxies, turns, config, server_state, app_state, loop, from_memory, at_once)
        self._connections = connections
        self._head = RequestHead()
        self._body = RequestBody()
        self._messages = 0
        """Requests that the parser has begun."""
        self._answered: Asked | None = None
        """The newest request, where it was answered from memory."""
        self._waiting_since: float | None = self.loop.time()
        """Since when no request is under way and not a byte of the next one has come."""
        self._arriving: RequestResponseCycle | None = None
        """The request whose body is still to come."""
        self._queued_head_bytes = 0
        """Bytes of the heads of requests that wait for the answer before theirs."""
        self._refusal: Problem | None = None
        """Why the parser was stopped."""
        self._last_problem: Problem | None = None
        """The refusal that is sent once all requests before are answered."""
        self._has_refused = False
        self._reads_no_more = False
        """Whether no more bytes are read as a request."""
        self._ending_since = 0.0
        self._dropped_bytes = 0

    def _feed(self, part: memoryview) -> int | None:
        """Give the parser some bytes; gives how many of them were read where the connection became a WebSocket."""
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
        if self._head.since is not None and not self._reads_no_more:
            problem = self._head.end_slice(len(part))
            if problem is not None:
                self._refuse(problem, "431")
        return None

    def _stop(self, refusal: Problem | None) -> Exception:
        """An error to raise within a callback of the parser, which then reads no further."""
        self._refusal = refusal
        return ParserStoppedError()

    # -- a request -------------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._reads_no_more:
            raise self._stop(None)
        super().on_message_begin()
        self._messages += 1
        self._answered = None
        self._waiting_since, self._dropped_bytes = None, 0
        self._head.begin(self.loop.time())

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        problem = address_problem(self.url)
        if problem is not None:
            raise self._stop(problem)

    def on_header(self, name: bytes, value: bytes) -> None:
        problem = self._head.add(name, value)
        if problem is not None:
            raise self._stop(problem)
        if self._head.since is not None:  # nothing here reads trailers
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        version = self.parser.get_http_version()
        problem = self._head.end(version)
        if problem is not None:
            raise self._stop(problem)
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
        self._body.begin(self.loop.time())
        if self.pipeline:
            # Read on, although the request has to wait: otherwise the end of the connection would not be noticed.
            self.flow.resume_reading()
            self._queued_head_bytes += self._head.bytes
            if len(self.pipeline) >= PIPELINED_MAX or self._queued_head_bytes > HEAD_BYTES_MAX:
                self.cycle.keep_alive = False

    def on_chunk_header(self) -> None:
        problem = self._body.add_chunk()
        if problem is not None:
            raise self._stop(problem)

    def on_body(self, body: bytes) -> None:
        self._body.bytes += len(body)
        if self._arriving is not None and self._arriving.response_complete:
            self._drop(len(body))
        super().on_body(body)

    def _is_next(self) -> bool:
        """Whether every request before this one is answered, and the client reads the answers."""
        return self._running is None and not self._reads_no_more and not self.flow.write_paused

    def on_message_complete(self) -> None:
        if self._answered is not None:
            self._wait_again()
            return
        arrived, self._arriving = self._arriving, None
        super().on_message_complete()
        self._body_is_here(arrived)
        if arrived is not None and not arrived.keep_alive:
            self._stop_reading()
        if self._unbegun is not None:
            self._begin(*self._unbegun)
        if arrived is not None and arrived.response_complete:
            self._wait()

    # -- after an answer -------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        answered, self._running = self._running, None
        if self._arriving is not None and self._arriving is answered:
            self._body.since = self.loop.time()  # from now on the rest of its body is dropped
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
        """Note since when the connection waits for its next request."""
        if self._running is None and self._head.since is None and not self._reads_no_more:
            self._waiting_since = self.loop.time()
            self._connections.waits(self)

    def _wait_again(self) -> None:
        """Begin the time in which the next request must come, after a request that was answered from memory."""
        self._waiting_since = self.loop.time()
        self._connections.waits_again(self)

    # -- the pace --------------------------------------------------------------------------------------------------

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
        elif (problem := self._head.look(now)) is not None:
            self._refuse(problem, "slow-head")
        elif self._arriving is not None:
            self._look_at_body(now)

    def _look_at_body(self, now: float) -> None:
        assert self._arriving is not None
        if self._arriving.response_complete:
            if now - self._body.since > LINGER_SECONDS:
                self.cut_off()
        elif (problem := self._body.look(now, is_paused=self.flow.read_paused)) is not None:
            self._refuse(problem, "slow-body")

    # -- the end ---------------------------------------------------------------------------------------------------

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
            self._head.since = self._waiting_since = None
            self.flow.resume_reading()  # to drop it, and to notice the end

    def _lingers(self) -> bool:
        """Whether the client may still be sending, so that it has to read the answer before the connection goes."""
        if self._arriving is None and not self._has_refused and not self._dropped_bytes:
            return False
        self._stop_reading()
        self._ending_since = self.loop.time()
        return True

    def _drop(self, count: int) -> None:
        self._dropped_bytes += count
        if self._dropped_bytes > LINGER_BYTES_MAX:
            self.cut_off()
        elif self._reads_no_more:
            self._corked.hold_reading(BACKLOG)
            self._turns.add_slow(self.address or "", lambda: self._corked.release_reading(BACKLOG))
