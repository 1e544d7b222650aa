"""One message of the feed, and its bytes in each form in which connections send it, made once for all clients.

A server does not mask its WebSocket frames (RFC 6455, 5.1), and a message that is compressed without the context of the
messages before it (RFC 7692, `server_no_context_takeover`) is the same for every client. So all connections of one form are
given the same bytes object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode

from schemas.served.feed_cursors import Positions
from schemas.served.live import GapReason

TEXT, SOCKET, SOCKET_DEFLATED, EVENT = range(4)
"""Forms: JSON alone; a WebSocket frame; a compressed WebSocket frame; a server-sent event as a chunk of HTTP."""
DEFLATED_BYTES_MIN = 256
"""A shorter message is sent as it is. At half, 60 bytes are saved for as many µs of compression; a packet has a head of 66."""
DEFLATED_BYTES_MAX = 256 * 1024
"""A longer message is sent as it is, because compressing it would hold the loop for more than 2 ms. At half, parts of snapshots
are sent as they are; at double, a request of another client waits 4 ms."""
DEFLATE_LEVEL = 4
"""A part of 128 KiB is 18 kB after 0.8 ms. At level 6, zlib's own, it is 15 kB after 4 ms, and at 1, 28 kB after 0.6 ms."""
WINDOW_BITS = 15
"""Bits of the window of compression. A client that has asked for a smaller window, to save memory, is sent frames as they
are."""
_DEFLATING = PerMessageDeflate(True, True, WINDOW_BITS, WINDOW_BITS, {"level": DEFLATE_LEVEL})
"""The compressor. It keeps no context between messages."""


class Followed(Protocol):
    """A channel or a bulletin (api/feed/subscribers.py), as a frame of it is written to its subscribers."""

    @property
    def name(self) -> str: ...

    @property
    def live(self) -> Mapping[Any, int]:
        """The live subscribers, each with the number of the frame that it has caught up with."""


class Frame:
    """A message as it is sent. Its numbers are fixed when the frame is made; its text is rendered when it is first needed."""

    __slots__ = ("_render", "_text", "before", "channel", "cursor", "forms", "gap", "kind", "number")

    def __init__(
        self,
        kind: str,
        text: bytes | Callable[[], bytes],
        *,
        cursor: str | None = None,
        channel: Followed | None = None,
        before: Positions | None = None,
        number: int = 0,
        gap: GapReason | None = None,
    ) -> None:
        self.kind = kind
        self.cursor = cursor
        """Cursor from which a client that has read this frame may resume; None where the client still lacks earlier changes."""
        self.channel = channel
        self.before = before
        """What a client has that has read all frames before this one."""
        self.number = number
        """Number of the flush that the frame was made in."""
        self.gap = gap
        self._render = None if isinstance(text, bytes) else text
        self._text = text if isinstance(text, bytes) else b""
        self.forms: list[bytes | None] = [None] * len(_MAKERS)
        """What `in_form` has made."""

    @property
    def text(self) -> bytes:
        """The message as JSON."""
        if self._render is not None:
            self._text, self._render = self._render(), None
        return self._text

    def in_form(self, form: int) -> bytes:
        made = self.forms[form]
        if made is None:
            made = self.forms[form] = _MAKERS[form](self)
        return made


def _text(frame: Frame) -> bytes:
    return frame.text


def _socket(frame: Frame) -> bytes:
    return WebSocketFrame(Opcode.TEXT, frame.text).serialize(mask=False)


def _socket_deflated(frame: Frame) -> bytes:
    if not DEFLATED_BYTES_MIN <= len(frame.text) <= DEFLATED_BYTES_MAX:
        return frame.in_form(SOCKET)
    return WebSocketFrame(Opcode.TEXT, frame.text).serialize(mask=False, extensions=[_DEFLATING])


def _event(frame: Frame) -> bytes:
    id = b"id: %b\n" % frame.cursor.encode() if frame.cursor is not None else b""
    return chunk(b"event: %b\n%bdata: %b\n\n" % (frame.kind.encode(), id, frame.text))


_MAKERS = (_text, _socket, _socket_deflated, _event)


def chunk(data: bytes) -> bytes:
    """A chunk of an HTTP/1.1 body (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
