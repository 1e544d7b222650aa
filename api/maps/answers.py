"""Answers made of a map: parts of it, with results, or as a picture. Each is made by one thread and kept for a moment.

A map with results is worth a thousand small answers, so it is not made anew for each cut: for FRESH_SECONDS all who ask get the
same, with the cut that it is as of. One thread makes them, one after the other, so the process still answers others, and
WAITING_MAX of them are made or wait at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api.problems import Problem
from api.read.content_codings import IDENTITY, compressed
from api.read.in_time import in_time
from api.read.kept_answers import Answer, Form, KeptAnswers, Key
from api.read.snapshots import DATABASE_ERRORS
from projections.shown.published import Moment
from runtime.error_words import in_words
from runtime.logs import log_line

logger = logging.getLogger("rekap.maps")

FRESH_SECONDS = 2.0
"""At half, a client that asks for every map all the time costs twice the CPU; at double, a page shows numbers that are older
than those of the live feed beside it by more than people notice."""
WAITING_MAX = 8
"""At half, the maps of one page with several offices are refused; at double, the last one comes when most people have left the
page."""
READ_SECONDS_MAX = 5.0
"""For the results of a map. At half, a busy database refuses a map that it could have read; at double, a map that has an older
version in memory is waited for in vain."""

Read = Callable[[], Coroutine[Any, Any, Moment]]
Make = Callable[[Moment | None], bytes]


class MapAnswers:
    """One event loop owns it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept = KeptAnswers(clock)
        self._making: dict[Key, asyncio.Task[Answer]] = {}
        self._worker = ThreadPoolExecutor(1, "maps")

    async def get(self, key: Key, read: Read | None, make: Make) -> tuple[Answer, float | None]:
        """The answer, and its age in seconds where the database is away. `make` makes its bytes of the results that `read`
        reads. Raises Problem."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept.at <= FRESH_SECONDS:
            return kept, None
        making = self._making.get(key)
        if making is None:
            if len(self._making) >= WAITING_MAX:
                if kept is not None:
                    return kept, self._clock() - kept.at
                raise Problem(503, "Try again", "Many maps are being made just now.", retry_after_s=1)
            making = self._making[key] = asyncio.create_task(self._make(key, read, make))
            making.add_done_callback(lambda ended: self._end(key, ended))
        try:
            return await asyncio.shield(making), None
        except DATABASE_ERRORS as error:
            logger.warning(log_line("database-unavailable", error=in_words(error), path="/v1/maps"))
            if kept is None:
                raise Problem(503, "Try again", "The read model cannot be reached just now.", retry_after_s=2) from None
            return kept, self._clock() - kept.at

    async def form(self, key: Key, answer: Answer, coding: str) -> Form:
        """The answer in a coding, made by the same thread."""
        found = answer.forms.get(coding)
        if found is not None:
            return found
        body = answer.body
        if coding != IDENTITY:
            body = await asyncio.get_running_loop().run_in_executor(self._worker, compressed, answer.body, coding)
        form = answer.add_form(coding, body)
        self._kept.measure(key, answer)
        return form

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Key, read: Read | None, make: Make) -> Answer:
        began = self._clock()
        moment = None if read is None else await in_time(read(), READ_SECONDS_MAX)
        answer = Answer(await asyncio.get_running_loop().run_in_executor(self._worker, make, moment), began)
        self._kept.keep(key, answer)
        return answer

    def _end(self, key: Key, task: asyncio.Task[Answer]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # those who wait for it have it
