"""Proof files of a ledger in memory, as `rekap proof` would write them."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from proofs.merkle import inclusion_proof
from proofs.notes import COSIGNATURE, ED25519, Checkpoint, Note, VerifierKey, cosign, sign
from schemas.ledger.envelope import MalformedRecordError, open_record
from schemas.served.logs import origin_of
from schemas.served.proof_file import FORMAT, ProofFile
from tests.support.ledger import MemoryLedger, private_key
from tests.unit.proofs.test_merkle import Naive, naive_root

WITNESS = VerifierKey("witness-1", COSIGNATURE, private_key("witness").public_key().public_bytes_raw())
COSIGNED_AT = 1_866_000_000


def log_key(ledger: MemoryLedger, partition: int, name: str = "log") -> VerifierKey:
    origin = origin_of(ledger.definition.election, partition)
    return VerifierKey(origin, ED25519, private_key(name).public_key().public_bytes_raw())


def proof_file(ledger: MemoryLedger, partition: int, offsets: Sequence[int]) -> ProofFile:
    """The file that proves these records of a partition, cosigned by WITNESS."""
    entries = ledger.partitions[partition]
    origin = origin_of(ledger.definition.election, partition)
    text = Checkpoint(origin, len(entries), naive_root(entries)).text
    signatures = (
        sign(text, origin, private_key("log")),
        cosign(text, "witness-1", private_key("witness"), COSIGNED_AT),
    )
    hashes = Naive(entries)
    return ProofFile.model_validate(
        {
            "format": FORMAT,
            "subject": "1.1.1-1",
            "package": {"definition": ledger.definition.hash, "url": "https://count.example/v1/package.zip"},
            "log_keys": [str(log_key(ledger, partition))],
            "records": [
                {
                    "log": origin,
                    "offset": offset,
                    "event": _event(entries[offset]),
                    "entry": _base64(entries[offset]),
                    "proof": [_base64(each) for each in inclusion_proof(offset, len(entries), hashes)],
                    "checkpoint": Note(text, signatures).to_text(),
                }
                for offset in offsets
            ],
        }
    )


def _event(entry: bytes) -> str | None:
    try:
        return open_record(entry).event_id.hex()
    except MalformedRecordError:
        return None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
