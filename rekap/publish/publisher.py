"""Publishes each new cut of the read model as files, until it is stopped. It follows the generation that is served.

In this order:

    1. the cut is looked up, in one small statement
    2. where it has moved, all tallies of the pages are read in one transaction, and the pages are written
    3. `latest.json` names the cut, with the time at which it was the newest
    4. old cuts are deleted

A process that is killed anywhere begins again at 1, and nothing that a reader sees has a part missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg

from api.answers.in_time import in_time
from api.answers.read_cut import ReadCut
from api.readmodel.read_model import ReadModel
from projections.definition.compiled import Definition
from projections.readmodel import queries
from projections.shown.published import Moment, as_of
from projections.shown.whole_cut import rendered, whole_cut
from rekap.publish.cut_files import CutFiles
from runtime.error_words import in_words
from runtime.kafka.generations import current_generation, later_generation
from runtime.logs import log_line
from runtime.postgres import open_pool
from runtime.settings import Settings
from schemas.codes import NOTHING_YET
from schemas.derived.results import at_or_before
from schemas.times import time_text

logger = logging.getLogger("rekap.publish")

READ_SECONDS_MAX = 60.0
"""Limit for reading all tallies of a cut. A nation with five offices down to its regencies takes less than a second of an idle
database."""
REACH_SECONDS_MAX = 60.0
"""How long, after another generation is served, its cuts may be behind the newest that is published; then they are published
all the same, as the API serves them (api/derived.py)."""
DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Publisher:
    def __init__(self, settings: Settings, definition: Definition, files: CutFiles, levels: int) -> None:
        self._settings = settings
        self._definition = definition
        self._files = files
        self._pages = whole_cut(definition, levels)
        self._lines = list({line for page in self._pages for line in page.lines if line.contest is not None})
        self._areas = sorted({page.area for page in self._pages if page.area is not None})
        self._published: Moment | None = None
        """The moment of the newest cut that this process has published."""

    async def run(self, stop: asyncio.Event, every_seconds: float) -> None:
        """Publish until `stop` is set. While the database or the disk cannot be used, it is tried again. Raises what Kafka and
        PostgreSQL raise at the start, and when another generation is served."""
        settings, definition = self._settings, self._definition
        number = settings.generation or await current_generation(settings, definition.election, definition.hash)
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            following = asyncio.create_task(self._another_generation(number))
            try:
                async with self._read_model(number) as read:
                    await self._publish_until(read, {following, stopping}, every_seconds)
            finally:
                following.cancel()
                with suppress(asyncio.CancelledError):
                    number = await following

    async def once(self) -> str:
        """Publish the newest cut; gives its name. Raises what Kafka, PostgreSQL and the disk raise."""
        settings, definition = self._settings, self._definition
        number = settings.generation or await current_generation(settings, definition.election, definition.hash)
        async with self._read_model(number) as read:
            await self._publish(read)
        return self._files.newest()

    async def _publish_until(self, read: ReadModel, ends: set[asyncio.Task[Any]], every_seconds: float) -> None:
        reach_until = asyncio.get_running_loop().time() + REACH_SECONDS_MAX
        while True:
            try:
                await self._publish(read, may_wait=asyncio.get_running_loop().time() < reach_until)
            except DATABASE_ERRORS as error:
                logger.warning(log_line("not-published", error=in_words(error)))
            done, _ = await asyncio.wait(ends, timeout=every_seconds, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return

    async def _publish(self, read: ReadModel, *, may_wait: bool = False) -> None:
        checked_at = datetime.now(UTC)
        cut = await in_time(read.cut(), READ_SECONDS_MAX)  # 1
        if self._published is None or _name(ReadCut(self._published.results, self._published.blocks)) != _name(cut):
            checked_at = datetime.now(UTC)
            moment = await in_time(read.moment_of(self._lines, self._areas), READ_SECONDS_MAX)  # 2
            if may_wait and self._published is not None and not _reaches(moment, self._published):
                return
            cut = ReadCut(moment.results, moment.blocks)
            written = await asyncio.to_thread(
                self._files.write, _name(cut), rendered(self._definition, self._pages, moment)
            )
            self._published = moment
            logger.info(log_line("published", cut=_name(cut), bytes=written))
        await asyncio.to_thread(self._files.point, self._head(cut, checked_at))  # 3
        await asyncio.to_thread(self._files.prune)  # 4

    def _head(self, cut: ReadCut, checked_at: datetime) -> dict[str, Any]:
        assert self._published is not None
        election = self._definition.election
        return {
            "election": election.id,
            "mode": election.mode.value,
            "definition": self._definition.hash,
            "cut": _name(cut),
            "as_of": {office.id: as_of(self._published, office) for office in self._definition.ballots.offices},
            "checked_at": time_text(checked_at),
        }

    @asynccontextmanager
    async def _read_model(self, generation: int) -> AsyncIterator[ReadModel]:
        schema = queries.schema_of(self._definition.election, generation)
        pool = await open_pool(self._settings, schema, size=1)
        try:
            yield ReadModel(pool, pool, self._definition)
        finally:
            pool.terminate()

    async def _another_generation(self, number: int) -> int:
        if self._settings.generation:
            await asyncio.Event().wait()
        return await later_generation(self._settings, self._definition.election, self._definition.hash, number)


def _name(cut: ReadCut) -> str:
    """Later cuts have later names, and two publishers give one cut the same name."""
    return f"{cut.height:012d}-{cut.digest(None).hex()[:16]}"


def _reaches(moment: Moment, other: Moment) -> bool:
    """Whether a moment has all that another has."""
    for office, cut in other.results.items():
        if office not in moment.results or not at_or_before(cut, moment.results[office]):
            return False
    return all(moment.blocks.get(key, int(NOTHING_YET)) >= through for key, through in other.blocks.items())
