"""The requests of one connection at work: each is answered from memory, at once, or by a task, and the last two of these when
their address has a turn (api/http/fair_turns.py)."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.http.connection import CONNECTION, ServedConnection
from api.http.corked import HELD_BYTES_MAX
from api.http.fair_turns import FairTurns, Piece, Place
from api.http.from_memory import Asked, FromMemory
from api.http.whole_request import AtOnce, WholeRequest
from api.limits.client_address import TrustedProxies


class AnsweringProtocol(ServedConnection, HttpToolsProtocol):
    """Answers what protocol.py reads."""

    def __init__(
        self,
        proxies: TrustedProxies,
        turns: FairTurns,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        from_memory: FromMemory | None,
        at_once: AtOnce | None,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self._proxies = proxies
        self._turns = turns
        self._from_memory = from_memory
        self._at_once = at_once
        self.address: str | None = None
        """The client address of all requests of the connection; None where a proxy names that of each request."""
        self._running: RequestResponseCycle | None = None
        """The request that is being answered."""
        self._place: Place | None = None
        """Place of the request that is being answered, once it is at work."""
        self._unbegun: tuple[RequestResponseCycle, Any] | None = None
        """A request of which the head was read, and the app for it. The request begins once the present piece of input has been
        read, because its whole body may be in that piece."""
        self._is_endless = False
        """Whether the answer has no end, so that no request behind it would be answered."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.note_room(is_full=True)  # before its descriptor can be another connection's
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

    # -- from memory -----------------------------------------------------------------------------------------------

    def _answers_from_memory(self, asked: Asked) -> bool:
        """Answer a request whose head is complete within this turn of the loop, where its answer is in memory."""
        assert self._from_memory is not None
        if self._corked.get_write_buffer_size() > HELD_BYTES_MAX or self._corked.is_closing():
            return False
        address = self.address
        if address is None:
            address = self._proxies.client_of({"client": self.client, "headers": asked.fields})
        answer = self._from_memory.answers.answer(asked, address)
        if answer is None:
            return False
        default = self._from_memory.default_head(self.server_state.default_headers)
        self._corked.write(b"%b%b%b\r\n" % (STATUS_LINE[answer.status], default, answer.head))
        if answer.body:
            self._corked.write(answer.body)
        self.server_state.total_requests += 1
        return True

    # -- in a turn -------------------------------------------------------------------------------------------------

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
        address = self._proxies.client_of(cast(Scope, cycle.scope)) if self.address is None else self.address

        def begin(place: Place) -> None:
            if cycle.disconnected:
                place.give_back()  # its client has gone
            elif not self._has_taken(cycle, place, address):
                self._begin_task(cycle, place, app)

        self._turns.begin(address, begin)

    def _has_taken(self, cycle: RequestResponseCycle, place: Place, address: str) -> bool:
        """Whether `at_once` answers the request. It is given no request of a client that does not read its answers, because it
        does not wait for that."""
        if self._at_once is None or cycle.more_body or self.flow.write_paused:
            return False

        def answer(status: int, lines: bytes, body: bytes) -> None:
            place.give_back()
            self._answer_at_once(cycle, status, lines, body)

        def soon(piece: Piece) -> None:
            self._turns.do(address, piece)

        if not self._at_once(WholeRequest(cast(Scope, cycle.scope), bytes(cycle.body), address, soon, answer)):
            return False
        place.rest()
        return True

    def _answer_at_once(self, cycle: RequestResponseCycle, status: int, lines: bytes, body: bytes) -> None:
        """Send an answer as uvicorn does for two messages of ASGI."""
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
        if cycle.more_body:
            place.give_back()  # until its body is here
        super()._start_asgi_task(cycle, at_work)

    def _body_is_here(self, cycle: RequestResponseCycle | None) -> None:
        """Take the place of a request again that began before its body was here."""
        if cycle is self._running and self._place is not None and cycle is not None and not cycle.response_complete:
            self._place.take()


def _nothing() -> None:
    """What a request that is answered calls."""
