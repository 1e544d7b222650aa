"""The FastAPI app: its parts, started and stopped in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from fastapi import Depends, FastAPI

from api import docs
from api.answers.reading import Reading
from api.answers.rendering import Renderings
from api.catalogue import routes as catalogue
from api.catalogue.ckan import install_ckan
from api.catalogue.published import Catalogues
from api.derived import Derived, follow_generations
from api.feed import routes as live
from api.files import area_files
from api.files import routes as files
from api.files.area_files import AreaFiles
from api.files.cut_files import CutFiles
from api.health import routes as health
from api.limits.limits import Limits
from api.maps import routes as maps
from api.maps.answers import MapAnswers
from api.maps.map_files import MapFiles
from api.page import start
from api.parameters import only_known_parameters
from api.problems import install_problems
from api.read import election_lists, events, finance, lists, log, nist, package, profiles, search, snapshot_routes
from api.read.from_memory import SnapshotsInMemory
from api.read.log import PublicLogs
from api.read.nist import ReportNames
from api.read.package import PackageFile
from api.read.profile_files import ProfileFiles
from api.read.search import SearchedNames
from api.read.snapshots import Snapshots
from api.roles import ALL_ROLES, ApiRole
from api.submit import routes as submissions
from api.submit.gateway import Gateway
from projections.definition.compiled import Definition
from projections.tables.list_rows import InOrder
from runtime import metrics
from runtime.files.tile_store import TileStore
from runtime.kafka.generations import Alarms, current_generation
from runtime.kafka.set_aside import SetAside
from runtime.settings import Settings
from runtime.witnesses import parse_witnesses
from schemas.licences import licence_link
from schemas.served.logs import folder_of

DESCRIPTION = """
Election results as an event-sourced public log. Every number carries `as_of`: for each ledger partition the offset of
the last event that is counted in. The same prefix of the log always gives the same number.
"""

PARTS = (
    start,
    submissions,
    election_lists,
    snapshot_routes,
    nist,
    lists,
    search,
    profiles,
    finance,
    maps,
    live,
    files,
    area_files,
    catalogue,
    log,
    package,
    health,
    events,
    docs,
)
"""The routes of all roles, in the order of the documentation."""


def create_app(
    settings: Settings, definition: Definition, limits: Limits, roles: Collection[ApiRole] = ALL_ROLES
) -> FastAPI:
    """The API of one election. Connections are made when it starts, those that its roles need. All routes are in each app, so
    that each describes the whole API; api/dispatcher.py refuses what the process does not serve."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        number = settings.generation or await current_generation(settings, definition.election, definition.hash)
        alarms = Alarms(SetAside(metrics.API_SET_ASIDE))
        derived = Derived(replace(settings, generation=number), definition, roles, alarms)
        await derived.start()
        if ApiRole.GATEWAY in roles:
            app.state.gateway = Gateway(settings, definition, derived.pool, limits)
        if ApiRole.READ in roles:
            _add_reads(app, settings, definition, derived)
        derived.show(app)
        if ApiRole.GATEWAY in roles:
            await app.state.gateway.start()
        fixed = settings.generation != 0
        serving = asyncio.create_task(_serve_for_ever(derived) if fixed else follow_generations(app, derived, alarms))
        try:
            yield
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving
            if ApiRole.READ in roles:
                app.state.snapshots.current.close()
                app.state.map_answers.close()
            if ApiRole.GATEWAY in roles:
                await app.state.gateway.stop()

    app = FastAPI(
        title="Rekap",
        version="0.1.0",
        description=DESCRIPTION,
        license_info={"name": definition.election.licence},
        lifespan=lifespan,
        dependencies=[Depends(only_known_parameters)],
        # Behind a proxy a redirect would have to know the scheme and host that the reader used. There is nothing to redirect.
        redirect_slashes=False,
        openapi_url=None,  # api/docs.py serves the document and the page
        generate_unique_id_function=docs.operation_id,
    )
    licence = licence_link(definition.election.licence)
    app.add_middleware(Reading, licence=licence)
    app.state.definition = definition
    app.state.settings = settings
    app.state.limits = limits
    app.state.in_memory = SnapshotsInMemory(limits.requests, licence)
    app.state.roles = roles
    install_problems(app)
    for part in PARTS:
        app.include_router(part.router)
    install_ckan(app)
    docs.describe(app)
    return app


def _add_reads(app: FastAPI, settings: Settings, definition: Definition, derived: Derived) -> None:
    """Add what the routes of the read role use."""
    app.state.snapshots = Snapshots(derived.read, definition, app.state.in_memory)
    logs = settings.log_directory
    app.state.logs = PublicLogs(
        definition,
        lambda partition: TileStore(logs / folder_of(definition.election, partition)),
        [str(witness.key) for witness in parse_witnesses(settings.witnesses)],
    )
    app.state.package = PackageFile(settings)
    app.state.files = CutFiles(settings.files_directory)
    app.state.in_order, app.state.renderings = InOrder(definition), Renderings()
    app.state.area_files = AreaFiles(app.state.in_order, app.state.renderings)
    app.state.names = SearchedNames(app.state.in_order)
    app.state.catalogues = Catalogues(app.state.files, definition, settings.public_url)
    app.state.profiles = ProfileFiles(settings.package, definition)
    app.state.report_names = ReportNames(settings.package, definition)
    app.state.maps = MapFiles(settings.files_directory)
    app.state.map_answers = MapAnswers()


async def _serve_for_ever(derived: Derived) -> None:
    """Serve the one generation that the settings fix."""
    try:
        await asyncio.Event().wait()
    finally:
        await derived.stop()
