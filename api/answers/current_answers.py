"""The answers of one generation of the read model, each read once for each cut, and its bytes made once.

An answer is the state of the read model at one moment, so every answer is the fold of its `as_of`. For one reader no answer is
older than one before: an answer is sent where its cut is the newest cut known when the request came, or a later one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, NamedTuple

from api.answers.in_time import in_time
from api.answers.kept_answers import Answer, Compressing, Form, KeptAnswers, Key, coded_body
from api.answers.newest_cut import NewestCut
from api.answers.read_cut import AtCut, ReadCut, Shown
from runtime import metrics

READ_SECONDS_MAX = 2.0
"""Limit for reading an answer of which an older one is kept. At half, a busy database makes people see the older one; at
double, a page that needs several answers is blank for longer when the database hangs."""
FIRST_READ_SECONDS_MAX = 10.0
KEPT_SECONDS_MAX = 10.0
"""An answer is read again after this time, although its cut has not moved: what somebody repaired in the database by hand, or
damaged, is seen. At half, pages that no count changes are read twice as often for nothing; at double, a repair is waited for
longer than a page is looked at."""

Work = Callable[[], Coroutine[Any, Any, AtCut]]
Turn = Callable[[float], AbstractAsyncContextManager[None]]
"""Gives the turn in which an answer is read, after at most this number of seconds. A wait for it is not a wait for PostgreSQL,
so it has a bound of its own, and an answer that waited for its turn is not taken as a sign that the database is away."""
Render = Callable[[dict[str, Any]], bytes]


def no_turn(_: float) -> AbstractAsyncContextManager[None]:
    """The turn of answers that are short, which they need not wait for."""
    return nullcontext()


class _Reading(NamedTuple):
    """An answer that is being read."""

    height: int
    """`ReadCut.height` of the newest cut when the reading began; the answer is of this cut or of a later one."""
    task: asyncio.Task[Answer]


class CurrentAnswers:
    """One event loop owns it. Another generation has another one, so nothing of one generation is sent in the next."""

    def __init__(
        self,
        read_cut: Callable[[], Coroutine[Any, Any, ReadCut]],
        render: Render,
        clock: Callable[[], float],
        parts: int = 1,
    ) -> None:
        """`parts`: how many of these share the memory for answers."""
        self.newest = NewestCut(read_cut, clock)
        self.kept = KeptAnswers(clock, parts)
        self._render = render
        self._clock = clock
        self._readings: dict[Key, _Reading] = {}
        self._compressor = ThreadPoolExecutor(1, "compress")
        self._compressing = Compressing(self._compressor)

    async def get(self, key: Key, shown: Shown, work: Work, turn: Turn = no_turn) -> Answer:
        """The answer at the newest cut. One reading serves all requests that come meanwhile. Raises what PostgreSQL raises,
        TimeoutError, and what `turn` raises."""
        if not self.newest.is_fresh():
            await self.newest.look()
        cut = self.newest.cut
        assert cut is not None
        answer = self.kept.get(key)
        if answer is not None and self.is_current(answer, cut):
            return answer
        reading = self._readings.get(key)
        if reading is None or reading.height < cut.height:
            task = asyncio.get_running_loop().create_task(self._read(key, shown, work, turn))
            reading = self._readings[key] = _Reading(cut.height, task)
            task.add_done_callback(lambda ended: self._end(key, ended))
        return await asyncio.shield(reading.task)

    def is_current(self, answer: Answer, cut: ReadCut) -> bool:
        """Whether a kept answer may be sent at this cut without being read again."""
        return answer.is_at(cut) and self._clock() - answer.at <= KEPT_SECONDS_MAX

    async def read(
        self, key: Key, work: Callable[[], Coroutine[Any, Any, dict[str, Any]]], turn: Turn = no_turn
    ) -> Answer:
        """An answer that depends on more than the cut. So it is read for each request, and kept as the last good one only.
        Raises as `get`."""
        seconds = self._seconds(key)
        async with turn(seconds):
            began = self._clock()
            found = await in_time(work(), seconds)
        answer = Answer(self._render(found), began)
        self.kept.keep(key, answer)
        return answer

    def last_good(self, key: Key) -> tuple[Answer, float] | None:
        """The newest answer that is kept, and for how many seconds it has not been known to be current."""
        answer = self.kept.get(key)
        if answer is None:
            return None
        cut = self.newest.cut
        current_at = self.newest.looked_at if cut is not None and answer.is_at(cut) else answer.at
        return answer, self._clock() - max(answer.at, current_at)

    async def form(self, key: Key, answer: Answer, coding: str) -> Form:
        """The answer in a coding, made once."""
        found = answer.forms.get(coding)
        if found is not None:
            return found
        body = await coded_body(answer, coding, lambda: asyncio.shield(self._compressing.compressed(answer, coding)))
        form = answer.add_form(coding, body)
        self.kept.measure(key, answer)
        return form

    def close(self) -> None:
        self.newest.close()
        self._compressor.shutdown(wait=False, cancel_futures=True)

    def _seconds(self, key: Key) -> float:
        return READ_SECONDS_MAX if key in self.kept else FIRST_READ_SECONDS_MAX

    async def _read(self, key: Key, shown: Shown, work: Work, turn: Turn) -> Answer:
        metrics.ANSWERS_READ.inc()
        seconds = self._seconds(key)
        async with turn(seconds):
            began = self._clock()
            found = await in_time(work(), seconds)
        cut = ReadCut(found.moment.results, found.moment.blocks)
        body = self._render(found.answer) if found.body is None else found.body
        answer = Answer(body, began, shown, cut.digest(shown), cut.height, cut.serial, headers=found.headers)
        before = self.kept.peek(key)
        # A reading that was overtaken by a later one is sent to the requests that wait for it, and not kept.
        if before is None or before.height <= cut.height or before.at < began:
            self.kept.keep(key, answer)
        self.newest.take(cut, began)
        return answer

    def _end(self, key: Key, task: asyncio.Task[Answer]) -> None:
        reading = self._readings.get(key)
        if reading is not None and reading.task is task:
            del self._readings[key]
        if not task.cancelled():
            task.exception()  # the requests that wait for the task get the error
