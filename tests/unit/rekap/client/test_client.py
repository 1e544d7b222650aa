"""The typed client at a server that answers anything: models, receipts, refusals, and the plain client around it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from rekap.client.belief import ElectionName
from rekap.client.client import Client, _batches
from rekap.client.errors import RefusedError
from rekap.client.plain import PlainClient
from rekap.client.sending import BATCH_BYTES, BATCH_LINES
from runtime.http_client import AwayError
from schemas.served.event_answers import EventPage
from schemas.served.examples import EXAMPLES
from schemas.served.snapshots import ElectionSnapshot
from tests.support.fake_gateway import FakeGateway, answer, in_a_thread
from tests.support.ledger import MemoryLedger, private_key
from tests.support.small_election import reported, small_package

LEDGER = MemoryLedger(small_package())
ENVELOPES = [LEDGER.signed("officer", reported(station)) for station in ("1.1.1-1", "1.1.1-2", "1.1.2-1")]
ELECTION, PAGE = EXAMPLES[ElectionSnapshot], EXAMPLES[EventPage]
KEY = private_key("gateway").public_key().public_bytes_raw()


def serving(made: bytes) -> Any:
    return in_a_thread(FakeGateway(respond=lambda *_: made))


def test_an_answer_is_a_model_and_fields_of_a_later_version_are_left_out() -> None:
    later = {
        **ELECTION,
        "of_a_later_version": 1,
        "levels": [{**level, "colour": "red"} for level in ELECTION["levels"]],
    }
    with serving(answer(200, later)) as gateway, PlainClient(gateway.url) as client:
        election = client.election()
    assert (election.root, election.levels[0].id) == (ELECTION["root"], ELECTION["levels"][0]["id"])
    assert not hasattr(election, "of_a_later_version")


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (answer(200, {"root": 1}), AwayError, "answers in another way than this version expects"),
        (answer(200, b"[1]"), AwayError, "not a"),
        (
            answer(404, {"status": 404, "detail": "There is no such area.", "field": "area"}),
            RefusedError,
            "no such area",
        ),
        (answer(404, {"detail": "from elsewhere"}), AwayError, "404"),
        (answer(503, b"", "text/plain", "Retry-After: 7"), AwayError, "come back later"),
        (answer(200, b"<html>Login</html>", "text/html"), AwayError, "a web page came"),
    ],
)
def test_what_is_not_that_answer_is_an_error_of_the_client(made: bytes, error: type[Exception], words: str) -> None:
    with serving(made) as gateway, PlainClient(gateway.url) as client, pytest.raises(error, match=words):
        client.election()


def test_a_receipt_counts_only_with_a_trusted_key() -> None:
    with in_a_thread(FakeGateway()) as gateway, PlainClient(gateway.url) as client:
        assert client.gateway() == (ElectionName("rehearsal", "small"), KEY)
        trusted = client.submit(ENVELOPES, [KEY])
        other = client.submit(ENVELOPES, [private_key("other").public_key().public_bytes_raw()])
    assert [(each.receipt is not None, each.refusal, each.why) for each in trusted] == [(True, None, "")] * 3
    assert [each.receipt for each in other] == [None] * 3
    assert all("signed by a key that is not pinned" in each.why for each in other)


def test_a_signed_refusal_is_final_and_another_answer_is_not() -> None:
    problem = {"title": "x", "status": 422, "detail": "Not here.", "field": "station"}
    for signed, expected in ((True, "Not here."), (False, None)):

        def respond(gateway: FakeGateway, path: str, body: bytes, signed: bool = signed) -> bytes:
            refused = gateway.signed_problem(problem, body) if signed else problem
            return answer(200, orjson.dumps({"line": 1, "status": 422, "problem": refused}), "application/x-ndjson")

        with in_a_thread(FakeGateway(respond=respond)) as gateway, PlainClient(gateway.url) as client:
            (found,) = client.submit(ENVELOPES[:1], [KEY])
        assert (found.refusal or {}).get("detail") == expected
        assert bool(found.why) is not signed


@pytest.mark.parametrize("envelope", [b"nonsense", b"{}", ENVELOPES[0].replace(b"payloadType", b"payloadKind")])
def test_what_is_not_an_envelope_is_not_sent(envelope: bytes) -> None:
    with in_a_thread(FakeGateway()) as gateway, PlainClient(gateway.url) as client:
        with pytest.raises(ValueError, match="not an envelope"):
            client.submit([envelope], [KEY])
        assert gateway.requests == []


def test_batches_keep_both_limits_and_the_order() -> None:
    for envelopes in ([b"x" * 1000] * 3_000, [b"x"] * (2 * BATCH_LINES + 1), [b"x" * BATCH_BYTES] * 3, []):
        batches = _batches(envelopes)
        assert [each for batch in batches for each in batch] == envelopes
        assert all(len(batch) <= BATCH_LINES for batch in batches)
        assert all(len(batch) == 1 or sum(len(each) + 1 for each in batch) <= BATCH_BYTES for batch in batches)


def test_a_list_that_never_ends_is_left() -> None:
    page = {**PAGE, "events": [], "next": "more"}
    with serving(answer(200, page)) as gateway, PlainClient(gateway.url) as client:
        assert client.events(5) == []
        assert len(gateway.requests) == 5


async def test_the_plain_client_works_where_a_loop_is_running() -> None:
    with serving(answer(200, ELECTION)) as gateway:

        def ask() -> str:
            with PlainClient(gateway.url) as client:
                return client.election().root

        assert ask() == ELECTION["root"]  # on this loop's own thread
        async with Client(gateway.url) as client:
            assert (await client.election()).root == ELECTION["root"]
