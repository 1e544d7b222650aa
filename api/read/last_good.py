"""The last good answer to each question, for when the database is away (invariant 10): bounded in bytes, kind by kind.

A key is what was asked and not how it was spelled, so each answer is kept once. A client that asks for thousands of different
answers must not push out those that people read, so each kind has its own bound in bytes. Where a kind is full, the answers
that were asked for least are dropped first, so a new answer goes before one that has readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

MIB = 1024 * 1024
HALF_LIFE_SECONDS = 300.0
"""Time after which a reader counts half. At half, the answers of a client that asks for 2,000 a minute soon count as much as a
page that is read twice a minute; at double, what was read an hour ago is kept instead of what is read now."""
KEPT_AFTER_CLEARING = 7 / 8
"""Share of the bytes of a kind. So many answers are dropped at once that finding them costs each new answer little."""
OVERHEAD_BYTES = 1_000
"""Memory of an answer beside its body: its key and entries of dictionaries."""


class Kind(Enum):
    """The subject of an answer, and the most bytes that are kept of such answers."""

    TOTAL = ("total", 32 * MIB)
    AREA = ("area", 32 * MIB)
    STATION = ("station", 8 * MIB)
    PAGE = ("page", 8 * MIB)
    """A page of a list."""

    @property
    def bytes_max(self) -> int:
        return self.value[1]


Key = tuple[Kind, *tuple[str | int | None, ...]]


@dataclass(slots=True)
class _Kept:
    body: bytes
    at: float
    readers: float = 0.0
    """Number of requests until `counted_at`; each counts half after a half-life."""
    counted_at: float = 0.0

    @property
    def size(self) -> int:
        return len(self.body) + OVERHEAD_BYTES

    def readers_at(self, now: float) -> float:
        return self.readers * math.exp2((self.counted_at - now) / HALF_LIFE_SECONDS)

    def count_reader(self, now: float) -> None:
        self.readers, self.counted_at = self.readers_at(now) + 1, now


class LastGood:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[Kind, dict[Key, _Kept]] = {kind: {} for kind in Kind}
        self._bytes = dict.fromkeys(Kind, 0)

    def get(self, key: Key) -> tuple[bytes, float] | None:
        """An answer and its age in seconds."""
        kept = self._kept[key[0]].get(key)
        if kept is None:
            return None
        now = self._clock()
        kept.count_reader(now)
        return kept.body, now - kept.at

    def __contains__(self, key: Key) -> bool:
        return key in self._kept[key[0]]

    def keep(self, key: Key, body: bytes) -> None:
        kind, now = key[0], self._clock()
        kept = self._kept[kind]
        answer = kept.pop(key, None)
        if answer is None:
            answer = _Kept(body, now)
        else:
            self._bytes[kind] -= answer.size
            answer.body, answer.at = body, now
        answer.count_reader(now)
        if answer.size > kind.bytes_max:
            return
        kept[key] = answer
        self._bytes[kind] += answer.size
        if self._bytes[kind] > kind.bytes_max:
            self._clear(kind, now)

    def bytes(self, kind: Kind) -> int:
        return self._bytes[kind]

    def _clear(self, kind: Kind, now: float) -> None:
        """Drop the answers that were asked for least, the oldest of these first."""
        kept = self._kept[kind]
        for key in sorted(kept, key=lambda each: (kept[each].readers_at(now), kept[each].at)):
            if self._bytes[kind] <= kind.bytes_max * KEPT_AFTER_CLEARING:
                break
            self._bytes[kind] -= kept.pop(key).size
