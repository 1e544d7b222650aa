"""What the API serves of one generation (runtime/kafka/generations.py): the read model, the live feed, the health of its
stages, each where a role of the process needs it. Switches from one generation to the next without a moment in which nothing is
served."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from typing import Any

import asyncpg
from fastapi import FastAPI

from api.errors import ApiError
from api.feed.bulletin_reading import health_reader
from api.feed.live import LiveFeed
from api.health.probe import HealthProbe
from api.readmodel.read_model import ReadModel
from api.roles import ApiRole
from projections.definition.compiled import Definition
from projections.readmodel import queries
from runtime.kafka.generations import Alarms, later_generation
from runtime.logs import log_line
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings
from schemas.derived.results import Cut, at_or_before

logger = logging.getLogger("rekap.api")

SETTLE_SECONDS = 3.0
"""Time from the message about a new generation to the switch. The workers of the generation before have ended by then, so its
numbers change no more, and it can be seen whether the new generation has reached them. At half, slow workers have not ended;
at double, a rebuild takes three seconds longer."""
REACH_SECONDS_MAX = 60.0
"""Time after which the new generation is served also where it is behind the one before, which may show numbers that are wrong;
but never before the new generation has caught up with the ledger."""
AGAIN_SECONDS = 2.0
LIST_SECONDS_MAX = 2.0
"""Limit for one statement of a list. Each takes some tens of milliseconds of a database that reads from disk. At half, a
database under load refuses lists that it could have read; at double, clients that wait for a connection give up before."""


class GenerationNotServedError(ApiError):
    """A generation that was made current cannot be served; the sentence names what is missing."""


class Derived:
    def __init__(
        self, settings: Settings, definition: Definition, roles: Collection[ApiRole], generations: Alarms | None = None
    ) -> None:
        self.generation = settings.generation
        self.settings = settings
        self.roles = roles
        self.definition = definition
        self.pool: Any = None
        self._lists: Any = None
        self.read: ReadModel
        self.live: LiveFeed | None = None
        """The live feed; None where the process does not have the feed's role."""
        self.health = HealthProbe(settings, definition, roles, generations)

    async def start(self) -> None:
        """Raises what Kafka and PostgreSQL raise; `stop` then cleans up."""
        schema = queries.schema_of(self.definition.election, self.generation)
        self.pool = await open_pool(self.settings, schema, size=self.settings.database_connections)
        await migrate(self.pool, schema, files("projections.readmodel").joinpath("migrations"))
        if ApiRole.READ in self.roles:
            self._lists = await open_pool(
                self.settings,
                schema,
                size=self.settings.list_connections,
                statement_seconds_max=LIST_SECONDS_MAX,
            )
        self.read = ReadModel(self.pool, self._lists or self.pool, self.definition)
        if ApiRole.FEED in self.roles:
            self.live = LiveFeed(self.settings, self.definition, self.read)
            await self.live.start()
        await self.health.start()

    async def stop(self) -> None:
        if self.live is not None:
            await self.live.stop()
        await self.health.stop()
        for pool in (self._lists, self.pool):
            if pool is not None:
                await pool.close()

    def show(self, app: FastAPI) -> None:
        """Serve this generation from the next request on."""
        app.state.pool = self.pool
        if ApiRole.GATEWAY in self.roles:
            app.state.gateway.look_ups.pool = self.pool
        if ApiRole.READ in self.roles:
            app.state.snapshots.serve(self.read)
        app.state.live = self.live
        if self.live is not None:
            self.live.bulletins.readers["health"] = health_reader(lambda: self.health.answer(app.state))
        app.state.health = self.health

    async def is_there(self) -> bool:
        """Whether a recorder has made the read model. The API must not make it, because it would serve an empty one."""
        connection = await asyncpg.connect(self.settings.database)
        try:
            schema = queries.schema_of(self.definition.election, self.generation)
            return await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".topic_position') is not None
        finally:
            await connection.close()

    async def has_reached(self, other: Derived) -> bool:
        """Whether all numbers of this generation are as new as those of the other one."""
        if self.live is not None and other.live is not None:
            if self.live.hub is None or other.live.hub is None:
                return False
            if not _reached(self.live.hub.cuts(), other.live.hub.cuts()):
                return False
        cuts_of_other = await other.read.cuts()
        return _reached(await self.read.cuts(), cuts_of_other)


def _reached(own: Iterable[Cut], others: Iterable[Cut]) -> bool:
    return all(at_or_before(other, each) for each, other in zip(own, others, strict=True))


async def follow_generations(app: FastAPI, current: Derived, alarms: Alarms) -> None:
    """Serve each generation that is made current. Runs until it is cancelled, and then stops the generation that is served."""
    try:
        while True:
            try:
                current = await _next(app, current, alarms)
            except GenerationNotServedError as error:
                alarms.not_served = f"{error}; generation {current.generation} is served"
                logger.error(log_line("generation-not-served", error=error))
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception as error:
                # Also a bug, because the generation that is served should continue to be served.
                logger.error(log_line("generation-not-served", error=f"{type(error).__name__}: {error}"), exc_info=True)
                await asyncio.sleep(AGAIN_SECONDS)
    finally:
        await current.stop()


async def _next(app: FastAPI, current: Derived, alarms: Alarms) -> Derived:
    """Wait for another generation, serve it, and stop the one before. Raises GenerationNotServedError, and what Kafka and
    PostgreSQL raise."""
    definition = current.definition
    number = await later_generation(current.settings, definition.election, definition.hash, current.generation, alarms)
    logger.info(log_line("generation-changed", before=current.generation, now=number))
    following = Derived(replace(current.settings, generation=number), definition, current.roles, alarms)
    if not await following.is_there():
        raise GenerationNotServedError(f"generation {number} was made current, and its read model is not there")
    try:
        await following.start()
        await _wait_to_reach(following, current)
        following.show(app)
        alarms.not_served = ""
    except BaseException:
        with suppress(Exception):
            await following.stop()
        raise
    logger.info(log_line("generation-served", generation=number))
    with suppress(Exception):
        await current.stop()
    return following


async def _wait_to_reach(following: Derived, current: Derived) -> None:
    """Wait until the new generation has all that is in the ledger now, and no number of it is older than the one served now.
    Raises GenerationNotServedError."""
    await asyncio.sleep(SETTLE_SECONDS)
    try:
        async with asyncio.timeout(REACH_SECONDS_MAX):
            await following.health.wait_to_catch_up(following.pool)
    except TimeoutError:
        raise GenerationNotServedError(
            f"generation {following.generation} was made current, and is behind the ledger after {REACH_SECONDS_MAX:g} s"
        ) from None
    try:
        async with asyncio.timeout(REACH_SECONDS_MAX):
            while not await following.has_reached(current):
                await asyncio.sleep(0.1)
    except TimeoutError:
        logger.warning(log_line("generation-behind", generation=following.generation, seconds=REACH_SECONDS_MAX))
