"""Look-ups of events in the read model, many in one query.

A submission that may be a retry is looked up, and on election night that may be most of a batch. So look-ups that come while
a query is under way wait for the next query: one query at a time, for as many events as wait.
"""

from __future__ import annotations

import asyncio
from typing import Any

from projections.readmodel import event_queries

SECONDS_MAX = 2
"""Limit for one query, with the time that it waits for a free connection."""
ANSWERS_IN_A_TURN = 8
"""Submissions that continue in one turn of the loop, 0.1 ms each. With all 200 of a batch in one turn, other clients waited
30 ms."""


class LookUps:
    def __init__(self, pool: Any) -> None:
        self.pool = pool
        """Connections to the read model that is served."""
        self._wanted: dict[str, asyncio.Future[list[Any]]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def records(self, event: str) -> list[Any]:
        """The records of an event in the ledger, as event_queries.RECORDS_OF_EVENTS selects them, the oldest first. Raises
        TimeoutError, and what PostgreSQL raises."""
        answer = self._wanted.get(event)
        if answer is None:
            answer = self._wanted[event] = asyncio.get_running_loop().create_future()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def _ask(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            found: dict[str, list[Any]] = {event: [] for event in wanted}
            try:
                async with asyncio.timeout(SECONDS_MAX):
                    for row in await self.pool.fetch(event_queries.RECORDS_OF_EVENTS, list(wanted)):
                        found[row["event"]].append(row)
            except BaseException as error:
                for answer in wanted.values():
                    answer.set_exception(error)
                    answer.exception()  # the caller may have gone, and asyncio would log that nobody read it
                if not isinstance(error, Exception):
                    raise
            else:
                for number, (event, answer) in enumerate(wanted.items(), start=1):
                    answer.set_result(found[event])
                    if number % ANSWERS_IN_A_TURN == 0:
                        await asyncio.sleep(0)
