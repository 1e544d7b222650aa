"""The portal as an ASGI app: its own routes, and before them the apps of the archives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import docs
from api.answers.reading import Reading
from api.limits.turns import Turns
from api.parameters import only_known_parameters
from api.problems import install_problems
from rekap.portal import routes
from rekap.portal.archives import Archives
from rekap.portal.configuration import PortalConfiguration
from rekap.portal.election_state import PortalElection, State
from rekap.portal.live_election import LiveElection
from rekap.portal.routes import written_otherwise
from runtime.logs import log_line

logger = logging.getLogger("rekap.portal")

_PREFIX = "/elections/"


class ArchivedElections:
    """ASGI middleware: a request for an archived election that is served goes to the election's own app, with the path that the
    election's API had."""

    def __init__(self, app: ASGIApp, elections: dict[str, PortalElection]) -> None:
        self._app = app
        self._elections = elections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_PREFIX):
            id, slash, path = scope["path"].removeprefix(_PREFIX).partition("/")
            election = self._elections.get(id)
            if slash and election is not None and election.app is not None and election.state is State.SERVED:
                base = election.base.encode()
                if not scope["raw_path"].startswith(base + b"/"):
                    await written_otherwise(election).response()(scope, receive, send)
                    return
                inner = {**scope, "path": f"/{path}", "raw_path": scope["raw_path"].removeprefix(base)}
                await election.app(inner, receive, _relocated(send, base))
                return
        await self._app(scope, receive, send)


def _relocated(send: Send, base: bytes) -> Send:
    """Write the portal's paths into the header fields that name a path: the file that `latest` names, and the next
    page."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [_relocated_field(name, value, base) for name, value in message["headers"]]
        await send(message)

    return sending


def _relocated_field(name: bytes, value: bytes, base: bytes) -> tuple[bytes, bytes]:
    match name.lower():
        case b"content-location":
            return name, base + value
        case b"link":
            return name, value.replace(b"</", b"<" + base + b"/", 1)
        case _:
            return name, value


def create_portal(configuration: PortalConfiguration, public_url: str = "") -> FastAPI:
    """The portal's app. It begins to look at its elections when it starts, and answers before they are ready. `public_url` is
    the address at which readers find the portal; empty for that of each request."""
    elections = {entry.id: PortalElection(entry) for entry in configuration.elections}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        building = asyncio.Lock()
        archived = [each for each in elections.values() if each.entry.archive]
        archives = Archives(archived, configuration.state, building, public_url)
        live = [LiveElection(each, configuration.state, building) for each in elections.values() if each.entry.url]
        works = [archives.run(), *(each.run() for each in live)]
        tasks = [asyncio.create_task(_logged(work)) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            archives.close()
            for following in live:
                following.close()

    app = FastAPI(
        title=configuration.title,
        version="0.1.0",
        description="Elections in one place: their catalogue, a search by name, and the read API of each.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # api/docs.py serves the document and the page
        generate_unique_id_function=docs.operation_id,
    )
    app.add_middleware(Reading)
    app.add_middleware(ArchivedElections, elections=elections)  # the outermost, because each app has its own Reading
    app.state.elections = elections
    app.state.public_url = public_url.rstrip("/")
    app.state.searches = Turns(1, routes.SEARCHES_MAX, routes.SEARCHES_OF_ADDRESS_MAX)
    install_problems(app)
    for router in (routes.router, docs.router):
        app.include_router(router, dependencies=[Depends(only_known_parameters)])
    app.include_router(routes.elections_router)
    docs.describe(app)
    return app


async def _logged(work: Any) -> None:
    """A bug in the following of one election must be seen, and must not end the portal."""
    try:
        await work
    except Exception as error:
        logger.critical(log_line("stopped-following", error=f"{type(error).__name__}: {error}"), exc_info=True)
