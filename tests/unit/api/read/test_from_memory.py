"""Answers from memory: byte for byte what the route, the middleware and the dispatcher answer, counted against the same limits.

The protocol, the dispatcher, the middleware and the routes are the real ones. Only the read model is a test's.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import uvicorn
from fastapi import Depends, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from api.answers.current_answers import CurrentAnswers
from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut, ReadCut
from api.answers.reading import Reading, entity_tag
from api.dispatcher import Dispatcher
from api.http.connections import Connections
from api.http.fair_turns import FairTurns
from api.http.from_memory import REMEMBERED_MAX, Asked, FromMemory, MemoryAnswer, RememberedRequests
from api.http.protocol import BoundedProtocol
from api.limits.limits import Limits
from api.parameters import only_known_parameters
from api.problems import install_problems
from api.read import from_memory as from_memory_module
from api.read import snapshot_routes
from api.read.from_memory import SnapshotsInMemory
from api.read.snapshots import Snapshots
from api.readmodel.read_model import ReadModel
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.published import Moment, answer_bytes, contest_answer
from runtime.settings import Settings
from schemas.licences import licence_link
from tests.support.small_election import small_package
from tests.unit.api.http.test_protocol import Transport

CONTEST = "/v1/contests/president"
PEER, PROXY = "198.51.100.7", "10.0.0.1"
CLIENT = "203.0.113.9"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Model:
    """A read model whose numbers a test moves."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self.offset = 3
        self.reads = 0
        self.is_away = False

    def moment(self) -> Moment:
        cut = (self.offset,) * self._definition.partitions
        return Moment({"president": cut, "council": cut}, {}, {}, {})

    async def cut(self) -> ReadCut:
        if self.is_away:
            raise ConnectionError
        return ReadCut(self.moment().results, {})

    async def contest(self, contest: ContestEntry) -> AtCut:
        self.reads += 1
        if self.is_away:
            raise ConnectionError
        return AtCut(contest_answer(self._definition, contest, self.moment()), self.moment())


class Server:
    """Two ways into one application: with answers from memory, and without."""

    def __init__(self, definition: Definition, monkeypatch: pytest.MonkeyPatch, **chosen: Any) -> None:
        self.clock = Clock()
        monkeypatch.setattr(time, "monotonic", self.clock)
        self.definition = definition
        self.model = Model(definition)
        self.limits = Limits(Settings(**{"trusted_proxies": PROXY, "requests_per_s": 1_000, **chosen}))
        self.limits.requests._clock = self.clock
        licence = licence_link(definition.election.licence)
        self.kept = SnapshotsInMemory(self.limits.requests, licence)
        app = FastAPI(dependencies=[Depends(only_known_parameters)])
        app.add_middleware(Reading, licence=licence)
        install_problems(app)
        app.include_router(snapshot_routes.router)
        self.snapshots = Snapshots(cast(ReadModel, self.model), definition, self.kept)
        app.state.snapshots = self.snapshots
        self._config = uvicorn.Config(
            Dispatcher(app, self.limits),
            ws="none",
            log_config=None,
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            access_log=False,
        )
        self._connections = Connections(100, 100, self.limits.refusals)
        self.from_memory = FromMemory(self.kept)
        self.state = ServerState()
        self.state.default_headers = [(b"Date", b"Wed, 14 Feb 2024 06:00:00 GMT")]

    def connect(self, *, from_memory: bool = True, peer: str = PEER) -> tuple[BoundedProtocol, Transport]:
        protocol = BoundedProtocol(
            self._connections,
            self.limits.proxies,
            FairTurns(clock=self.clock),
            self._config,
            self.state,
            {},
            from_memory=self.from_memory if from_memory else None,
        )
        transport = Transport(peer)
        protocol.connection_made(cast(asyncio.Transport, transport))
        return protocol, transport

    async def ask(self, request: bytes, *, from_memory: bool = True, peer: str = PEER) -> bytes:
        protocol, transport = self.connect(from_memory=from_memory, peer=peer)
        protocol.data_received(request)
        await settled()
        protocol.connection_lost(None)
        return transport.sent

    @property
    def tokens(self) -> float:
        return self.limits.requests._tokens(PEER)


async def settled() -> None:
    for _ in range(40):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def definition() -> Definition:
    return Definition.of(small_package())


