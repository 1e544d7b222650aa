"""A ledger record opened: its bytes taken apart, its event read, its signature checked.

All of this is done in other threads or processes, ahead of the fold, which decides what follows from it (tabulation.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proofs.merkle import leaf_hash
from proofs.signatures import verify
from schemas.canonical import canonical_event, form_digest
from schemas.findings import shortened
from schemas.ledger.envelope import MalformedRecordError, open_record
from schemas.ledger.events import LEDGER_EVENT, ResultReported
from schemas.ledger.reports import LedgerEvent, report_from, report_of


class Record(NamedTuple):
    """A ledger record, opened. `event` is None where it could not be read, and `problem` is the reason."""

    offset: int
    event_id: bytes
    payload: bytes
    key_id: str
    signature: bytes
    event: LedgerEvent | None
    problem: str
    leaf: bytes
    """RFC 6962 leaf hash of the record's bytes."""
    received_us: int
    """Microseconds since 1970, as the gateway wrote them; 0 where it wrote no time. Published; decides nothing."""
    form_digest: bytes
    """Digest of a form, schemas/canonical.py; empty where the event has none."""


def read_record(offset: int, value: bytes) -> Record:
    """Open a ledger record's bytes and read the event. Never raises, whatever the bytes are: an unreadable record has a
    `problem`, which the fold publishes (invariant 6)."""
    leaf = leaf_hash(value)
    try:
        payload, event_id, signatures, received_us = open_record(value)
    except MalformedRecordError as error:
        return Record(offset, hashlib.sha256(value).digest(), b"", "", b"", None, shortened(str(error)), leaf, 0, b"")
    key_id, signature = signatures[0]
    event, problem, digest = event_of(payload)
    return Record(offset, event_id, payload, key_id, signature, event, problem, leaf, received_us, digest)


def event_of(payload: bytes) -> tuple[LedgerEvent | None, str, bytes]:
    """The event in a signed payload, or what is wrong with it; and the digest of its form."""
    reported = report_of(payload)
    if reported is not None:
        return reported[0], "", reported[1]
    try:
        event = LEDGER_EVENT.validate_json(payload)
    except ValueError as error:
        return None, shortened(f"payload: {str(error).splitlines()[0]}"), b""
    canonical = canonical_event(payload)
    if canonical is None:
        return None, "payload: not in canonical form (RFC 8785)", b""
    digest = form_digest(canonical["form"]) if "form" in canonical else b""
    return (report_from(event) if isinstance(event, ResultReported) else event), "", digest


def signature_holds(record: Record, keys: Mapping[str, Ed25519PublicKey]) -> bool:
    """Whether the signature of a readable record is that of the key that the record names. `keys` are the election's."""
    key = keys.get(record.key_id)
    return record.event is not None and key is not None and verify(key, record.signature, record.payload)


def checked_record(offset: int, value: bytes, keys: Mapping[str, Ed25519PublicKey]) -> tuple[Record, bool]:
    """A ledger record opened, and whether its signature holds."""
    record = read_record(offset, value)
    return record, signature_holds(record, keys)
