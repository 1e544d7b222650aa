"""The process that checks signatures: questions on its input, a byte for each check on its output."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest

from consumers.tabulator.signature_process import Check, answer, question, serve
from proofs.signatures import PAYLOAD_TYPE, pre_authentication_encoding
from tests.support.ledger import private_key


def _check(payload: bytes, signed: bytes | None = None) -> Check:
    """A check of a signature of `signed`, which is the payload itself unless it is given."""
    key = private_key("officer")
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload if signed is None else signed))
    return Check(key.public_key().public_bytes_raw(), signature, payload)


class Raw(io.RawIOBase):
    """A pipe: it has what left the buffer."""

    def __init__(self, sent: io.BytesIO) -> None:
        self._sent = sent

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._sent.write(data)


HOLDS, DOES_NOT = _check(b"a form"), _check(b"another form", signed=b"a form")


def test_a_question_has_the_number_of_checks_and_of_bytes_and_then_each_check() -> None:
    assert question([]) == struct.pack("<II", 0, 0)
    assert question([HOLDS, Check(b"k" * 32, b"s" * 64, b"")]) == b"".join(
        (
            struct.pack("<II", 2, 100 + 6 + 100),
            HOLDS.public_key,
            HOLDS.signature,
            struct.pack("<I", 6),
            b"a form",
            b"k" * 32,
            b"s" * 64,
            struct.pack("<I", 0),
        )
    )


def test_the_answer_has_a_byte_for_each_check() -> None:
    assert answer([]) == b""
    assert answer([HOLDS, DOES_NOT, _check(b"")]) == b"\x01\x00\x01"


def test_questions_are_answered_in_order_until_there_are_no_more() -> None:
    sent = io.BytesIO()
    buffered = io.BufferedWriter(Raw(sent))
    serve(io.BytesIO(question([DOES_NOT, HOLDS]) + question([]) + question([HOLDS])), buffered)
    assert sent.getvalue() == b"\x00\x01\x01", "the tabulator waits for them, so they do not wait in a buffer"


@pytest.mark.parametrize("missing", [1, 100, len(question([HOLDS])) - 8, len(question([HOLDS])) - 1])
def test_a_question_of_which_bytes_are_missing_is_not_answered(missing: int) -> None:
    """The tabulator has ended while it wrote the question."""
    answers = io.BytesIO()
    serve(io.BytesIO(question([HOLDS]) + question([HOLDS])[:-missing]), answers)
    assert answers.getvalue() == b"\x01"
