"""Each form of a frame is made once, and is what a client of that form understands."""

from __future__ import annotations

import orjson
import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame as WebSocketFrame
from websockets.frames import Opcode
from websockets.streams import StreamReader

from api.feed.frames import DEFLATED_BYTES_MAX, DEFLATED_BYTES_MIN, EVENT, SOCKET, SOCKET_DEFLATED, TEXT, Frame


def _parsed(data: bytes, extension: PerMessageDeflate | None = None) -> WebSocketFrame:
    reader = StreamReader()
    reader.feed_data(data)
    parsing = WebSocketFrame.parse(
        reader.read_exact, mask=False, extensions=[extension] if extension is not None else []
    )
    try:
        while True:
            next(parsing)
    except StopIteration as parsed:
        frame: WebSocketFrame = parsed.value
    assert not reader.buffer
    return frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_socket_frame_holds_the_text_unmasked(size: int) -> None:
    frame = Frame("change", b"x" * size)
    parsed = _parsed(frame.in_form(SOCKET))
    assert (parsed.opcode, bytes(parsed.data), parsed.fin) == (Opcode.TEXT, b"x" * size, True)


@pytest.mark.parametrize("size", [2 * DEFLATED_BYTES_MIN, 4_800, 40_000, 140_000])
def test_a_deflated_frame_is_smaller_and_needs_no_frame_before_it(size: int) -> None:
    text = orjson.dumps({"votes": {f"{number:04}": number * number for number in range(size // 12)}})
    frame = Frame("change", text)
    assert len(frame.in_form(SOCKET_DEFLATED)) < len(text)
    for _ in range(2):
        extension = PerMessageDeflate(True, True, 15, 15)
        assert bytes(_parsed(frame.in_form(SOCKET_DEFLATED), extension).data) == text


def test_a_short_message_is_not_deflated() -> None:
    frame = Frame("hello", b"x" * (DEFLATED_BYTES_MIN - 1))
    assert frame.in_form(SOCKET_DEFLATED) == frame.in_form(SOCKET)


def test_a_message_that_would_hold_the_loop_is_not_deflated() -> None:
    frame = Frame("snapshot", b"x" * (DEFLATED_BYTES_MAX + 1))
    assert frame.in_form(SOCKET_DEFLATED) == frame.in_form(SOCKET)


def test_an_event_is_one_chunk_with_the_cursor_as_its_id() -> None:
    event = b'event: change\nid: abc\ndata: {"a":1}\n\n'
    frame = Frame("change", b'{"a":1}', cursor="abc")
    assert frame.in_form(EVENT) == b"%x\r\n%b\r\n" % (len(event), event)
    assert b"id:" not in Frame("gap", b"{}").in_form(EVENT)


def test_a_text_is_rendered_once_and_each_form_made_once() -> None:
    rendered: list[int] = []

    def render() -> bytes:
        rendered.append(1)
        return b'{"n":%d}' % len(rendered)

    frame = Frame("change", render)
    assert rendered == []
    made = [frame.in_form(form) for form in (TEXT, SOCKET, SOCKET_DEFLATED, EVENT)]
    assert all(frame.in_form(form) is one for form, one in enumerate(made))
    assert rendered == [1]
