"""One pass writes one frame to all who are live: what cannot be rendered or written stops nobody else."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

import pytest

from api.feed.frames import Frame
from api.feed.hub.passes import Passes
from api.feed.subscribers import Subscriber
from tests.support.hub_feed import Feed
from tests.support.unread import Unread, kinds, read


class Lost(Unread):
    """A connection that was lost a moment ago."""

    def write_now(self, data: bytes) -> None:
        raise RuntimeError("the transport is closed")


class Kernel(Unread):
    """A connection with a descriptor, of which a test reads the other end."""

    def __init__(self) -> None:
        super().__init__()
        self._own, self.other = socket.socketpair()
        for end in (self._own, self.other):
            end.setblocking(False)
        self.descriptor = self._own.fileno()

    def fill(self) -> None:
        with suppress(BlockingIOError):
            while os.write(self.descriptor, b"x" * 65_536):
                pass

    def close(self) -> None:
        self._own.close()
        self.other.close()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.close()


def _frames(subscriber: Subscriber) -> list[bytes]:
    return cast(Unread, subscriber.outlet).frames


def test_a_change_goes_to_the_kernel_and_not_through_the_transport(kernel: Kernel) -> None:
    feed = Feed()
    direct, other = feed.join(), feed.join()
    read(direct), read(other)
    direct.outlet = kernel
    feed.report(1)
    assert kernel.other.recv(1 << 20) == _frames(other)[0]
    assert kernel.frames == []


def test_what_the_kernel_does_not_take_is_left_to_the_transport(kernel: Kernel) -> None:
    feed = Feed()
    direct, other = feed.join(), feed.join()
    read(direct), read(other)
    direct.outlet = kernel
    kernel.fill()
    feed.report(1)
    assert kernel.frames == _frames(other)
    assert not direct.is_behind


def test_a_part_that_the_kernel_takes_is_not_sent_again(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed()
    direct, other = feed.join(), feed.join()
    read(direct), read(other)
    direct.outlet = kernel
    taken: list[int] = []

    def seven_bytes(descriptor: int, data: bytes) -> int:
        taken.append(descriptor)
        return 7 if descriptor == kernel.descriptor else len(data)

    monkeypatch.setattr("api.feed.hub.passes.os.write", seven_bytes)
    feed.report(1)
    assert taken == [kernel.descriptor, -1]
    [rest] = kernel.frames
    assert (rest[:2], rest[-1:]) == (b':"', b"}"), 'of {"type":…}, seven bytes are sent'


def test_a_connection_that_the_kernel_has_reset_misses_the_change(kernel: Kernel) -> None:
    feed = Feed()
    lost, reading = feed.join(), feed.join()
    read(lost), read(reading)
    lost.outlet = kernel
    kernel.other.close()
    kernel.write_now = Lost().write_now  # type: ignore[method-assign]
    feed.report(1)
    assert lost.is_behind
    assert kinds(read(reading)) == ["change"]


def test_a_frame_for_nobody_is_no_pass() -> None:
    passes = Passes(lambda *_: None)
    passes.add(Frame("heartbeat", b"{}"), [])
    assert not passes
    assert passes.run(lambda: True)


def test_a_pass_is_under_way_until_all_have_the_frame() -> None:
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)
    passes = Passes(lambda *_: None)
    passes.add(Frame("heartbeat", b'{"type":"heartbeat"}'), [subscriber])
    assert passes
    assert passes.run(lambda: False)
    assert not passes
    assert kinds(read(subscriber)) == ["heartbeat"]


def test_a_frame_that_cannot_be_rendered_is_reported_and_the_next_is_written() -> None:
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)
    failed: list[tuple[Frame, Exception]] = []
    passes = Passes(lambda frame, error: failed.append((frame, error)))
    error = ZeroDivisionError("an injected fault")

    def render() -> bytes:
        raise error

    faulty = Frame("change", render)
    passes.add(faulty, [subscriber])
    passes.add(Frame("heartbeat", b'{"type":"heartbeat"}'), [subscriber])
    assert passes.run(lambda: True)
    assert failed == [(faulty, error)]
    assert kinds(read(subscriber)) == ["heartbeat"]


def test_a_bug_in_a_row_is_named_and_the_clients_of_the_office_get_its_numbers_once_it_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)
    with monkeypatch.context() as bug:
        bug.setattr("api.feed.hub.rows.Rows.render", lambda *_: 1 // 0)
        feed.report(5)
    assert subscriber.is_behind
    [line] = feed.hub.state.stopped()
    assert "ZeroDivisionError" in line
    [nation] = [tally for tally in read(subscriber)[-1]["areas"] if tally["area"] == "N"]
    assert nation["counted"]["votes"]["01"] == 5


def test_a_connection_that_was_just_lost_misses_the_frame_and_the_others_get_it() -> None:
    feed = Feed()
    lost, reading = feed.join(), feed.join()
    read(lost), read(reading)
    lost.outlet = Lost()
    feed.heartbeat()
    assert not lost.is_behind
    feed.report(1)
    assert lost.is_behind
    assert kinds(read(reading)) == ["heartbeat", "change"]


def test_a_full_connection_is_sent_no_heartbeat() -> None:
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)
    subscriber.outlet = Unread(room=0)
    feed.heartbeat()
    assert read(subscriber) == []
    assert not subscriber.is_behind
