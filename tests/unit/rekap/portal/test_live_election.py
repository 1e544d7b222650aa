"""A live election of a portal: odd, large and slow answers make it away with the reason, and never stop the portal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from projections.definition.compiled import Definition
from rekap.portal import live_election
from rekap.portal.configuration import ElectionEntry
from rekap.portal.election_state import PortalElection, State
from rekap.portal.live_election import LiveElection
from runtime.package.writing import pack, write_package
from tests.support.small_election import small_package

ANSWER = {
    "election": "small", "title": {"en": "Small"}, "date": "2029-02-14", "mode": "rehearsal", "definition": "a" * 64,
    "licence": "CC0-1.0", "as_of": {},
}  # fmt: skip
Handler = Callable[[httpx.Request], httpx.Response]


async def _looked(state: Path, *handlers: Handler) -> PortalElection:
    """The election after one look at each of these servers."""
    election = PortalElection(ElectionEntry("small", None, "http://count.example"))
    with closing(LiveElection(election, state, asyncio.Lock())) as live:
        for handler in handlers:
            async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
                await live.look(client)
    return election


def _response(status: int, content: bytes) -> httpx.Response:
    """An answer that comes as a stream, as from a server."""
    return httpx.Response(status, stream=httpx.ByteStream(content))


def _answering(answer: Any, status: int = 200) -> Handler:
    def handle(request: httpx.Request) -> httpx.Response:
        is_package = request.url.path.endswith("package.zip")
        return _response(404 if is_package else status, orjson.dumps(answer))

    return handle


async def test_an_election_that_answers_is_served_with_its_facts(tmp_path: Path) -> None:
    election = await _looked(tmp_path, _answering(ANSWER))
    assert (election.state, election.problem) == (State.SERVED, None)
    shown = election.shown()
    assert (shown["title"], shown["is_test"], shown["url"]) == ({"en": "Small"}, True, "http://count.example")


@pytest.mark.parametrize(
    ("answer", "status", "sentence"),
    [
        (ANSWER, 404, "is not an election's (status 404)"),
        ({**ANSWER, "title": "Small"}, 200, "is not an election's"),
        ({**ANSWER, "title": {"en": ["Small"]}}, 200, "is not an election's"),
        ({**ANSWER, "definition": "../../etc"}, 200, "is not an election's"),
        ([], 200, "is not an election's"),
        ({"election": "small"}, 200, "is not an election's"),
        ({**ANSWER, "election": "another"}, 200, "counts the election 'another'"),
        ({**ANSWER, "more": "x" * 2_000_000}, 200, "the answer has more than 1,048,576 bytes"),
        (ANSWER, 503, "it asks to come back later (503)"),
    ],
)
async def test_an_answer_that_cannot_be_used_makes_it_away(
    tmp_path: Path, answer: Any, status: int, sentence: str
) -> None:
    election = await _looked(tmp_path, _answering(answer, status))
    assert election.state is State.AWAY
    assert sentence in str(election.problem)


async def test_what_is_known_stays_while_it_is_away_and_since_is_when_that_began(tmp_path: Path) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    election = await _looked(tmp_path, _answering(ANSWER), away)
    since = election.since
    assert (election.state, election.shown()["title"]) == (State.AWAY, {"en": "Small"})
    election.is_away("still")
    assert election.since == since
    election.is_served()
    assert election.since > since


async def test_a_server_that_never_ends_its_answer_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_election, "ANSWER_SECONDS_MAX", 0.05)

    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    election = PortalElection(ElectionEntry("small", None, "http://count.example"))
    async with httpx.AsyncClient(transport=httpx.MockTransport(slow)) as client:
        await LiveElection(election, tmp_path, asyncio.Lock()).look(client)
    assert "no whole answer within" in str(election.problem)


async def test_names_come_from_the_package_once_and_a_wrong_package_leaves_it_served(tmp_path: Path) -> None:
    package = small_package()
    write_package(package, tmp_path / "package")
    asked: list[str] = []
    files = {
        "/v1/election": orjson.dumps({**ANSWER, "definition": Definition.of(package).hash}),
        "/v1/package.zip": b"no zip",
    }

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return _response(200, files[request.url.path])

    election = PortalElection(ElectionEntry("small", None, "http://count.example"))
    with closing(LiveElection(election, tmp_path / "state", asyncio.Lock())) as live:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            await live.look(client)
            assert (election.state, election.find_names) == (State.SERVED, None)
            files["/v1/package.zip"] = pack(tmp_path / "package")
            await live.look(client)  # too early for another question
            assert asked.count("/v1/package.zip") == 1
            live._not_before = 0.0
            await live.look(client)
            await live.look(client)
        assert asked.count("/v1/package.zip") == 2
        assert election.find_names is not None
        assert [each.id for each in await election.find_names(["nation"], "area", 0, 9)] == ["N"]
