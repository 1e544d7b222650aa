"""Whom the dispatcher counts a request against, and what it answers to an address that has asked for too much."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from api import dispatcher as dispatcher_module
from api.dispatcher import Dispatcher
from api.http.whole_request import WholeRequest
from api.limits.client_address import TrustedProxies
from api.limits.held_bytes import ADDRESS_BYTES_MAX
from api.limits.limits import CLIENT_ADDRESS, Limits
from api.problems import Problem, install_problems
from api.roles import ApiRole
from runtime.settings import Settings


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            self.status, self.headers = message["status"], dict(message["headers"])
        else:
            self.body += message["body"]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(dispatcher_module, "REFUSED_AFTER_SECONDS", 0.0)
    app = FastAPI()
    app.state.addresses = []
    install_problems(app)

    @app.get("/there")
    async def there() -> dict[str, str]:
        return {}

    @app.get("/v1/live")
    async def live(request: Request) -> dict[str, str]:
        if "mistaken" in request.headers:
            raise Problem(404, "Not in this election", "No such office.")
        return {}

    return app


async def _ask(
    dispatcher: Dispatcher, path: str = "/there", client: str = "192.0.2.7", method: str = "GET", **headers: str
) -> Answer:
    answer = Answer()

    has_asked = False

    async def receive() -> Message:
        nonlocal has_asked
        if has_asked:  # and then it waits for the end of its connection
            await asyncio.Event().wait()
        has_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 1234),
        "server": ("192.0.2.1", 80),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
    }
    await dispatcher(scope, receive, answer.take)
    assert scope[CLIENT_ADDRESS]
    return answer


async def test_each_answer_has_what_is_left(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=2)))
    answer = await _ask(dispatcher)
    assert answer.status == 200
    assert answer.headers[b"ratelimit-policy"] == b'"requests";q=20;w=10'
    assert answer.headers[b"ratelimit"] == b'"requests";r=19;t=1'


async def test_who_asks_for_too_much_gets_429_and_others_do_not(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=1)))
    statuses = [(await _ask(dispatcher)).status for _ in range(12)]
    assert statuses[:10] == [200] * 10
    refused = await _ask(dispatcher)
    assert refused.status == 429
    assert int(refused.headers[b"retry-after"]) >= 1
    problem = orjson.loads(refused.body)
    assert problem["title"] == "Too many requests"
    assert problem["detail"].startswith("Your address may have 1 requests a second, and 10 at once; come back in ")
    assert (await _ask(dispatcher, client="192.0.2.8")).status == 200
    assert (await _ask(dispatcher, client="2001:db8::1")).status == 200


async def test_mistakes_cost_more(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=1)))
    statuses = [(await _ask(dispatcher, "/nowhere")).status for _ in range(4)]
    assert statuses == [404, 404, 429, 429]


async def test_an_ipv6_client_is_its_64(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=1)))
    statuses = [(await _ask(dispatcher, client=f"2001:db8::{n:x}")).status for n in range(12)]
    assert statuses[-1] == 429


async def test_behind_a_trusted_proxy_each_client_has_a_bucket(app: FastAPI) -> None:
    limits = Limits(Settings(requests_per_s=1, trusted_proxies="192.0.2.0/24"))
    assert isinstance(limits.proxies, TrustedProxies)
    dispatcher = Dispatcher(app, limits)
    statuses = [(await _ask(dispatcher, x_forwarded_for=f"203.0.113.{n}")).status for n in range(50)]
    assert statuses == [200] * 50
    statuses = [(await _ask(dispatcher, x_forwarded_for="203.0.113.99")).status for _ in range(11)]
    assert statuses[-1] == 429


async def test_the_live_feed_is_never_answered_with_429(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=1)))
    assert {(await _ask(dispatcher, "/v1/live")).status for _ in range(20)} == {200}


async def test_what_is_asked_of_the_live_feed_wrongly_is_paid_for_and_answered_with_200(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=1)))
    statuses = [(await _ask(dispatcher, "/v1/live", mistaken="yes")).status for _ in range(6)]
    assert statuses == [404, 404, 404, 200, 200, 200]
    assert b"retry: 10000" in (await _ask(dispatcher, "/v1/live")).body
    assert (await _ask(dispatcher, "/v1/live", client="192.0.2.8")).body == b"{}"


async def test_0_turns_it_off(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=0)))
    answers = [await _ask(dispatcher) for _ in range(50)]
    assert {answer.status for answer in answers} == {200}
    assert b"ratelimit" not in answers[0].headers


@pytest.mark.parametrize(
    ("own", "method", "path", "role"),
    [
        (ApiRole.GATEWAY, "GET", "/there", "read"),
        (ApiRole.GATEWAY, "GET", "/v1/live", "feed"),
        (ApiRole.FEED, "POST", "/v1/submissions", "gateway"),
        (ApiRole.FEED, "GET", "/v1/gateway", "gateway"),
        (ApiRole.FEED, "GET", "/v1/nowhere", "read"),
        (ApiRole.READ, "POST", "/v1/submissions:batch", "gateway"),
        (ApiRole.READ, "GET", "/v1/live", "feed"),
        (ApiRole.READ, "GET", "/v1/schemas/live", "feed"),
    ],
)
async def test_each_role_refuses_what_it_does_not_serve_and_names_the_role_that_does(
    app: FastAPI, own: ApiRole, method: str, path: str, role: str
) -> None:
    refused = await _ask(Dispatcher(app, Limits(Settings()), {own}), path, method=method)
    problem = orjson.loads(refused.body)
    assert (refused.status, problem["role"]) == (421, role)
    sentence = f"{method} {path} is served by processes of the role {role}; this one has the role {own}."
    assert problem["detail"] == sentence


async def test_each_role_serves_its_own_and_what_is_of_each(app: FastAPI) -> None:
    assert (await _ask(Dispatcher(app, Limits(Settings()), {ApiRole.READ}))).status == 200
    assert (await _ask(Dispatcher(app, Limits(Settings()), {ApiRole.FEED}), "/v1/live")).status == 200
    for role in ApiRole:
        assert (await _ask(Dispatcher(app, Limits(Settings()), {role}), "/livez")).status == 404, "the app was asked"


async def test_what_another_role_serves_is_paid_for(app: FastAPI) -> None:
    dispatcher = Dispatcher(app, Limits(Settings(requests_per_s=1)), {ApiRole.READ})
    statuses = [(await _ask(dispatcher, "/v1/submissions", method="POST")).status for _ in range(4)]
    assert statuses == [421, 421, 429, 429]


async def test_a_web_socket_at_another_role_is_refused_with_the_problem(app: FastAPI) -> None:
    answer = Answer()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def take(message: Message) -> None:
        await answer.take({**message, "type": message["type"].removeprefix("websocket.")})

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": "/v1/live",
        "headers": [],
        "client": ("192.0.2.7", 1234),
        "extensions": {"websocket.http.response": {}},
    }
    await Dispatcher(app, Limits(Settings()), {ApiRole.GATEWAY})(scope, receive, take)
    assert (answer.status, orjson.loads(answer.body)["role"]) == (421, "feed")


class OneGateway:
    """Refuses each submission once the test asks for it."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[Problem], None]] = []

    def submit_one(self, body: bytes, address: str, answered: Callable[[Problem], None], soon: object) -> None:
        self.waiting.append(answered)


