"""A replayed moment over HTTP: the paths of the API's snapshots, with the bytes that it answered then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI, Query, Response

from api.problems import Problem, install_problems
from schemas.codes import CODE_PATTERN

Answer = Callable[[str, str, str | None], bytes]
"""(kind, code, office) → the snapshot. Raises LookupError with a sentence."""


def app_of(answer: Answer) -> FastAPI:
    app = FastAPI(title="Rekap: a moment of the count, replayed", openapi_url=None)
    install_problems(app)

    @app.get("/v1/{kind}/{code}")
    async def snapshot(
        kind: Literal["areas", "contests", "offices"],
        code: str,
        office: Annotated[str | None, Query(pattern=CODE_PATTERN)] = None,
    ) -> Response:
        try:
            return Response(answer(kind.removesuffix("s"), code, office), media_type="application/json")
        except LookupError as error:
            raise Problem(404, "Not in this election", str(error)) from None

    return app


def serve(answer: Answer, port: int) -> None:
    """On this machine alone, until a signal."""
    uvicorn.run(app_of(answer), host="127.0.0.1", port=port, log_config=None, access_log=False)
