"""Passes: one frame, written to one subscriber after the other.

A delivery is a look at two flags and one system call with bytes that are made already. It needs no task, event, timeout or
queue: where the connection of a subscriber still has bytes to send, the subscriber falls behind and is due, and nothing waits
for it here. The system call is made here, because the transport's `write` takes a tenth of a short frame's time before it makes
the same call. `os.write` releases the interpreter's lock during the call, which uvloop does not. So beside a thread that
computes all the time, 500 deliveries take 12 ms instead of 3. A process that serves the feed alone has no such thread."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence

from api.feed.frames import Frame
from api.feed.subscribers import Subscriber, send

DELIVERIES_IN_A_STEP = 64
"""Deliveries between two looks at the time, 0.6 ms. At half, the look is felt; at double, a slice is 1 ms longer."""


class Passes:
    def __init__(self, on_failure: Callable[[Frame, Exception], None]) -> None:
        """`on_failure` is called where the text of a frame cannot be rendered; the pass of that frame then ends."""
        self._on_failure = on_failure
        self._pending: deque[tuple[Frame, Sequence[Subscriber]]] = deque()
        """The oldest first. A subscriber gets the frames of its channels in the order in which they were made."""
        self._next = 0
        """How many subscribers of the oldest pass have been served."""

    def __bool__(self) -> bool:
        """Whether a pass is not over."""
        return bool(self._pending)

    def add(self, frame: Frame, subscribers: Sequence[Subscriber]) -> None:
        if subscribers:
            self._pending.append((frame, subscribers))

    def run(self, has_time: Callable[[], bool]) -> bool:
        """Continue to write for as long as there is time, one step at least. Returns whether all passes are over."""
        while self._pending:
            frame, subscribers = self._pending[0]
            if self._next == 0 and not self._renders(frame):
                self._pending.popleft()
                continue
            step = subscribers[self._next : self._next + DELIVERIES_IN_A_STEP]
            self._next += DELIVERIES_IN_A_STEP
            if self._next >= len(subscribers):
                self._pending.popleft()
                self._next = 0
            _write(frame, step)
            if not has_time():
                break
        return not self._pending

    def _renders(self, frame: Frame) -> bool:
        try:
            return bool(frame.text)
        except Exception as error:
            self._on_failure(frame, error)
            return False


def _write(frame: Frame, subscribers: Sequence[Subscriber]) -> None:
    if frame.channel is None:
        for subscriber in subscribers:
            if not (subscriber.is_behind or subscriber.has_left or subscriber.outlet.is_full):
                send(subscriber.outlet, frame)
        return
    live, number, write = frame.channel.live, frame.number, os.write
    form, data, size = -1, b"", 0
    for subscriber in subscribers:
        # Left out is a subscriber that has fallen behind, left or ended its subscription since, or caught up with this flush.
        if live.get(subscriber, number) < number:
            outlet = subscriber.outlet
            if outlet.is_full:
                subscriber.miss(frame)
                continue
            if outlet.form != form:
                form = outlet.form
                data = frame.in_form(form)
                size = len(data)
            try:
                sent = write(outlet.descriptor, data)
            except OSError:  # the transport finds out why, and keeps what the kernel does not take
                sent = 0
            if sent < size:
                try:
                    outlet.write_now(data[sent:])
                except RuntimeError:  # its connection has just been lost
                    subscriber.miss(frame)