def _submission(answers: list[tuple[int, bytes, bytes]], body: bytes = b"{}", **changes: Any) -> WholeRequest:
    scope = {"method": "POST", "path": "/v1/submissions", "query_string": b"", "headers": [], **changes}
    return WholeRequest(scope, body, "192.0.2.7", lambda piece: piece(), lambda *answer: answers.append(answer))


def test_a_submission_is_taken_at_once_and_answered_with_what_is_left(app: FastAPI) -> None:
    app.state.gateway = gateway = OneGateway()
    limits, answers = Limits(Settings(submissions_per_s=2)), list[tuple[int, bytes, bytes]]()
    assert Dispatcher(app, limits).submit_at_once(_submission(answers))
    assert limits.bodies._of_address["192.0.2.7"] == 2
    gateway.waiting[0](Problem(422, "No", "No."))
    ((status, lines, body),) = answers
    assert (status, orjson.loads(body)["detail"]) == (422, "No.")
    assert b'ratelimit-policy: "submissions";q=20;w=10\r\nratelimit: "submissions";r=19;t=1\r\n' in lines
    assert not limits.bodies._of_address


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "PUT"},
        {"path": "/v1/submissions:batch"},
        {"query_string": b"x=1"},
        {"body": b"x" * 61_441},
        {"headers": [(b"content-encoding", b"gzip")]},
    ],
)
def test_what_is_unusual_is_left_to_the_app(app: FastAPI, changes: dict[str, Any]) -> None:
    limits = Limits(Settings(submissions_per_s=1))
    assert not Dispatcher(app, limits).submit_at_once(_submission([], **changes))
    assert limits.submissions.state("192.0.2.7") == b'"submissions";r=10;t=0', "it has paid nothing yet"


def test_who_has_submitted_too_much_or_has_no_room_is_refused_by_the_app(app: FastAPI) -> None:
    app.state.gateway = OneGateway()
    limits = Limits(Settings(submissions_per_s=1))
    dispatcher = Dispatcher(app, limits)
    assert [dispatcher.submit_at_once(_submission([])) for _ in range(12)] == [True] * 10 + [False] * 2
    limits.bodies.take("192.0.2.7", ADDRESS_BYTES_MAX, is_batch=False)
    assert not Dispatcher(app, limits).submit_at_once(_submission([]))
