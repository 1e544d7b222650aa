"""The bounds of a proof file, and what a later version may add to one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.served.proof_file import FORMAT, HASHES_MAX, RECORDS_MAX, ProofFile

HASH = "A" * 43 + "="
RECORD = {
    "log": "rekap/live/small/0",
    "offset": 0,
    "event": "0" * 64,
    "entry": "AAAA",
    "proof": [HASH],
    "checkpoint": "text",
}


def file(records: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "subject": "1.1.1-1",
        "package": {"definition": "0" * 64, "url": "https://count.example/v1/package.zip"},
        "log_keys": ["a key"],
        "records": [RECORD] if records is None else records,
        **fields,
    }


@pytest.mark.parametrize(
    "given",
    [
        file(),
        file([RECORD] * RECORDS_MAX),
        file([{**RECORD, "proof": [HASH] * HASHES_MAX, "event": None, "offset": 2**53}]),
        file([{**RECORD, "entry": "A" * 87_384, "checkpoint": "x" * 64 * 1024, "proof": []}]),
        file(of_a_later_version=1),
        file([{**RECORD, "of_a_later_version": 1}]),
    ],
)
def test_a_file_within_its_bounds_is_read_and_unknown_fields_are_left_out(given: dict[str, Any]) -> None:
    read = ProofFile.model_validate(given)
    assert len(read.records) == len(given["records"])
    assert not hasattr(read, "of_a_later_version")


@pytest.mark.parametrize(
    "given",
    [
        file(format="rekap-proof/v2"),
        file([]),
        file([RECORD] * (RECORDS_MAX + 1)),
        file([{**RECORD, "proof": [HASH] * (HASHES_MAX + 1)}]),
        file([{**RECORD, "proof": [HASH + "="]}]),
        file([{**RECORD, "entry": "A" * 87_385}]),
        file([{**RECORD, "checkpoint": "x" * (64 * 1024 + 1)}]),
        file([{**RECORD, "offset": 2**53 + 1}]),
        file([{**RECORD, "offset": True}]),
        file([{**RECORD, "event": "0" * 63}]),
        file(log_keys=["k"] * 257),
        file(subject="not a code"),
        file(package={"definition": "x", "url": ""}),
    ],
)
def test_a_file_beyond_a_bound_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProofFile.model_validate(given)
