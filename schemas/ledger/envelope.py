"""Envelopes: a submission as it was signed, and the ledger record that the gateway makes of it.

The envelope is DSSE v1 (Dead Simple Signing Envelope, secure-systems-lab/dsse) with one Ed25519 signature. As DSSE requires,
unknown fields are ignored, and base64 may use the standard or the URL-safe alphabet. DSSE allows several signatures, each of
which could be checked alone. Here an event has one submitter, so a second signature, which would not be checked, is refused.
What two readers could read differently is refused too: a name that is given twice, also with another letter case (Go's reader
of JSON accepts either), base64 with bits left over, and base64 with characters of both alphabets.

A ledger record's value is the envelope's bytes exactly as submitted, between the gateway's receipt fields:

    {"envelope":<the submitted bytes>,"gateway":"…","received_at":"…"}

These bytes are the Merkle leaf (DESIGN 5). An event's id is the SHA-256 of the signed payload. So the same payload is the
same event, whatever the gateway, the time of receipt or the spelling of the envelope.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas.codes import KEY_ID_PATTERN, exactly
from schemas.times import microseconds_of_text

RECORD_BYTES_MAX = 65_535
"""Limit for a ledger record, because it is an entry of a transparency log, whose length has two bytes in C2SP tlog-tiles."""
ENVELOPE_BYTES_MAX = 60 * 1024
"""Limit for an envelope, which leaves room for the gateway's fields in a record. A signed legislative form of 234 rows has
about 6 kB."""
SIGNATURES_MAX = 1
NESTED_MAX = 64
"""Limit for the objects and lists in a record, of which one that Rekap writes has 4. At half, a field that Rekap does not know
could hold little; at double nothing breaks, until at some hundreds Python's own reader of JSON fails."""
SIGNATURE_CHARACTERS = 88
"""Length of 64 bytes in base64."""


