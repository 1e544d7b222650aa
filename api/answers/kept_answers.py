"""The answers that this process keeps: bounded in bytes, kind by kind.

An answer is kept for two uses. While the cut of what it shows does not move, it is sent again without a question to PostgreSQL.
While the database is away, the last good answer is sent with its age (invariant 10).

A key is what was asked and not how it was spelled, so each answer is kept once. A client that asks for thousands of different
answers must not push out those that people read, so each kind has its own bound in bytes. Where a kind is full, the answers
that were asked for least are dropped first, so a new answer goes before one that has readers.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from api.answers.content_codings import IDENTITY, compressed
from api.answers.read_cut import ReadCut, Shown
from api.answers.reading import entity_tag

COMPRESSED_AT_ONCE_BYTES = 32 * 1024
"""Answers up to this size are compressed by the event loop, in 0.4 ms, and longer ones by a thread. At double, a request of
another client waits as long as a submission takes; at half, a thread is woken for the answers of nearly all areas."""
MIB = 1024 * 1024
HALF_LIFE_SECONDS = 300.0
"""Time after which a reader counts half. At half, the answers of a client that asks for 2,000 a minute soon count as much as a
page that is read twice a minute; at double, what was read an hour ago is kept instead of what is read now."""
KEPT_AFTER_CLEARING = 7 / 8
"""Share of the bytes of a kind that stays. An eighth is dropped at once, so that each new answer pays little for the search."""
OVERHEAD_BYTES = 1_500
"""Memory of an answer beside its bytes: its key and tags, and entries of dictionaries."""


class Kind(Enum):
    """The subject of an answer, and the most bytes that are kept of such answers."""

    TOTAL = ("total", 32 * MIB)
    AREA = ("area", 32 * MIB)
    STATION = ("station", 8 * MIB)
    PAGE = ("page", 8 * MIB)
    """A page of a list."""
    FILE = ("file", 16 * MIB)
    """A file of one area, or a page of a list that is not JSON. The longest that is made has 12 MB."""
    MAP = ("map", 32 * MIB)

    @property
    def bytes_max(self) -> int:
        return self.value[1]


Key = tuple[Kind, *tuple[str | int | None, ...]]


class Form(NamedTuple):
    """An answer in one content coding."""

    coding: str
    body: bytes
    etag: str
    """Strong tag, so each form has its own (RFC 9110, 8.8.3.3)."""


@dataclass(slots=True, eq=False)
class Answer:
    """One version of an answer. Its bytes never change, only more forms of them are made."""

    body: bytes
    at: float
    """Time when the reading of the answer began."""
    shown: Shown = None
    cut: bytes = b""
    """Digest of the cut of the offices shown. Empty for an answer that is not kept by cut."""
    height: int = 0
    """`ReadCut.height` of the moment that it was read in."""
    same_as: int = 0
    """Serial of the last cut that was found to be the same for what it shows."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header fields that belong to the bytes, of an answer that is not JSON."""
    forms: dict[str, Form] = field(default_factory=dict)
    heads: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    """Header fields of a 200 and of a 304 as bytes, by coding (api/read/from_memory.py)."""

    def is_at(self, cut: ReadCut) -> bool:
        """Whether it is what would be read at this cut."""
        if self.same_as == cut.serial:
            return True
        if not self.cut or self.cut != cut.digest(self.shown):
            return False
        self.same_as = cut.serial
        return True

    def add_form(self, coding: str, body: bytes) -> Form:
        tag = entity_tag(self.body)
        form = Form(coding, body, tag if coding == IDENTITY else f'{tag[:-1]}-{coding}"')
        return self.forms.setdefault(coding, form)

    @property
    def size(self) -> int:
        others = sum(len(form.body) for coding, form in self.forms.items() if coding != IDENTITY)
        heads = sum(len(head) for of_form in self.heads.values() for head in of_form)
        return OVERHEAD_BYTES + len(self.body) + others + heads


