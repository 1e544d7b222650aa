"""How fast the bodies of one address are read.

The kernel and the loop copy each byte that comes. Where an address sends 16 MB again and again, over a loopback or a fast local
network, the copies alone take a core, also where nothing of the body is judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable

BYTES_PER_S = 100_000_000
"""Bytes that are read of an address in a second: nearly all that a line of 1 Gbit/s carries, so a full batch of 16 MiB takes
0.17 s and no client far away notices the pace. Without it, an address on the same machine sent 1.4 GB a second, and the p95 of
others' reads rose from 7 to 27 ms; with it, to 10 (docs/attacks.md)."""
BURST_BYTES = 1_000_000
"""Bytes that an address may send without a pause: some hundred forms."""
ADDRESSES_MAX = 4_096
"""Addresses remembered at once, as many as connections. Beyond, those whose pause is over are forgotten."""


class ReadingPace:
    """One event loop owns it."""

    def __init__(self, bytes_per_s: int = BYTES_PER_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._bytes_per_s = bytes_per_s
        self._burst_seconds = BURST_BYTES / bytes_per_s
        self._clock = clock
        self._paid_until: dict[str, float] = {}
        """Time, by address, at which all that was read of it has come at the pace."""

    def __len__(self) -> int:
        return len(self._paid_until)

    def pause(self, address: str, count: int) -> float:
        """Note that `count` bytes were read. Returns for how many seconds their connection should not be read. Connections of
        one address get their pauses one after the other, in the order in which they ask."""
        now = self._clock()
        until = max(self._paid_until.get(address, now), now) + count / self._bytes_per_s
        if address not in self._paid_until and len(self._paid_until) >= ADDRESSES_MAX:
            self._paid_until = {each: its for each, its in self._paid_until.items() if its > now}
        self._paid_until[address] = until
        return max(0.0, until - now - self._burst_seconds)
