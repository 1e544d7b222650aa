"""A short way in for submissions: the same handler as the route, without FastAPI's routing around it.

On a busy night nearly all requests are `POST /v1/submissions`, and routing, dependencies and exit stacks cost as much as
all the checks (bench/latency.py). Everything else goes to the app; its route describes this one in OpenAPI.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from api.gateway import submit
from api.problems import BUG, Problem
from runtime import metrics
from runtime.logs import event

log = logging.getLogger("rekap.gateway")

PATH = "/v1/submissions"


class Door:
    """The ASGI app that the server is given."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["app"] = self._app
        try:
            response = await submit(Request(scope, receive))
        except Problem as problem:  # before it came to the checks
            response = problem.response()
            metrics.GATEWAY_ANSWERS.labels(problem.status).inc()
        except ClientDisconnect:
            return
        except Exception as error:
            log.error(event("submission-failed", error=f"{type(error).__name__}: {error}"), exc_info=True)
            response = BUG.response()
            metrics.GATEWAY_ANSWERS.labels(BUG.status).inc()
        await response(scope, receive, send)