class Compressing:
    """Compresses each answer once for all requests that wait for it, in a thread. One event loop owns it."""

    def __init__(self, worker: Executor) -> None:
        self._worker = worker
        self._begun: dict[tuple[Answer, str], asyncio.Future[bytes]] = {}

    def compressed(self, answer: Answer, coding: str) -> asyncio.Future[bytes]:
        """A future with the body of an answer in a coding. The caller shields it, because others may wait for it too."""
        what = answer, coding
        if what not in self._begun:
            future = asyncio.get_running_loop().run_in_executor(self._worker, compressed, answer.body, coding)
            self._begun[what] = future
            future.add_done_callback(lambda _: self._begun.pop(what))
        return self._begun[what]


async def coded_body(answer: Answer, coding: str, in_thread: Callable[[], Awaitable[bytes]]) -> bytes:
    """The body of an answer in a coding, which `in_thread` makes where the answer is long."""
    if coding == IDENTITY:
        return answer.body
    if len(answer.body) <= COMPRESSED_AT_ONCE_BYTES:
        return compressed(answer.body, coding)
    return await in_thread()


@dataclass(slots=True, eq=False)
class _Kept:
    answer: Answer
    size: int
    """Bytes that are counted for it."""
    readers: float = 0.0
    """Number of requests until `counted_at`; each counts half after a half-life."""
    counted_at: float = 0.0

    def readers_at(self, now: float) -> float:
        return self.readers * math.exp2((self.counted_at - now) / HALF_LIFE_SECONDS)

    def count_reader(self, now: float) -> None:
        self.readers, self.counted_at = self.readers_at(now) + 1, now


class KeptAnswers:
    """One event loop owns it."""

    def __init__(self, clock: Callable[[], float], parts: int = 1) -> None:
        """`parts`: how many of these share the bounds, as those of the archives of a portal do."""
        self._clock = clock
        self._bytes_max = {kind: kind.bytes_max // parts for kind in Kind}
        self._kept: dict[Kind, dict[Key, _Kept]] = {kind: {} for kind in Kind}
        self._bytes = dict.fromkeys(Kind, 0)

    def get(self, key: Key) -> Answer | None:
        """An answer, for one more reader."""
        kept = self._kept[key[0]].get(key)
        if kept is None:
            return None
        kept.count_reader(self._clock())
        return kept.answer

    def count_reader(self, key: Key) -> None:
        self._kept[key[0]][key].count_reader(self._clock())

    def peek(self, key: Key) -> Answer | None:
        """An answer, without counting a reader."""
        kept = self._kept[key[0]].get(key)
        return None if kept is None else kept.answer

    def __contains__(self, key: Key) -> bool:
        return key in self._kept[key[0]]

    def keep(self, key: Key, answer: Answer) -> None:
        """Keep an answer in place of the one before, for one more reader."""
        kind, now = key[0], self._clock()
        kept = self._kept[kind].get(key)
        if kept is None:
            kept = self._kept[kind][key] = _Kept(answer, 0)
        kept.answer = answer
        kept.count_reader(now)
        self.measure(key, answer)

    def measure(self, key: Key, answer: Answer) -> None:
        """Count the bytes of an answer, to which forms were added, and make room."""
        kind = key[0]
        kept = self._kept[kind].get(key)
        if kept is None or kept.answer is not answer:
            return
        size = answer.size
        self._bytes[kind] += size - kept.size
        kept.size = size
        if size > self._bytes_max[kind]:
            self._drop(key)
        elif self._bytes[kind] > self._bytes_max[kind]:
            self._clear(kind, self._clock())

    def bytes(self, kind: Kind) -> int:
        return self._bytes[kind]

    def _clear(self, kind: Kind, now: float) -> None:
        """Drop the answers that were asked for least; of several that were asked for as often, the oldest first."""
        kept = self._kept[kind]
        for key in sorted(kept, key=lambda each: (kept[each].readers_at(now), kept[each].answer.at)):
            if self._bytes[kind] <= self._bytes_max[kind] * KEPT_AFTER_CLEARING:
                break
            self._drop(key)

    def _drop(self, key: Key) -> None:
        self._bytes[key[0]] -= self._kept[key[0]].pop(key).size
