"""A replayed moment over HTTP, at the paths of the API's snapshots, with the bytes that the API answered then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Response

from api.http.connections import Connections
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.problems import Problem, install_problems
from api.server import bounded_server
from schemas.codes import CODE_PATTERN

CONNECTIONS_MAX = 64
"""Enough for one person with a browser or a script."""
GRACEFUL_SECONDS = 2

Answer = Callable[[str, str, str | None, int | None], bytes]
"""(kind, code, office, part) → the snapshot. Raises LookupError with a sentence."""


def app_of(answer: Answer) -> FastAPI:
    app = FastAPI(title="Rekap: a moment of the count, replayed", openapi_url=None)
    install_problems(app)

    @app.get("/v1/{kind}/{code}")
    async def snapshot(
        kind: Literal["areas", "contests", "offices"],
        code: str,
        office: Annotated[str | None, Query(pattern=CODE_PATTERN)] = None,
        part: Annotated[int | None, Query(ge=1)] = None,
    ) -> Response:
        try:
            return Response(answer(kind.removesuffix("s"), code, office, part), media_type="application/json")
        except LookupError as error:
            raise Problem(404, "Not in this election", str(error)) from None

    return app


def serve(answer: Answer, port: int) -> None:
    """Serve on the loopback address alone, until a signal."""
    server = bounded_server(
        app_of(answer),
        connections=Connections(CONNECTIONS_MAX, CONNECTIONS_MAX, Refusals()),
        proxies=TrustedProxies(),
        graceful_seconds=GRACEFUL_SECONDS,
        port=port,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has ended in order
        server.run()