@pytest.fixture
async def server(definition: Definition, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    server = Server(definition, monkeypatch)
    yield server
    server.snapshots.current.close()


def request(*fields: str, method: str = "GET", address: str = CONTEST) -> bytes:
    return "\r\n".join((f"{method} {address} HTTP/1.1", "Host: x", *fields, "", "")).encode("latin-1")


def without_rest(answer: bytes) -> bytes:
    """An answer without what is left to the client, which another request of it changes."""
    return re.sub(rb"r=\d+;t=\d+", b"", answer)


def _etag(server: Server, suffix: str = "") -> str:
    entry = server.definition.ballots.contest("president")
    body = answer_bytes(server.definition, contest_answer(server.definition, entry, server.model.moment()))
    return entity_tag(body)[:-1] + suffix + '"'


REQUESTS: list[tuple[str, ...]] = [
    (),
    ("Connection: keep-alive",),
    ("Accept-Encoding: gzip, deflate, br",),
    ("Accept-Encoding: gzip;q=0", "Accept-Encoding: identity;q=0.5"),
    ("Accept-Encoding: br", "Accept-Encoding: gzip"),
    ("Accept-Encoding: identity;q=0, *;q=0",),
    ("If-None-Match: {plain}",),
    ("If-None-Match: W/{plain}",),
    ("If-None-Match: *",),
    ('If-None-Match: "other", {plain}',),
    ('If-None-Match: "other"',),
    ('If-None-Match: "other"', "If-None-Match: {plain}"),
    ("If-None-Match: {gzip}",),
    ("If-None-Match: {gzip}", "Accept-Encoding: gzip"),
    ("If-None-Match: {plain}", "Accept-Encoding: gzip"),
    ("If-Match: {plain}",),
    ('If-Match: "other"',),
    ('If-Match: "other"', "Accept-Encoding: gzip"),
    ("If-Modified-Since: Wed, 14 Feb 2024 06:00:00 GMT",),
    ("If-Unmodified-Since: Wed, 14 Feb 2024 06:00:00 GMT",),
    ("Range: bytes=0-9",),
    ("Origin: https://example.org", "Cookie: a=b", "X-Forwarded-For: 192.0.2.1"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("fields", REQUESTS, ids=lambda fields: "; ".join(fields) or "plain")
@pytest.mark.parametrize("peer", [PEER, PROXY])
async def test_the_bytes_are_those_of_the_application(
    server: Server, method: str, fields: tuple[str, ...], peer: str
) -> None:
    tags = {"plain": _etag(server), "gzip": _etag(server, "-gzip")}
    asked = request(*(field.format(**tags) for field in fields), method=method)
    by_application = await server.ask(asked, from_memory=False, peer=peer)
    assert by_application.startswith(b"HTTP/1.1 ")
    before = server.tokens
    from_memory = await server.ask(asked, peer=peer)
    again = await server.ask(asked, peer=peer)
    assert without_rest(from_memory) == without_rest(by_application)
    assert without_rest(again) == without_rest(by_application)
    status = by_application.split()[1]
    assert server.model.reads == (1 if status != b"406" else 0)
    if peer == PEER and status in (b"200", b"304"):
        assert server.tokens == before - 2


@given(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=7), st.data())
@settings(max_examples=30, deadline=None)
def test_pipelined_requests_are_answered_in_their_order_wherever_they_are_cut(
    definition: Definition, several: list[tuple[str, ...]], data: st.DataObject
) -> None:
    async def go() -> None:
        with pytest.MonkeyPatch.context() as patch:
            server = Server(definition, patch)
            tags = {"plain": _etag(server), "gzip": _etag(server, "-gzip")}
            asked = [request(*(field.format(**tags) for field in fields)) for fields in several]
            expected = [without_rest(await server.ask(each, from_memory=False)) for each in asked]
            whole = b"".join(asked)
            protocol, transport = server.connect()
            cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
            for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
                if data.draw(st.booleans()):
                    await settled()
                if start < end:
                    protocol.data_received(whole[start:end])
            await settled()
            await settled()
            assert without_rest(transport.sent) == b"".join(expected)
            protocol.connection_lost(None)
            server.snapshots.current.close()

    asyncio.run(go())


async def test_an_answer_from_memory_needs_no_application(server: Server) -> None:
    await server.ask(request())
    protocol, transport = server.connect()
    for number in range(3):
        protocol.data_received(request())
        protocol._corked._flush()  # within the same turn of the loop
        assert transport.sent.count(b"HTTP/1.1 200 OK") == number + 1
    assert server.state.total_requests == 4
    assert not server.state.tasks
    assert len(server.from_memory.remembered) == 1


async def test_an_answer_whose_cut_has_moved_is_made_again(server: Server) -> None:
    first = await server.ask(request())
    server.model.offset += 1
    assert without_rest(await server.ask(request())) == without_rest(first)  # which is fresh still
    server.clock.now += 2
    second = await server.ask(request())
    assert b'"0":4' in second
    assert server.model.reads == 2
    assert without_rest(await server.ask(request())) == without_rest(second)
    assert server.model.reads == 2


async def test_without_a_database_the_application_answers_with_the_age(server: Server) -> None:
    await server.ask(request())
    server.model.is_away = True
    server.clock.now += 30
    for _ in range(2):
        answer = await server.ask(request())
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"\r\nage: 30\r\n" in answer


async def test_nothing_of_one_generation_is_answered_in_the_next(server: Server) -> None:
    await server.ask(request())
    following = Model(server.definition)
    following.offset = 2
    server.snapshots.serve(cast(ReadModel, server.model))
    assert without_rest(await server.ask(request()))
    assert server.model.reads == 1
    server.snapshots.serve(cast(ReadModel, following))
    assert b'"0":2' in await server.ask(request())
    following.is_away = True
    server.clock.now += 2
    assert b'"0":2' in await server.ask(request())


async def test_a_client_over_its_limit_is_refused(definition: Definition, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(definition, monkeypatch, requests_per_s=1)
    monkeypatch.setattr("api.dispatcher.REFUSED_AFTER_SECONDS", 0.0)
    answers = [await server.ask(request()) for _ in range(12)]
    assert [answer.split()[1] for answer in answers] == [b"200"] * 10 + [b"429"] * 2
    assert (await server.ask(request(f"X-Forwarded-For: {CLIENT}"), peer=PROXY)).split()[1] == b"200"
    assert server.limits.requests._tokens(CLIENT) == 9
    server.snapshots.current.close()


async def test_without_a_limit_none_is_stated(definition: Definition, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(definition, monkeypatch, requests_per_s=0)
    assert await server.ask(request()) == await server.ask(request())
    assert b"ratelimit:" not in await server.ask(request())
    server.snapshots.current.close()


@pytest.mark.parametrize(
    "asked",
    [
        request("Content-Length: 0"),
        request("Content-Length: 3") + b"abc",
        request("Transfer-Encoding: chunked") + b"0\r\n\r\n",
        request("Connection: close"),
        request("Connection: upgrade", "Upgrade: h2c"),
        request("Expect: 100-continue"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request(method="POST"),
        request(method="OPTIONS"),
        request(address=CONTEST + "?x=1"),
        request(address="http://x" + CONTEST),
    ],
    ids=lambda asked: asked[:60].decode(),
)
async def test_what_needs_more_than_an_answer_takes_the_way_through_the_application(
    server: Server, asked: bytes
) -> None:
    await server.ask(request())
    expected = await server.ask(asked, from_memory=False)
    assert without_rest(await server.ask(asked)) == without_rest(expected)
    assert len(server.from_memory.remembered) == 0


async def test_a_client_that_does_not_read_waits_in_the_application(server: Server) -> None:
    await server.ask(request())
    protocol, transport = server.connect()
    transport.unread = 1_000_000
    protocol.data_received(request())
    assert server.state.tasks
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 OK")


async def test_a_later_request_of_a_silent_connection_is_not_idle(server: Server) -> None:
    await server.ask(request())
    protocol, transport = server.connect()
    for _ in range(2):  # read by the parser, and remembered
        protocol._waiting_since = -1e9
        protocol.data_received(request())
        protocol.look(protocol.loop.time())
        assert not transport.is_closed


def test_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch, definition: Definition) -> None:
    monkeypatch.setattr(from_memory_module, "ADDRESSES_MAX", 3)
    kept = SnapshotsInMemory(Limits(Settings()).requests)
    kept.know(b"/" + b"x" * 1_000, b"", (Kind.TOTAL, "x"))
    assert len(kept) == 0
    for number in range(5):
        kept.know(b"/a", b"", (Kind.TOTAL, "a"))
        kept.know(b"/b", b"n=%d" % number, (Kind.TOTAL, "b"))
    assert len(kept) == 3
    assert kept.answer(Asked(False, b"/a", ()), PEER) is None  # before a generation is served


def test_remembered_requests_are_bounded() -> None:
    remembered = RememberedRequests()
    asked = Asked(False, b"/", ())
    remembered.add(b"x" * 10_000, asked)
    remembered.add(b"many fields", Asked(False, b"/", ((b"if-match", b"*"),) * 9))
    assert len(remembered) == 0
    assert remembered.get(b"x" * 10_000) is None
    for number in range(2 * REMEMBERED_MAX):
        remembered.add(b"%d" % number, asked)
        assert remembered.get(b"0") is asked
    assert len(remembered) == REMEMBERED_MAX


async def test_an_answer_that_was_dropped_is_not_answered_from_memory(definition: Definition) -> None:
    kept = SnapshotsInMemory(Limits(Settings()).requests)
    clock = Clock()

    async def cut() -> ReadCut:
        return ReadCut({}, {})

    current = CurrentAnswers(cut, lambda _: b"", clock)
    kept.serve(current)
    kept.know(b"/a", b"", (Kind.TOTAL, "a"))
    current.newest.take(ReadCut({}, {}), clock.now)
    answered: MemoryAnswer | None = kept.answer(Asked(False, b"/a", ()), PEER)
    assert answered is None
    current.close()
