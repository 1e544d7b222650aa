"""CKAN's action API: GET and POST to /api/3/action/NAME, and to /api/action/NAME, which clients such as ckanapi use.

These are routes of Starlette and not of FastAPI, because a CKAN client sends parameters that an action does not have and
expects them to be ignored, and reads errors in CKAN's shape.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from api.answers.reading import READ_BY_PAGES
from api.catalogue.published import Catalogues, at_base
from api.problems import Problem
from projections.catalogue.ckan_requests import CkanError

BODY_BYTES_MAX = 64 * 1024
"""Limit for the parameters of an action, which have some hundred bytes."""


def install_ckan(app: FastAPI) -> None:
    for path in ("/api/3/action/{action}", "/api/action/{action}"):
        app.router.add_route(path, _action, methods=["GET", "POST"], include_in_schema=False)
    app.router.add_route("/api/3", _version, methods=["GET"], include_in_schema=False)


async def _version(_: Request) -> Response:
    return _json(200, {"version": 3})


async def _action(request: Request) -> Response:
    catalogues: Catalogues = request.app.state.catalogues
    name = request.path_params["action"]
    try:
        base = catalogues.base_of(request)
        newest = await catalogues.newest()
        parameters = await _parameters(request)

        def made() -> Response:
            result = newest.ckan.action(name, parameters)
            return _json(200, {"help": _help(base, name), "success": True, "result": result}, base)

        response = await catalogues.in_turn(request, partial(asyncio.to_thread, made))
    except CkanError as error:
        return _json(error.status, {"help": _help(base, name), "success": False, "error": error.error}, base)
    except Problem as problem:
        # There is no cut yet, no usable Host, or no turn.
        stated = {"__type": problem.body["title"], "message": problem.body["detail"]}
        response = _json(problem.status, {"success": False, "error": stated})
        response.headers.update(problem.headers)
        return response
    if request.method == "GET":
        response.headers["Cache-Control"] = catalogues.cache_control
    return response


def _help(base: str, name: str) -> str:
    return f"{base}/api/3/action/help_show?name={name if name.isidentifier() else ''}"


async def _parameters(request: Request) -> dict[str, Any]:
    """Raises CkanError."""
    if request.method == "GET":
        return dict(request.query_params)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise CkanError(413, "Bad Request Error", message=f"The body has more than {BODY_BYTES_MAX:,} bytes")
    if not body:
        return {}
    try:
        found = orjson.loads(body)
    except ValueError as error:
        raise CkanError(400, "Bad Request Error", message=f"Bad request - JSON Error: {error}") from None
    if not isinstance(found, dict):
        raise CkanError(400, "Bad Request Error", message="Bad request - expected a JSON object")
    return found


def _json(status: int, answer: dict[str, Any], base: str | None = None) -> Response:
    content = orjson.dumps(answer)
    return Response(
        content if base is None else at_base(content, base),
        status,
        dict(READ_BY_PAGES),
        media_type="application/json",
    )
