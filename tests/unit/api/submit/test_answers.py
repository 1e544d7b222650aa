"""What a gateway answers is what its schema describes, and carries its signature."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from api.problems import Problem
from api.submit.answers import AnswerSigner, as_duplicate, http_answer, too_much_at_once, with_warnings
from projections.station.findings import CORRECTS_NOTHING
from proofs.notes import check_signature, parse_note
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


def test_a_receipt_has_201_and_one_given_again_200(signer: AnswerSigner) -> None:
    receipt = signer.receipt("ab" * 32, 3, 7, b"{}", TIME, "gw")
    assert http_answer(receipt) == (201, b"content-type: application/json\r\n", receipt.to_json())
    assert http_answer(as_duplicate(receipt))[0] == 200
    status, lines, body = http_answer(too_much_at_once("Later."))
    assert (status, lines) == (429, b"content-type: application/problem+json\r\nretry-after: 2\r\n")
    assert orjson.loads(body)["detail"] == "Later."
