"""Answers made of a map: parts of it, with results, or as a picture. Each is made by one thread and kept for a moment.

A map with results is worth a thousand small answers, so it is not made anew for each cut: for FRESH_SECONDS all clients get
the same answer, with the cut that it is as of. One thread makes answers, one after the other, so the process serves other
requests meanwhile. The addresses take turns, and all that is made for an answer is made in its turn: the map is loaded, the
results are read and joined."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from api.answers.content_codings import IDENTITY
from api.answers.in_time import in_time
from api.answers.kept_answers import Answer, Compressing, Form, KeptAnswers, Key
from api.limits.turns import NoTurnError, Turns, no_turn_problem
from api.problems import database_away
from api.read.snapshots import DATABASE_ERRORS
from runtime.error_words import in_words
from runtime.logs import log_line

logger = logging.getLogger("rekap.maps")

FRESH_SECONDS = 2.0
"""Age up to which a map is sent again. At half, a client that asks for every map all the time costs twice the CPU; at double, a
page shows numbers that are older than those of the live feed beside it by more than people notice."""
WANTED_MAX = 24
WANTED_OF_ADDRESS_MAX = 8
"""Maps that are being made or wait for it: of all, and of one address. At half, the maps of one page with several offices are
refused; at double, the last one waits for as long as a page is given up."""
READ_SECONDS_MAX = 5.0
"""Limit for reading the results of a map. At half, a busy database refuses a map that it could have read; at double, a map that
has an older version in memory is waited for in vain."""

Found = TypeVar("Found")
Read = Callable[[], Coroutine[Any, Any, Found]]
Make = Callable[[Found], bytes]


class MapAnswers:
    """One event loop owns it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept = KeptAnswers(clock)
        self._making: dict[Key, asyncio.Task[Answer]] = {}
        self._turns = Turns(1, WANTED_MAX, WANTED_OF_ADDRESS_MAX)
        self._worker = ThreadPoolExecutor(1, "maps")
        self._compressing = Compressing(self._worker)

    async def get(self, key: Key, address: str, read: Read[Found], make: Make[Found]) -> tuple[Answer, float | None]:
        """The answer, and its age in seconds where it could not be made anew. `make` makes its bytes of what `read` reads, for
        this address and all requests that come meanwhile. Raises Problem."""
        kept = self._kept.get(key)
        if kept is not None and self._clock() - kept.at <= FRESH_SECONDS:
            return kept, None
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.create_task(self._make(key, address, read, make))
            making.add_done_callback(lambda ended: self._end(key, ended))
        try:
            return await asyncio.shield(making), None
        except NoTurnError as error:
            problem = no_turn_problem(error)
            if kept is None:
                raise problem from None
            return kept, self._clock() - kept.at
        except DATABASE_ERRORS as error:
            logger.warning(log_line("database-unavailable", error=in_words(error), path="/v1/maps"))
            if kept is None:
                raise database_away() from None
            return kept, self._clock() - kept.at

    async def form(self, key: Key, answer: Answer, coding: str) -> Form:
        """The answer in a coding, made by the same thread."""
        found = answer.forms.get(coding)
        if found is not None:
            return found
        body = answer.body if coding == IDENTITY else await asyncio.shield(self._compressing.compressed(answer, coding))
        form = answer.add_form(coding, body)
        self._kept.measure(key, answer)
        return form

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _make(self, key: Key, address: str, read: Read[Found], make: Make[Found]) -> Answer:
        async with self._turns.turn(address):
            began = self._clock()
            found = await in_time(read(), READ_SECONDS_MAX)
            answer = Answer(await asyncio.get_running_loop().run_in_executor(self._worker, make, found), began)
        self._kept.keep(key, answer)
        return answer

    def _end(self, key: Key, task: asyncio.Task[Answer]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # the requests that wait for the task get the error
