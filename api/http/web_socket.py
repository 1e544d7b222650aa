"""uvicorn's WebSocket protocol with a bound on what a client can send, leave unsent or leave unread.

WebSockets are read in small pieces, a few milliseconds of all of them in a turn of the loop, and a WebSocket is not read while
its client does not read what was written to it. The live feed (api/feed/socket_client.py) bounds commands; this file bounds the
frames below: pings, empty fragments, a handshake that is never completed.

An application may take a connection over (`hand_over`): it then gets each message by a call and writes frames that it has made,
and ASGI, with its task, its scope and its queue, is done with the connection.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from api.http.connection import CONNECTION, Receiver, ServedConnection
from api.http.connections import Connections
from api.http.corked import BACKLOG, UNREAD, Corked
from api.http.fair_turns import FairTurns
from api.http.raw_problems import answer_bytes
from api.http.unread import Unread
from api.limits.client_address import TrustedProxies
from api.problems import MEDIA_TYPE, Problem
from runtime import metrics

logger = logging.getLogger("rekap.sockets")
"""Logger of the library, without its lines about connections that open or close, because a client can open as many as it
likes."""
logger.setLevel(logging.WARNING)

HANDSHAKE_SECONDS_MAX = 10.0
FRAMES_MAX = 300
FRAMES_SECONDS = 10.0
"""Frames that a WebSocket may send in this time, of whatever kind: the feed itself takes 200 commands, and a browser's pings
are a few. A frame costs 20 µs, so 500 sockets of one address cost a third of a core at most, and no more than a moment."""
FRAGMENTS_MAX = 64
"""Limit for the fragments of one message, also empty ones. Clients of the live feed send a command in one."""
DEFLATE = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
"""Compression without the context of earlier messages: what is sent is the same for all, and a connection keeps no window."""
PIECE_BYTES = 256
"""Some forty of the smallest frames, 1 ms of work; the longest command comes in a dozen pieces."""
CLOSE_NOT_TEXT, CLOSE_POLICY = 1007, 1008


VERSION_HEADER, VERSION = "Sec-WebSocket-Version", "13"
WHAT_IT_HAS = (
    f"A WebSocket handshake (RFC 6455) is a GET with Connection: Upgrade, Upgrade: websocket, {VERSION_HEADER}: {VERSION} and "
    "a Sec-WebSocket-Key of 16 bytes in base64"
)


def handshake_problem(status: int, error: Exception | None) -> Problem:
    """Why a handshake is refused, without the library's sentence."""
    if isinstance(error, InvalidHeader):
        if error.name == VERSION_HEADER:
            problem = Problem(426, "Other version", f"{WHAT_IT_HAS}: its version differs.", field=error.name)
            problem.headers.update({VERSION_HEADER: VERSION, "Upgrade": "websocket"})
            return problem
        wrong = "missing" if error.value is None else "not valid"
        return Problem(status, "Not a handshake", f"{WHAT_IT_HAS}: {error.name} is {wrong}.", field=error.name)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.HTTP_VERSION_NOT_SUPPORTED:
        return Problem(status, "Internal error", "This is a bug; it is in the server's log.")
    if status == HTTPStatus.FORBIDDEN:  # no route takes the address
        return Problem(404, "No such feed", "There is no WebSocket at this address; the live feed is at /v1/live.")
    return Problem(status, "Not a handshake", f"{WHAT_IT_HAS}.")


class Handshake(ServerProtocol):
    """The library's side of a connection, which refuses a handshake with a problem (RFC 9457)."""

    def reject(self, status: int, text: str) -> Response:
        del text
        problem = handshake_problem(status, self.handshake_exc)
        body = orjson.dumps(problem.body)
        headers = Headers(
            {**problem.headers, "Content-Type": MEDIA_TYPE, "Content-Length": str(len(body)), "Connection": "close"}
        )
        return Response(problem.status, HTTPStatus(problem.status).phrase, headers, body)


