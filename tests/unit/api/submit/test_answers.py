"""What a gateway answers is what its schema describes, and carries its signature."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from api.problems import Problem
from api.submit.answers import (
    Answer,
    AnswerSigner,
    as_duplicate,
    busy,
    count_answer,
    http_answer,
    too_large,
    too_much_at_once,
    with_warnings,
)
from projections.fold.sequences import NOT_THE_ONE_BEFORE
from projections.station.findings import CORRECTS_NOTHING, VERSION_MISSING
from proofs.notes import check_signature, parse_note
from runtime import metrics
from runtime.settings import Settings
from schemas.ledger.envelope import Receipt
from tests.support.small_election import small_package

TIME = "2029-02-14T13:00:00.123Z"


@pytest.fixture
def signer(tmp_path: Path) -> AnswerSigner:
    return AnswerSigner(Settings(gateway_key=tmp_path / "key.pem"), small_package().election)


def test_a_receipt_is_written_as_its_schema_describes_it(signer: AnswerSigner) -> None:
    receipt = signer.receipt("ab" * 32, 3, 2**40, b"{}", TIME, "gw-\u00e9")
    for each in (receipt, as_duplicate(receipt), with_warnings(as_duplicate(receipt), [CORRECTS_NOTHING])):
        written = each.to_json()
        assert written == Receipt.model_validate_json(written).model_dump_json(exclude_none=True).encode()
    assert with_warnings(receipt, []) is receipt


def test_receipts_and_final_refusals_are_signed(signer: AnswerSigner) -> None:
    receipt = signer.receipt("ab" * 32, 3, 7, b"{}", TIME, "gw")
    refused = signer.with_signature(b"body", Problem(422, "No", "No."))
    assert isinstance(refused, Problem)
    for note in (receipt.signed, refused.body["signed"]):
        parsed = parse_note(note.encode())
        check_signature(parsed.text, parsed.signatures[0], signer.verifier_key)
    later = too_much_at_once("Later.")
    assert signer.with_signature(b"body", later) is later
    assert signer.with_signature(b"body", receipt) is receipt


def test_a_receipt_has_201_and_one_given_again_200(signer: AnswerSigner) -> None:
    receipt = signer.receipt("ab" * 32, 3, 7, b"{}", TIME, "gw")
    assert http_answer(receipt) == (201, b"content-type: application/json\r\n", receipt.to_json())
    assert http_answer(as_duplicate(receipt))[0] == 200
    status, lines, body = http_answer(too_much_at_once("Later."))
    assert (status, lines) == (429, b"content-type: application/problem+json\r\nretry-after: 2\r\n")
    assert orjson.loads(body)["detail"] == "Later."


def test_a_warning_names_the_field_of_its_rule(signer: AnswerSigner) -> None:
    receipt = signer.receipt("ab" * 32, 3, 7, b"{}", TIME, "gw")
    warned = with_warnings(receipt, [NOT_THE_ONE_BEFORE, VERSION_MISSING, CORRECTS_NOTHING])
    warnings = orjson.loads(warned.to_json())["warnings"]
    assert [(each["rule"], each["field"]) for each in warnings] == [
        ("Q2", "prev"),
        ("V5", "version"),
        ("V6", "supersedes"),
    ]
    assert warnings[1] == {
        "rule": "V5",
        "field": "version",
        "detail": "The version before this one is not in the ledger.",
        "detail_id": "Versi sebelumnya tidak ada dalam buku besar.",
    }


def test_a_refusal_states_what_is_too_much_and_when_to_come_back() -> None:
    large, away, many = too_large(70_000, 61_440), busy("Later."), too_much_at_once("Fewer.")
    assert (large.status, large.body["detail"], large.body["field"], large.headers) == (
        413,
        "The body has 70000 bytes; the limit is 61440.",
        "",
        {},
    )
    assert (away.status, away.body["detail"], away.headers) == (503, "Later.", {"Retry-After": "2"})
    assert (many.status, many.body["detail"], many.headers) == (429, "Fewer.", {"Retry-After": "2"})


def test_answers_are_counted_by_status_and_refusals_by_rule(signer: AnswerSigner) -> None:
    receipt = signer.receipt("ab" * 32, 3, 7, b"{}", TIME, "gw")
    answers: list[Answer] = [receipt, as_duplicate(receipt), Problem(422, "No", "No.", rule="K4"), busy("Later.")]

    def counted() -> list[float]:
        by_status = [("rekap_gateway_answers_total", {"status": status}) for status in ("201", "200", "422", "503")]
        samples = [*by_status, ("rekap_gateway_refused_total", {"rule": "K4"})]
        return [metrics.GATEWAY.get_sample_value(name, labels) or 0 for name, labels in samples]

    before = counted()
    for answer in answers:
        count_answer(answer)
    assert [now - was for now, was in zip(counted(), before, strict=True)] == [1] * 5
    assert metrics.GATEWAY.get_sample_value("rekap_gateway_refused_total", {"rule": "None"}) is None