class Signature(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    keyid: Annotated[str, Field(pattern=KEY_ID_PATTERN)]
    """Id of the key that signed."""
    sig: Annotated[str, Field(min_length=SIGNATURE_CHARACTERS, max_length=SIGNATURE_CHARACTERS)]
    """Ed25519 signature of the payload's pre-authentication encoding, base64."""


class Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    payload: Annotated[str, Field(min_length=4, max_length=ENVELOPE_BYTES_MAX)]
    """The event's canonical JSON, base64."""
    payloadType: Annotated[str, Field(pattern=r"^application/vnd\.rekap\.event\+json$")]
    """Type of the payload, which is part of what was signed."""
    signatures: Annotated[tuple[Signature, ...], Field(min_length=1, max_length=SIGNATURES_MAX)]
    """The signature of the payload (DSSE)."""


ENVELOPE: TypeAdapter[Envelope] = TypeAdapter(Envelope)


class _PlainSignature(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    keyid: Annotated[str, msgspec.Meta(pattern=exactly(KEY_ID_PATTERN))]
    sig: Annotated[str, msgspec.Meta(min_length=SIGNATURE_CHARACTERS, max_length=SIGNATURE_CHARACTERS)]


class _PlainEnvelope(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    payload: Annotated[str, msgspec.Meta(min_length=4, max_length=ENVELOPE_BYTES_MAX)]
    payloadType: Literal["application/vnd.rekap.event+json"]
    signatures: Annotated[tuple[_PlainSignature, ...], msgspec.Meta(min_length=1, max_length=SIGNATURES_MAX)]


class _PlainRecord(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A ledger record as gateways write it. Reading it takes a tenth of the time of reading with the schema."""

    envelope: _PlainEnvelope
    gateway: str
    received_at: str
    """Time by the gateway's clock (RFC 3339, UTC)."""


_QUOTES, _QUOTES_OF_ENVELOPE = 28, 18
"""Quotation marks of a plain record, which has 8 names and 6 values that are strings, and of a plain envelope with 5 and 4."""
_PLAIN_RECORD = msgspec.json.Decoder(_PlainRecord)
_PLAIN_ENVELOPE = msgspec.json.Decoder(_PlainEnvelope)


class MalformedRecordError(ValueError):
    """A record or envelope cannot be read; the sentence names the part and the reason."""


class Opened(NamedTuple):
    """The decoded parts of an envelope. Its one signature is the submitter's."""

    payload: bytes
    event_id: bytes
    """32 bytes, SHA-256 of the payload."""
    signatures: tuple[tuple[str, bytes], ...]
    """(key id, 64 signature bytes)"""
    received_us: int
    """Time of receipt by the gateway's clock, in microseconds since 1970; 0 where the record has no valid time, and for an
    envelope, which has none."""


def open_envelope(envelope: Envelope) -> Opened:
    """Decode an envelope. Raises MalformedRecordError where a part is not valid base64 or has a wrong length."""
    return _opened(envelope, 0)


def open_plain_envelope(value: bytes) -> Opened | None:
    """Decode an envelope that is written plainly, in a tenth of the time of `open_envelope`. Returns None for any other bytes,
    so that the schema decides what is refused and with which sentence."""
    if not _is_plain(value, _QUOTES_OF_ENVELOPE):
        return None
    try:
        plain = _PLAIN_ENVELOPE.decode(value)
        return _opened(plain, 0)
    except (msgspec.DecodeError, MalformedRecordError):
        return None


def _opened(envelope: Envelope | _PlainEnvelope, received_us: int) -> Opened:
    payload = _from_base64("payload", envelope.payload)
    (signature,) = envelope.signatures
    raw = _from_base64("signatures.0.sig", signature.sig)
    if len(raw) != 64:
        raise MalformedRecordError(f"signatures.0.sig: expected 64 bytes, got {len(raw)}")
    return Opened(payload, hashlib.sha256(payload).digest(), ((signature.keyid, raw),), received_us)


def _from_base64(field: str, text: str) -> bytes:
    standard = text
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise MalformedRecordError(f"{field}: base64 with characters of both alphabets")
        standard = text.replace("-", "+").replace("_", "/")
    try:
        raw = binascii.a2b_base64(standard, strict_mode=True)
    except ValueError as error:
        raise MalformedRecordError(f"{field}: not valid base64 ({error})") from None
    if standard.endswith("=") and binascii.b2a_base64(raw[-(len(raw) % 3) :], newline=False).decode() != standard[-4:]:
        raise MalformedRecordError(f"{field}: base64 with bits left over")
    return raw


def read_json(data: bytes) -> Any:
    """The JSON value of an envelope or a record. Raises ValueError where the data is not JSON, or where `check_names` does."""
    value = orjson.loads(data)
    check_names(data)
    return value


def check_names(data: bytes) -> None:
    """Raises ValueError where an object of the JSON has a name twice, or where the JSON has more than NESTED_MAX objects and
    lists."""
    if data.count(b"{") + data.count(b"[") > NESTED_MAX:
        raise ValueError(f"more than {NESTED_MAX} objects and lists")
    json.loads(data, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for name, _ in pairs:
        if (folded := name.casefold()) in seen:
            raise ValueError(f"the name {name:.80} is given twice")
        seen.add(folded)


def ledger_record(envelope: bytes, gateway: str, received_at: str) -> bytes:
    """The bytes of a ledger record, which are the envelope as submitted and the gateway's receipt fields."""
    return b'{"envelope":%b,"gateway":%b,"received_at":%b}' % (
        envelope,
        orjson.dumps(gateway),
        orjson.dumps(received_at),
    )


def open_record(value: bytes) -> Opened:
    """Decode a ledger record. Raises MalformedRecordError for bytes that are not one, and no other error."""
    if not _is_plain(value, _QUOTES):
        return open_by_schema(value)
    try:
        plain = _PLAIN_RECORD.decode(value)
    except msgspec.DecodeError:
        return open_by_schema(value)
    return _opened(plain.envelope, microseconds_of_text(plain.received_at))


def _is_plain(value: bytes, quotes: int) -> bool:
    """Whether JSON that the decoder accepts has each name once, and no second spelling of any. The decoder requires each name
    at least once. So a name that is given twice is one string too many, and each string has two quotation marks."""
    # Characters outside of ASCII are left to the schema. An escaped quotation mark would not begin or end a string.
    return value.count(b'"') == quotes and value.isascii() and b"\\" not in value


def open_by_schema(value: bytes) -> Opened:
    """Decode a ledger record like `open_record`, with the schema, which is slower and gives the sentences of all errors."""
    try:
        record = read_json(value)
    except (ValueError, RecursionError) as error:
        raise MalformedRecordError(f"record: not JSON ({error})") from None
    if not isinstance(record, dict) or not isinstance(record.get("envelope"), dict):
        raise MalformedRecordError("envelope: expected an object")
    try:
        opened = open_envelope(ENVELOPE.validate_python(record["envelope"]))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join(["envelope", *(str(part) for part in first["loc"])])
        raise MalformedRecordError(f"{path}: {first['msg']}") from None
    return opened._replace(received_us=microseconds_of_text(record.get("received_at")))


class Warned(BaseModel):
    """A warning in a receipt."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    rule: str
    """Id of the rule in docs/reference/rules.md."""
    field: str
    """Field of the event that the warning is about."""
    detail: str
    """The warning in English."""
    detail_id: str
    """The warning in Indonesian."""


class Receipt(BaseModel):
    """The gateway's answer after the ledger has the record (acks=all)."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    submission: str
    """The event id."""
    partition: int
    """Ledger partition that has the record."""
    offset: int
    """Offset of the record in its ledger partition."""
    leaf_hash: str
    """RFC 6962 leaf hash of the record, hexadecimal."""
    received_at: str
    """Time by the gateway's clock (RFC 3339, UTC)."""
    gateway: str
    """Name of the gateway that signs."""
    duplicate: bool = False
    """Whether the ledger already had this event; if so, the other fields are those of its first record."""
    signed: str | None = None
    """The receipt as a note that the gateway has signed (C2SP signed-note; its text is `receipt_text` in
    `schemas/served/logs.py`)."""
    warnings: list[Warned] | None = None
    """Problems that the gateway sees in the event's sequence number or in the version that it corrects. The event is in the
    ledger nevertheless."""
    offsets: dict[str, int] | None = None
    """Partition → offset, for an event that is written to every partition."""