class BoundedWebSocket(ServedConnection, WebSocketsSansIOProtocol):
    """One connection, after its handshake was read as HTTP."""

    def __init__(
        self,
        connections: Connections,
        proxies: TrustedProxies,
        turns: FairTurns,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = logger
        self.conn = Handshake(extensions=[DEFLATE], max_size=config.ws_max_size, logger=logger)
        self._connections = connections
        self._proxies = proxies
        self._turns = turns
        self.address: str | None = None
        self._began = self.loop.time()
        self._window_ends = 0.0
        self._frames = 0
        self._backlog = bytearray()
        """Bytes that came and are not parsed yet."""
        self._head_bytes = 0
        """How many bytes of the backlog are a handshake, which is parsed in one piece."""
        self._is_waiting = False
        self._receiver: Receiver | None = None
        """The part of the application that the connection was handed over to."""
        self._is_let_go = False

    # -- the connection --------------------------------------------------------------------------------------------

    def connection_made(self, transport: Corked) -> None:  # type: ignore[override]  # it has all of a transport
        self._corked = transport
        self._unread = Unread(transport)
        super().connection_made(transport)  # type: ignore[arg-type]
        address = self.client[0] if self.client else ""
        self.address = None if address in self._proxies else self._proxies.client_of_peer(address)
        self._connections.join(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.note_room(is_full=True)  # before its descriptor can be another connection's
        self._connections.leave(self)
        self._backlog.clear()
        super().connection_lost(exc)
        self._let_go()

    def cut_off(self) -> None:
        super().cut_off()
        self._let_go()

    def shutdown(self) -> None:
        """Close it because the server ends. Where the client has begun to close it, or a broken frame has ended it, a close
        frame has been sent and the library raises InvalidState for another. uvicorn knows only of closes that it began itself,
        and its loop over all connections would end here, so that the others would not be closed."""
        if self.handshake_complete and self.conn.state is not State.OPEN:
            self.stop_keepalive()
            self.transport.close()
        else:
            super().shutdown()
        self._let_go()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._let_go()

    def has_no_end(self) -> bool:
        self.keep_little()
        return True

    def look(self, now: float) -> None:
        if self.unsent and self._unread.is_stalled(now):
            metrics.HTTP_CUT_OFF.labels("unread").inc()
            self.was_unread = True
            self.cut_off()
        elif not self.handshake_complete and now - self._began > HANDSHAKE_SECONDS_MAX:
            metrics.HTTP_CUT_OFF.labels("handshake").inc()
            self.cut_off()

    # -- handing the connection over -------------------------------------------------------------------------------

    async def run_asgi(self) -> None:
        """Run the application as uvicorn does, but a connection that was handed over stays open when the application
        returns."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:
            logger.exception("Exception in ASGI application")
            self.send_500_response()
            self._let_go()
        else:
            if self._receiver is not None:
                self._forget_the_handshake()
                return
            if not self.handshake_complete and not self.close_sent:  # a refusal of the handshake is an answer
                logger.error("ASGI callable returned without completing handshake.")
                self.send_500_response()
        if self.close_timer is None:
            self.transport.close()

    @property
    def window_bits(self) -> int:
        return next((each.local_max_window_bits for each in self._deflates), 0)

    @property
    def _deflates(self) -> list[PerMessageDeflate]:
        return [each for each in self.conn.extensions if isinstance(each, PerMessageDeflate)]

    def hand_over(self, receiver: Receiver) -> None:
        self._receiver = receiver
        while not self.queue.empty():
            message = self.queue.get_nowait()
            if message["type"] == "websocket.receive":
                receiver.message_came(message.get("text"))
        if self.disconnected or self.close_sent or self.transport.is_closing():
            self._let_go()
        elif self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
            self._go_on()

    def close_with(self, code: int, sentence: str) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.conn.send_close(code, sentence)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        self._let_go()
        self._go_on()

    def _let_go(self) -> None:
        """Call `has_gone` of the receiver, once: it can send no more."""
        receiver, self._room_changed = self._receiver, None
        if receiver is not None and not self._is_let_go:
            self._is_let_go = True
            receiver.has_gone()

    def _forget_the_handshake(self) -> None:
        """Free what is not needed of a connection that lasts for hours: its request, and what ASGI made of it."""
        self.scope = {}  # type: ignore[typeddict-item]
        del self.request, self.response

    # -- reading ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated and not self._backlog:
            self._head_bytes = len(data)  # HTTP has read and bounded it before
        self._backlog += data
        self._corked.hold_reading(BACKLOG)
        self._go_on()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._corked.hold_reading(UNREAD)
        self.note_room(is_full=True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._corked.release_reading(UNREAD)
        self.note_room(is_full=False)
        self._go_on()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] in ("websocket.accept", "websocket.close"):
            self._go_on()  # with what came behind the handshake; what came before the client's own close is dropped

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        self._go_on()
        return message

    def _go_on(self) -> None:
        """Parse the next piece in a turn of the loop, once the pieces before are processed and their answers are read."""
        if not self.handshake_complete and not self._head_bytes:
            return  # a frame that is answered before the handshake is breaks the connection
        if self._backlog and not self._is_waiting and not self.read_paused and self.writable.is_set():
            self._is_waiting = True
            self._turns.add(self.address or "", self._read_piece)

    def _read_piece(self) -> None:
        self._is_waiting = False
        if self.transport.is_closing():
            self._backlog.clear()
            return
        size, self._head_bytes = self._head_bytes or PIECE_BYTES, 0
        piece = bytes(self._backlog[:size])
        del self._backlog[:size]
        try:
            super().data_received(piece)
        except Exception:  # a bug of the library, after which the connection would wait for ever
            self.cut_off()
            raise
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            # The library does not answer a request that it cannot parse, and would wait for ever.
            self.transport.write(answer_bytes(handshake_problem(HTTPStatus.BAD_REQUEST, self.conn.handshake_exc)))
            self.transport.close()
        if self.close_sent or self.transport.is_closing():
            self._let_go()
        if self._backlog:
            self._go_on()
        else:
            self._corked.release_reading(BACKLOG)

    def handle_events(self) -> None:
        now = self.loop.time()
        if now > self._window_ends:
            self._frames, self._window_ends = 0, now + FRAMES_SECONDS
        self._frames += len(self.conn.events)
        if self._frames > FRAMES_MAX:
            self._refuse(f"more than {FRAMES_MAX} frames in {FRAMES_SECONDS:.0f} s")
            return
        super().handle_events()
        if any(each.decode_cont_data for each in self._deflates):
            # Its window of 32 KiB would be kept for as long as the rest of the message does not come.
            self._refuse("a compressed message comes in one frame")
        if len(self.frames) > FRAGMENTS_MAX:
            self._refuse(f"more than {FRAGMENTS_MAX} fragments of one message")

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self.scope[CONNECTION] = self  # type: ignore[literal-required]

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:  # for which the server would write a traceback
                self.frames = []
                self._refuse("a text message is UTF-8", CLOSE_NOT_TEXT)
                return
        if self._receiver is None:
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if not self._is_let_go:
            self._receiver.message_came(data.decode() if self.curr_msg_data_type == "text" else None)

    def _refuse(self, sentence: str, code: int = CLOSE_POLICY) -> None:
        if not self.close_sent:
            metrics.HTTP_CUT_OFF.labels("frames").inc()
            self.was_flooded = True
            self.conn.fail(code, sentence)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()
