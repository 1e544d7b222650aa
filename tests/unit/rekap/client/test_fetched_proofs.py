"""A proof file from a server that serves a ledger, or something else in the place of one answer."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import orjson
import pytest

import rekap.client.proof_files as proof_files
from rekap.client.client import Client
from rekap.client.errors import NotProvedError, ProofFileError, RefusedError
from rekap.client.proof_check import check
from runtime.http_client import AwayError
from schemas.served.proof_file import ProofFile
from tests.support.fake_gateway import FakeGateway, answer, listening
from tests.support.ledger import MemoryLedger
from tests.support.proof_files import log_key, proof_file
from tests.support.small_election import reported, small_package

STATION = "1.1.1-1"
LEDGER = MemoryLedger(small_package())
PARTITION, _ = LEDGER.append_as("officer", reported(STATION))
LEDGER.append_as("officer", reported(STATION, version=2))
WHOLE = proof_file(LEDGER, PARTITION, [1, 2])
KEY = log_key(LEDGER, PARTITION)
WRONG = base64.b64encode(bytes(32)).decode()
NOT_YET = answer(404, {"status": 404, "detail": "not in this log yet"})


def served(path: str) -> bytes:
    """What an honest server answers."""
    if path.endswith("/entry"):
        return answer(200, LEDGER.partitions[PARTITION][int(path.split("/")[-2])], "application/octet-stream")
    if "/v1/proof/" in path:
        record = WHOLE.records[int(path.rpartition("/")[2]) - 1]
        return answer(200, {"proof": record.proof, "checkpoint": record.checkpoint})
    lines = [{"partition": PARTITION, "offset": offset} for offset in (1, 2)]
    answers: dict[str, Any] = {
        "/v1/election": {"definition": LEDGER.definition.hash},
        f"/v1/stations/{STATION}": {"station": STATION},
        "/v1/events": {"events": lines, "next": None},
        f"/v1/submissions/{WHOLE.records[0].event}": {"records": lines[:1]},
    }
    if path.startswith("/log/"):
        return answer(200, f"{KEY}\nanother line\n".encode(), "text/plain")
    found = answers.get(path.partition("?")[0])
    return answer(404, {"status": 404, "detail": "There is no such thing."}) if found is None else answer(200, found)


async def fetched(subject: str = STATION, instead: Callable[[str], bytes | None] = lambda path: None) -> ProofFile:
    """The file from a server that answers `instead`, where that has an answer."""
    gateway = FakeGateway(respond=lambda _, path, __: instead(path) or served(path))
    async with listening(gateway), Client(gateway.url) as client:
        return await client.proof(subject)


async def test_a_station_and_an_event_are_proved_by_what_the_server_has() -> None:
    whole = await fetched()
    assert [record.offset for record in whole.records] == [1, 2]
    assert [proved.body["version"] for proved in check(whole, [KEY])] == [1, 2]
    (record,) = (await fetched(str(WHOLE.records[0].event))).records
    assert record == whole.records[0]


async def test_a_record_that_is_not_published_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_files, "_POLL_SECONDS", 0.01)
    asked: list[str] = []

    def late(path: str) -> bytes | None:
        asked.append(path)
        return NOT_YET if sum("/v1/proof/" in each for each in asked) < 4 and "/v1/proof/" in path else None

    assert len((await fetched(instead=late)).records) == 2
    monkeypatch.setattr(proof_files, "PUBLISHED_SECONDS_MAX", 0.05)
    with pytest.raises(RefusedError, match="not in this log yet"):
        await fetched(instead=lambda path: NOT_YET if "/v1/proof/" in path else None)


@pytest.mark.parametrize(
    ("begins", "made", "error", "words"),
    [
        (
            "/v1/proof/",
            {"proof": [base64.b64encode(bytes(32)).decode()], "checkpoint": WHOLE.records[0].checkpoint},
            NotProvedError,
            "",
        ),
        ("/v1/proof/", {"checkpoint": 7, "proof": []}, AwayError, "not as a Rekap server"),
        ("/v1/proof/", {"proof": []}, AwayError, "not as a Rekap server"),
        ("/v1/events?", {"events": [{"partition": 0}], "next": None}, AwayError, "not as a Rekap server"),
        ("/v1/events?", {"events": [], "next": None}, ProofFileError, "has no event about station"),
        ("/v1/election", {}, AwayError, "not as a Rekap server"),
        ("/log/", b"\xff", AwayError, "not as a Rekap server"),
        ("/log/", b"not a key\n", AwayError, "not as a Rekap server"),
    ],
)
async def test_what_does_not_prove_anything_is_no_file(
    begins: str, made: dict[str, Any] | bytes, error: type[Exception], words: str
) -> None:
    content = made if isinstance(made, bytes) else orjson.dumps(made)
    with pytest.raises(error) as raised:
        await fetched(instead=lambda path: answer(200, content) if path.startswith(begins) else None)
    assert words in str(raised.value)


async def test_a_station_that_is_not_there_is_the_servers_refusal() -> None:
    with pytest.raises(RefusedError, match="no such thing"):
        await fetched("9.9.9-9")


async def test_a_list_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_files, "PAGES_MAX", 3)
    endless = answer(200, {"events": [], "next": "more"})
    with pytest.raises(ProofFileError, match="no event about"):
        await fetched(instead=lambda path: endless if path.startswith("/v1/events?") else None)
    monkeypatch.setattr(proof_files, "RECORDS_MAX", 1)
    with pytest.raises(ProofFileError, match="has more than 1 events; name one event instead"):
        await fetched()
