"""Problem details for HTTP APIs (RFC 9457): every refusal names the field and the reason."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from api.errors import ApiError
from runtime.logs import log_line
from runtime.package.shape_sentences import sentence

logger = logging.getLogger("rekap.api")

MEDIA_TYPE = "application/problem+json"
_ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Problem(ApiError):
    """Why one request is refused. `field` is the dotted path of the value at fault, where there is one."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        retry_after_s: int | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self.body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail, **extra}
        if field is not None:
            self.body["field"] = field

    def with_members(self, **more: Any) -> Problem:
        """A copy of the problem with more in its body."""
        other = Problem(self.status, self.body["title"], self.body["detail"])
        other.headers, other.body = self.headers, {**self.body, **more}
        return other

    def bare(self) -> Problem:
        """This problem without its traceback and its cause.

        A traceback holds the frames of all callers, and some of them keep the problem as an answer, which is a reference cycle.
        The frames also hold the body of the submission, which would stay in memory until the garbage collector runs."""
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self

    def response(self) -> Response:
        return Response(orjson.dumps(self.body), self.status, self.headers, MEDIA_TYPE)


def allowed_methods(app: FastAPI, scope: Scope) -> list[str]:
    """The methods of the path of a request; none where the path has no route."""
    found = [
        method
        for method in _ALL_METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]
    if "GET" in found:
        found.insert(1, "HEAD")
    return [*found, "OPTIONS"] if found else []


BUG = Problem(500, "Internal error", "This is a bug; it is in the server's log. Nothing was accepted.")


def database_away() -> Problem:
    return Problem(503, "Try again", "The read model cannot be reached just now.", retry_after_s=2)


def lists_busy() -> Problem:
    return Problem(503, "Try again", "Many lists are being read just now.", retry_after_s=1)


def install_problems(app: FastAPI) -> None:
    """Answer every error of the app with a problem, also the framework's errors and bugs."""

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return Problem(422, "Invalid request", f"{field}: {sentence(first)}", field=field).response()

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        problem = Problem(error.status_code, error.detail, f"{request.method} {request.url.path}: {error.detail}")
        if error.status_code == 405:
            allowed = ", ".join(allowed_methods(app, request.scope))
            problem = Problem(405, error.detail, f"{request.url.path} can be asked with {allowed}.")
            problem.headers["Allow"] = allowed
        elif error.status_code == 404:
            slash = ", and no path here ends with a slash" if request.url.path.endswith("/") else ""
            problem.body["detail"] = f"There is nothing at {request.url.path}{slash}; /docs lists every address."
        return problem.response()

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, _: ClientDisconnect) -> None:
        """The client has disconnected, so there is no answer."""
        logger.info(log_line("client-gone", method=request.method, path=request.url.path))

    @app.exception_handler(Exception)
    async def bug(_: Request, __: Exception) -> Response:
        return BUG.response()


PROBLEM_SCHEMA = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "URI of the kind of problem; `about:blank` where the status is enough",
        },
        "title": {"type": "string", "description": "the kind of problem, the same for all of the kind"},
        "status": {"type": "integer", "description": "the status of the answer"},
        "detail": {"type": "string", "description": "what is wrong with this request, and what to do"},
        "field": {"type": "string", "description": "dotted path of the value at fault"},
        "rule": {"type": "string", "description": "id of the rule that refused it"},
        "role": {"type": "string", "description": "of 421: the role of the processes that serve this"},
        "signed": {
            "type": "string",
            "description": "of a submission refused for good: signed by the gateway (C2SP signed-note; the text is "
            "`rekap refusal v1` with election, SHA-256 of the envelope, status, and SHA-256 of the canonical form of the "
            "other fields of this problem)",
        },
    },
}
_KINDS: dict[int, tuple[str, Problem]] = {
    each.status: (description, each)
    for description, each in (
        (
            "The signature is missing, wrong, or of an unknown key.",
            Problem(
                401,
                "Not signed by a registered key",
                "The signature does not fit the payload: it must be Ed25519 over the DSSE pre-authentication encoding.",
                field="signatures.0.sig",
                rule="K2",
            ),
        ),
        (
            "The key's role or scope does not allow this.",
            Problem(
                403,
                "Not allowed to this key",
                "Station 34.02.01.2001-007 is outside the scope 34.04 of key 3f1c0a9be2d47c55.",
                field="station",
                rule="K4",
            ),
        ),
        (
            "This election has no such thing.",
            Problem(404, "Not in this election", "There is no area '34.99' in this election.", field="path.area"),
        ),
        (
            "Accept-Encoding excludes every coding that there is.",
            Problem(
                406,
                "No such coding",
                "An answer can be sent in identity, gzip, br, zstd; Accept-Encoding excludes all of them.",
                field="header.accept-encoding",
            ),
        ),
        (
            "The election has been opened already.",
            Problem(409, "Already open", "This election has been opened; its genesis is at offset 0."),
        ),
        (
            "The answer is not the one that If-Match or If-Unmodified-Since names.",
            Problem(412, "Precondition failed", "The answer is not the one that If-Match names."),
        ),
        (
            "Larger than the limit.",
            Problem(413, "Too large", "The body has 70000 bytes; the limit is 61440.", field=""),
        ),
        (
            "The body is compressed or coded otherwise; Accept-Encoding names what is read.",
            Problem(
                415,
                "Coding not understood",
                "content-encoding: a body is sent as it is, not compressed or coded otherwise; got 'gzip'.",
                field="header.content-encoding",
            ),
        ),
        (
            "The request has the wrong shape, or names what this election does not have.",
            Problem(
                422,
                "Invalid request",
                "query.limit: expected a whole number, got 'many'",
                field="query.limit",
            ),
        ),
        (
            "The address, or the key, has sent too many requests; Retry-After has the seconds to wait.",
            Problem(
                429,
                "Too many requests",
                "Your address may have 200 requests a second, and 2000 at once; come back in 1 s.",
                retry_after_s=1,
            ),
        ),
        (
            "A part of the system cannot be reached just now, or has no room; Retry-After has the time to come back.",
            database_away(),
        ),
    )
}
PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example.body}},
    }
    for status, (description, example) in _KINDS.items()
}
"""Description and example of each status in OpenAPI. api/docs.py adds the schema that these refer to."""
