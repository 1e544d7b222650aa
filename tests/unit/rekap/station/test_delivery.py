"""rekap/station/delivery.py and rekap/client/belief.py: a form is delivered when the gateway has signed that, and stays in the
outbox otherwise, whatever answers."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

import rekap.client.sending
import rekap.station.delivery
import rekap.station.outbox
from projections.definition.compiled import Definition
from rekap.client.belief import ElectionName
from rekap.station.delivery import Delivery, Outcome
from rekap.station.errors import OutboxError
from rekap.station.outbox import DELIVERED, REFUSED, WAITING, Outbox, opened_outbox
from runtime.http_client import client_for
from tests.support.fake_gateway import FakeGateway, answer, listening
from tests.support.ledger import private_key
from tests.support.small_election import reported, small_package

DEFINITION = Definition.of(small_package())
ELECTION = ElectionName("rehearsal", "small")
STATIONS = ("1.1.1-1", "1.1.1-2", "1.1.2-1")


@pytest.fixture
def outbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    """With three forms, none of them sent."""
    monkeypatch.setattr(rekap.station.delivery, "ATTEMPTS", 1)
    monkeypatch.setattr(rekap.client.sending, "ANSWER_SECONDS_MAX", 1.0)
    monkeypatch.setattr(rekap.station.delivery, "KEY_SECONDS_MAX", 1.0)
    outbox = Outbox(tmp_path / "outbox.sqlite")
    with outbox.all_or_nothing():
        for station in STATIONS:
            outbox.sign(reported(station), private_key("officer"), DEFINITION)
    yield outbox
    outbox.close()


def deliver(outbox: Outbox, gateway: FakeGateway, lines: list[str] | None = None) -> Outcome:
    async def go() -> Outcome:
        async with listening(gateway), client_for(gateway.url, seconds_max=5) as client:
            report = (lines if lines is not None else []).append
            return await Delivery(outbox, client, gateway.url, report=report, advance=lambda _: None).run(
                keep_trying=False
            )

    return asyncio.run(go())


def states(outbox: Outbox) -> list[str]:
    return [form.state for form in outbox.all()]


def test_a_signed_receipt_delivers_and_its_key_is_pinned_at_the_first_use(outbox: Outbox) -> None:
    lines: list[str] = []
    gateway = FakeGateway()
    assert deliver(outbox, gateway, lines) == Outcome(delivered=3)
    assert states(outbox) == [DELIVERED] * 3
    assert outbox.pinned_keys.of(ELECTION) == [gateway.key.public_key().public_bytes_raw()]
    assert gateway.verifier_key in lines[0]
    assert len(gateway.ledger) == 3


def test_a_signed_refusal_ends_a_form_and_only_that(outbox: Outbox) -> None:
    refused = next(iter(outbox.all())).envelope
    problem = {"type": "about:blank", "title": "x", "status": 422, "detail": "Station unknown.", "field": "station"}
    gateway = FakeGateway(refuses=lambda envelope: problem if envelope == refused else None)
    lines: list[str] = []
    assert deliver(outbox, gateway, lines) == Outcome(delivered=2, refused=1)
    assert states(outbox) == [REFUSED, DELIVERED, DELIVERED]
    assert lines[-1].endswith("refused (422) station: Station unknown.")


def batch(make: Any) -> Any:
    """Answers /v1/gateway honestly, and a batch line by line with what `make` gives for its number and envelope."""

    def respond(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        if path.endswith("/v1/gateway"):
            return gateway.honest(path, body)
        lines = [make(gateway, number, each) for number, each in enumerate(body.split(b"\n"), start=1)]
        return answer(200, b"".join(orjson.dumps(each) + b"\n" for each in lines), "application/x-ndjson")

    return respond


def always(made: bytes) -> Any:
    return lambda gateway, path, body: gateway.honest(path, body) if path.endswith("/v1/gateway") else made


def receipt(**changes: Any) -> Any:
    return batch(
        lambda gateway, number, envelope: {
            "line": number,
            "status": 201,
            "receipt": {**gateway.receipt(envelope), **changes},
        }
    )


def _of_another_event(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    with_another_event = json.loads(envelope)
    with_another_event["payload"] = "eyJhIjoxfQ=="
    return {"line": number, "status": 201, "receipt": gateway.receipt(orjson.dumps(with_another_event))}


def _signed_by_another(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    return {"line": number, "status": 201, "receipt": FakeGateway(key=private_key("stranger")).receipt(envelope)}


def _of_another_election(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    return {"line": number, "status": 201, "receipt": FakeGateway(election="other").receipt(envelope)}


def _refused_for_other_bytes(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    problem = {"title": "x", "status": 422, "detail": "no"}
    return {"line": number, "status": 422, "problem": gateway.signed_problem(problem, envelope + b" ")}


def _refused_in_other_words(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    problem = gateway.signed_problem({"title": "x", "status": 422, "detail": "no"}, envelope)
    return {"line": number, "status": 422, "problem": {**problem, "detail": "something else"}}


def _unsigned(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    return {"line": number, "status": 403, "problem": {"status": 403, "title": "x", "detail": "Not allowed."}}


def _signed_but_temporary(gateway: FakeGateway, number: int, envelope: bytes) -> dict[str, Any]:
    problem = gateway.signed_problem({"title": "x", "status": 503, "detail": "later"}, envelope)
    return {"line": number, "status": 503, "problem": problem}


def _page(gateway: FakeGateway, path: str, body: bytes) -> bytes:
    return answer(200, b"<html><title>Free WiFi</title>", "text/html")


async def _drip(gateway: FakeGateway, path: str, body: bytes) -> bytes:
    await asyncio.sleep(30)
    return b""


@pytest.mark.parametrize(
    ("respond", "sentence"),
    [
        (receipt(offset=7), "are not the same"),
        (receipt(signed=None), "the receipt is not signed"),
        (receipt(signed="rekap receipt v1\n"), "has a signature that is not a note"),
        (receipt(extra=1), "without the fields of one"),
        (batch(_of_another_event), "of another event"),
        (batch(_signed_by_another), "another key than this outbox believes"),
        (batch(_of_another_election), "are not the same"),
        (batch(_refused_for_other_bytes), "are not the same"),
        (batch(_refused_in_other_words), "are not the same"),
        (batch(_unsigned), "is not signed"),
        (batch(_signed_but_temporary), "status 503: later"),
        (batch(lambda _, n, __: {"line": n, "status": 201, "receipt": {}}), "without the fields of one"),
        (batch(lambda _, n, __: {"line": n, "status": 201}), "not a gateway's"),
        (batch(lambda _, n, __: {"line": n, "status": 422, "receipt": {"a": 1}, "problem": 1}), "not a gateway's"),
        (batch(lambda _, n, __: {"line": n, "status": 429, "receipt": [1], "problem": "later"}), "not a gateway's"),
        (batch(lambda _, n, __: {"line": n, "status": 201, "receipt": {}, "problem": {}}), "not a gateway's"),
        (always(answer(200, b"<html><title>Free WiFi</title>", "text/html")), "a web page came"),
        (always(answer(200, b"<title>Login</title>" + b"x" * 10_000_000, "text/html")), "more than"),
        (always(answer(302, b"", "text/html", "Location: http://login.example/?a=\x1b[31m")), "HTTP"),
        (always(answer(302, b"", "text/html", "Location: http://login.example/")), "leads to http://login.example/"),
        (always(answer(403, {"detail": "no", "status": 403})), "status 403"),
        (always(answer(422, {"status": 422, "title": "x", "detail": "Not JSON"}, "application/problem+json")), "422"),
        (always(answer(200, gzip.compress(b"x" * 10**8), "text/plain", "Content-Encoding: gzip")), "packed"),
        (always(answer(429, b"", "text/plain", "Retry-After: 1000000000")), "come back later"),
        (always(answer(503, b"", "text/plain", "Retry-After: soon")), "come back later"),
        (always(answer(404, b"nothing")), "no gateway at this address"),
        (always(b"SSH-2.0-OpenSSH_9.6\r\n"), "no whole answer"),
        (always(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000_000), "not HTTP"),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), "no whole answer"),
        (always(b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000), "no whole answer"),
        (lambda gateway, path, body: _drip(gateway, path, body), "no whole answer within"),
        (_page, "titled 'Free WiFi'"),
    ],
)
def test_any_other_answer_leaves_the_forms_waiting_and_is_named(outbox: Outbox, respond: Any, sentence: str) -> None:
    outcome = deliver(outbox, FakeGateway(respond=respond))
    assert states(outbox) == [WAITING] * 3
    assert sentence in outcome.why
    assert outcome.why.isprintable()
    assert deliver(outbox, FakeGateway()).delivered == 3, "and the line that is back delivers them"


def test_a_leaf_that_is_not_of_the_record_with_this_envelope_is_not_believed(outbox: Outbox) -> None:
    class OtherLeaf(FakeGateway):
        def receipt(self, envelope: bytes) -> dict[str, Any]:
            return super().receipt(json.dumps(json.loads(envelope)).encode())

    assert "is not that of the record" in deliver(outbox, OtherLeaf()).why
    assert states(outbox) == [WAITING] * 3


def test_a_changed_key_is_an_error_that_names_how_to_accept_it(outbox: Outbox) -> None:
    changed = FakeGateway(key=private_key("another"))
    outbox.pinned_keys.pin(ELECTION, private_key("gateway").public_key().public_bytes_raw(), "test")
    assert f"rekap submit --gateway-key {changed.verifier_key}" in deliver(outbox, changed).why
    assert states(outbox) == [WAITING] * 3
    outbox.pinned_keys.pin(ELECTION, private_key("another").public_key().public_bytes_raw(), "test")
    assert deliver(outbox, changed).delivered == 3


def test_a_batch_that_is_too_large_is_halved_down_to_the_form_that_is(outbox: Outbox) -> None:
    limit = max(len(form.envelope) for form in outbox.all())

    def small_body(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        too_large = len(body) > limit
        return answer(413, b"<html>", "text/html") if too_large else gateway.honest(path, body)

    assert deliver(outbox, FakeGateway(respond=small_body)).delivered == 3


def test_a_single_form_that_is_too_large_is_reported_and_holds_up_no_other(outbox: Outbox) -> None:
    first = next(iter(outbox.all()))

    def without_the_first(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        too_large = first.envelope in body
        return answer(413, b"<html>", "text/html") if too_large else gateway.honest(path, body)

    outcome = deliver(outbox, FakeGateway(respond=without_the_first))
    assert states(outbox) == [WAITING, DELIVERED, DELIVERED]
    assert f"takes no form of {len(first.envelope) + 1:,} bytes" in outcome.why


def test_a_form_that_the_way_does_not_let_through_holds_up_no_other(outbox: Outbox) -> None:
    second = list(outbox.all())[1]

    def filtered(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        blocked = second.envelope in body
        return answer(403, b"<html><title>Blocked</title>", "text/html") if blocked else gateway.honest(path, body)

    deliver(outbox, FakeGateway(respond=filtered))
    assert states(outbox) == [DELIVERED, WAITING, DELIVERED]


def test_forms_of_an_election_whose_gateway_is_not_there_hold_up_no_other(outbox: Outbox) -> None:
    small = Definition.of(small_package())
    other = replace(small, election=small.election.model_copy(update={"id": "other"}))
    with outbox.all_or_nothing():
        outbox.sign(reported("1.2.1-1"), private_key("officer-1"), other)
    outcome = deliver(outbox, FakeGateway())
    assert states(outbox) == [DELIVERED] * 3 + [WAITING]
    assert "is a gateway of small (rehearsal), and forms of other (rehearsal) wait" in outcome.why


def test_a_captive_portal_is_asked_a_bounded_number_of_times(outbox: Outbox) -> None:
    with outbox.all_or_nothing():
        for version in range(2, 300):
            outbox.sign(reported("1.1.1-1", version=version), private_key("officer"), DEFINITION)
    gateway = FakeGateway(respond=always(answer(413, b"<html>", "text/html")))
    deliver(outbox, gateway)
    assert len(gateway.requests) < 20
    assert set(states(outbox)) == {WAITING}


def test_a_slow_line_gets_smaller_batches(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekap.station.delivery, "ATTEMPTS", 4)
    monkeypatch.setattr(rekap.client.sending, "ANSWER_SECONDS_MAX", 0.3)

    async def slow(gateway: FakeGateway, path: str, body: bytes) -> bytes:
        if body.count(b"\n") >= 1:
            await asyncio.sleep(1)
        return gateway.honest(path, body)

    assert deliver(outbox, FakeGateway(respond=slow)).delivered == 3


def test_many_may_make_an_outbox_at_once(tmp_path: Path) -> None:
    def opens(_: int) -> int:
        with opened_outbox(tmp_path / "outbox.sqlite") as outbox:
            return outbox.count()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opens, range(40))) == [0] * 40


def test_an_outbox_whose_making_was_cut_off_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekap.station.outbox, "_TABLES", rekap.station.outbox._TABLES + "NOT SQL;")
    with pytest.raises(OutboxError):
        Outbox(tmp_path / "outbox.sqlite")
    monkeypatch.undo()
    with opened_outbox(tmp_path / "outbox.sqlite") as outbox:
        assert outbox.count() == 0
