"""The ASGI app that takes each request first: finds the client address that it counts against, applies rate limits, refuses
what other roles serve, and calls the handler of submissions.

On a busy night nearly all requests are `POST /v1/submissions`, and routing, dependencies and exit stacks cost as much as
all the checks (bench/latency.py). So the dispatcher calls the handler of that route directly, without FastAPI's routing; the
route describes it in OpenAPI. All other requests go to the app.

Requests for the live feed are not counted here: the feed has slots of its own (api/feed/admission.py), and a browser's
EventSource ends for good where it is answered with 429. Only mistakes in such requests cost something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from api.answers.reading import READ_BY_PAGES
from api.feed.event_stream import come_back
from api.http.whole_request import WholeRequest
from api.limits.limits import CLIENT_ADDRESS, Limits
from api.limits.rate_limits import RateLimit
from api.problems import BUG, Problem
from api.roles import ALL_ROLES, LIVE_PATH, PATHS_OF_EACH, ApiRole, role_of
from api.submit.answers import Answer, http_answer, log_failed_submission
from api.submit.bodies import coding_refusal
from api.submit.gateway import Gateway
from api.submit.routes import submit
from runtime import metrics
from schemas.ledger.envelope import ENVELOPE_BYTES_MAX

SUBMISSION_PATH = "/v1/submissions"
BATCH_PATH = "/v1/submissions:batch"
MISTAKE_COST = 4
"""What an answer 4xx costs besides, except to a submission. At 0, a client that asks for what does not exist may cost as much
as a reader; at double, an auditor that looks for tiles that do not exist yet is slowed down."""
LIVE_COME_BACK_SECONDS = 10
REFUSED_AFTER_SECONDS = 1.0
"""Time that a refusal of an address over its limit is held back. At 0, a client asks again at once, and the refusals cost as
much as what was refused; with one second and 512 connections, it is refused 512 times a second at most."""


class Dispatcher:
    """The ASGI app that the server runs."""

    def __init__(self, app: FastAPI, limits: Limits, roles: Collection[ApiRole] = ALL_ROLES) -> None:
        self._app = app
        self._limits = limits
        self._roles = roles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        address = scope[CLIENT_ADDRESS] = self._limits.proxies.client_of(scope)
        method = scope.get("method", "GET")  # a WebSocket has none
        elsewhere = misdirected(method, scope["path"], self._roles)
        if scope["type"] != "http":
            if elsewhere is not None:
                await WebSocket(scope, receive, send).send_denial_response(elsewhere.response())
            else:
                await self._app(scope, receive, send)
            return
        if scope["path"] == LIVE_PATH and elsewhere is None:
            await self._live(scope, receive, send, address)
            return
        is_submission = (
            method == "POST" and scope["path"] in (SUBMISSION_PATH, BATCH_PATH) and ApiRole.GATEWAY in self._roles
        )
        limit = self._limits.submissions if is_submission else self._limits.requests
        if limit:
            send = with_rate_limit(limit, address, send, 0 if is_submission else MISTAKE_COST)
            if not limit.take(address):
                metrics.HTTP_REFUSED.labels("rate-of-address").inc()
                await asyncio.sleep(REFUSED_AFTER_SECONDS)
                response = limit.refusal(address, "Your address").response()
                if not is_submission:
                    response.headers.update(READ_BY_PAGES)
                await response(scope, receive, send)
                return
        if elsewhere is not None:
            await elsewhere.response()(scope, receive, send)
        elif is_submission and scope["path"] == SUBMISSION_PATH:
            await self._submit(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        requests = self._limits.requests
        if requests.owes(address):
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            await come_back("your address has asked for too much", LIVE_COME_BACK_SECONDS)(scope, receive, send)
        else:
            await self._app(
                scope, receive, with_rate_limit(requests, address, send, 1 + MISTAKE_COST) if requests else send
            )

    def submit_at_once(self, request: WholeRequest) -> bool:
        """Take a single submission, so that it costs no task (api/http/whole_request.py). Anything unusual about it is left to
        `__call__`, which refuses it."""
        scope, address, body = request.scope, request.address, request.body
        if scope["path"] != SUBMISSION_PATH or scope["method"] != "POST" or scope["query_string"]:
            return False
        limits = self._limits
        is_unusual = (
            len(body) > ENVELOPE_BYTES_MAX
            or limits.bodies.lacks_room(address, len(body), is_batch=False)
            or coding_refusal(scope["headers"])
        )
        if is_unusual or not limits.submissions.take(address):
            return False
        limits.bodies.take(address, len(body), is_batch=False)

        def answered(answer: Answer) -> None:
            limits.bodies.give_back(address, len(body), is_batch=False)
            status, lines, given = http_answer(answer)
            if limits.submissions:
                policy, state = limits.submissions.policy, limits.submissions.state(address)
                lines = b"%bratelimit-policy: %b\r\nratelimit: %b\r\n" % (lines, policy, state)
            request.answer(status, lines, given)

        gateway: Gateway = self._app.state.gateway
        gateway.submit_one(body, address, answered, request.soon)
        return True

    async def _submit(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self._app
        try:
            response = await submit(Request(scope, receive))
        except Problem as problem:  # raised before the checks
            response = problem.response()
            metrics.GATEWAY_ANSWERS.labels(problem.status).inc()
        except ClientDisconnect:
            return
        except Exception as error:
            log_failed_submission(error)
            response = BUG.response()
            metrics.GATEWAY_ANSWERS.labels(BUG.status).inc()
        await response(scope, receive, send)


def misdirected(method: str, path: str, roles: Collection[ApiRole]) -> Problem | None:
    """Why a process with these roles does not serve a request; None where it does."""
    role = role_of(method, path)
    if role in roles or path in PATHS_OF_EACH:
        return None
    own = " and ".join(sorted(roles))
    return Problem(
        421,
        "Served by another process",
        f"{method} {path} is served by processes of the role {role}; this one has the role {own}.",
        role=str(role),
    )


def with_rate_limit(limit: RateLimit, address: str, send: Send, mistake_cost: int) -> Send:
    """Add to each answer how much is left, and charge the address for its mistakes."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if mistake_cost and 400 <= message["status"] < 500 and message["status"] != 429:
                limit.charge(address, mistake_cost)
            message["headers"] = [
                *message.get("headers", ()),
                (b"ratelimit-policy", limit.policy),
                (b"ratelimit", limit.state(address)),
            ]
        await send(message)

    return sending
