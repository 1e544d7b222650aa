"""The FastAPI app: its parts, started and stopped in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI

from api import events, gateway, health, live, log, package, snapshots
from api.gateway import Gateway
from api.health import HealthProbe
from api.live import LiveFeed
from api.log import PublicLogs
from api.package import PackageFile
from api.problems import install_problems
from api.snapshots import Snapshots
from projections.definition import Definition
from projections.readmodel import queries
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings

DESCRIPTION = """
Election results as an event-sourced public log. Every number carries `as_of`: for each ledger partition the offset of
the last event that is counted in. The same prefix of the log always gives the same number.
"""


def create_app(settings: Settings, definition: Definition) -> FastAPI:
    """The API of one election. Connections are made when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        schema = queries.schema_of(definition.election)
        pool = await open_pool(settings, schema, size=settings.database_connections)
        await migrate(pool, schema, files("projections.readmodel").joinpath("migrations"))
        app.state.pool = pool
        app.state.gateway = Gateway(settings, definition, pool)
        app.state.snapshots = Snapshots(pool, definition)
        app.state.logs = PublicLogs(settings, definition)
        app.state.package = PackageFile(settings)
        app.state.live = LiveFeed(settings, definition, app.state.snapshots.read)
        app.state.health = HealthProbe(settings, definition)
        await app.state.gateway.start()
        await app.state.live.start()
        try:
            yield
        finally:
            await app.state.live.stop()
            await app.state.gateway.stop()
            await app.state.health.stop()
            await pool.close()

    app = FastAPI(
        title="Rekap",
        version="0.1.0",
        description=DESCRIPTION,
        license_info={"name": definition.election.licence},
        lifespan=lifespan,
    )
    app.state.definition = definition
    app.state.settings = settings
    install_problems(app)
    for part in (gateway, snapshots, live, log, package, health, events):
        app.include_router(part.router)
    return app
