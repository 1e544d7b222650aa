"""What is written in one turn of the loop leaves in one write, in order, and before the end of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

from api.http.corked import BACKLOG, HELD_BYTES_MAX, SERVER, Corked


class Transport:
    """Notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def writelines(self, parts: Iterable[bytes]) -> None:
        self.done.append(b"".join(parts))

    def is_closing(self) -> bool:
        return "closed" in self.done

    def close(self) -> None:
        self.done.append("closed")

    def abort(self) -> None:
        self.done.append("closed")


def _corked() -> tuple[Corked, Transport]:
    transport = Transport()
    return Corked(cast(asyncio.Transport, transport)), transport


async def test_head_and_body_are_one_write_and_the_next_answer_another() -> None:
    corked, transport = _corked()
    corked.write(b"head ")
    corked.write(b"body")
    assert transport.done == []
    await asyncio.sleep(0)
    corked.write(b"next")
    await asyncio.sleep(0)
    assert transport.done == [b"head body", b"next"]


async def test_an_answer_is_written_before_its_connection_is_closed() -> None:
    corked, transport = _corked()
    corked.write(b"answer")
    corked.close()
    await asyncio.sleep(0)
    assert transport.done == [b"answer", "closed"]


async def test_much_leaves_at_once_and_in_order() -> None:
    corked, transport = _corked()
    much = b"x" * HELD_BYTES_MAX
    corked.write(b"head")
    corked.write(much)
    corked.write(b"tail")
    assert transport.done == [b"head" + much]
    await asyncio.sleep(0)
    assert transport.done == [b"head" + much, b"tail"]


async def test_a_frame_leaves_at_once_behind_what_was_held() -> None:
    corked, transport = _corked()
    corked.write(b"head")
    write = corked.direct()
    assert transport.done == [b"head"]
    write(b"frame")
    assert transport.done == [b"head", b"frame"]


async def test_nothing_is_written_to_a_connection_that_is_gone() -> None:
    corked, transport = _corked()
    corked.write(b"answer")
    corked.abort()
    await asyncio.sleep(0)
    assert transport.done == ["closed"]


class Paused:
    """A transport that notes whether it is read."""

    def __init__(self) -> None:
        self.is_read = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False


async def test_a_connection_is_read_again_only_when_nobody_needs_it_held() -> None:
    raw = Paused()
    corked = Corked(raw)  # type: ignore[arg-type]  # as much of a transport as is used
    corked.hold_reading(BACKLOG)
    corked.pause_reading()
    corked.release_reading(BACKLOG)
    assert not raw.is_read
    corked.resume_reading()
    assert raw.is_read
    corked.release_reading(SERVER)
    assert raw.is_read
