"""One record of the log as the auditor reads it: is it an event, who signed it, and what does it state?

Written from the published description (`docs/reference/events.schema.json`, DESIGN 3) and not from the server's models.
A record that is not an event in its exact form is kept with its `problem`: it must not count, and the report lists it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import Any

import orjson

from audit.sources.event_shapes import EVENTS
from audit.sources.shapes import ShapeError
from proofs.signatures import PAYLOAD_TYPE

PAYLOAD_CHARACTERS_MAX = 60 * 1024
NESTED_MAX = 64
"""Objects and lists in a record."""

_KEY_ID = re.compile(r"[0-9a-f]{16}")


class Opened:
    """A record taken apart. `event` is None where it is not one, and `problem` has the reason."""

    __slots__ = ("event", "event_id", "key_id", "payload", "problem", "signature")

    def __init__(self, record: bytes) -> None:
        self.event: dict[str, Any] | None = None
        self.event_id = hashlib.sha256(record).hexdigest()
        self.key_id = ""
        self.payload = b""
        self.signature = b""
        self.problem = ""
        try:
            self._open(record)
        except (ShapeError, RecursionError) as error:
            self.problem = str(error)

    def _open(self, record: bytes) -> None:
        self.payload, self.key_id, self.signature = _envelope(record)
        self.event_id = hashlib.sha256(self.payload).hexdigest()
        event = _json("payload", self.payload)
        kind = event.get("type") if isinstance(event, dict) else None
        check = EVENTS.get(kind) if isinstance(kind, str) else None
        if check is None:
            raise ShapeError("payload: not an event of a known type")
        check("payload", event)
        if kind == "result.annulled" and (event.get("through_version") is None) == (event.get("event") is None):
            raise ShapeError("payload: an annulment names either through_version or event")
        if kind == "finance.reported":
            named = [event.get(name) is not None for name in ("party", "contest", "choice")]
            if named not in ([True, False, False], [False, True, True]):
                raise ShapeError("payload: a finance report names either party, or contest and choice")
        if orjson.dumps(event, option=orjson.OPT_SORT_KEYS) != self.payload:
            raise ShapeError("payload: not in canonical form (RFC 8785)")
        self.event = event


def _envelope(record: bytes) -> tuple[bytes, str, bytes]:
    """(payload, key id and signature of the first signer). Raises ShapeError."""
    outer = _json("record", record)
    if sum(map(record.count, (b"{", b"["))) > NESTED_MAX:
        raise ShapeError("record: too many objects and lists")
    if orjson.dumps(outer) == record:  # the same bytes again: each name is there once, as it is written
        _check_names(outer)
    else:
        _check_pairs(record)
    envelope = outer.get("envelope") if isinstance(outer, dict) else None
    if not isinstance(envelope, dict) or not envelope.keys() >= {"payload", "payloadType", "signatures"}:
        raise ShapeError("envelope: expected payload, payloadType and signatures")
    text, signatures = envelope["payload"], envelope["signatures"]
    if not isinstance(text, str) or not 4 <= len(text) <= PAYLOAD_CHARACTERS_MAX:
        raise ShapeError("envelope.payload: has a wrong length")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ShapeError("envelope.payloadType: not that of an event")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ShapeError("envelope.signatures: expected one")
    return _base64("envelope.payload", text), *_signature(signatures[0])


def _signature(value: Any) -> tuple[str, bytes]:
    if not isinstance(value, dict) or not value.keys() >= {"keyid", "sig"}:
        raise ShapeError("envelope.signatures: expected keyid and sig")
    key_id, text = value["keyid"], value["sig"]
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id) or not isinstance(text, str) or len(text) != 88:
        raise ShapeError("envelope.signatures: not a key id and a signature")
    raw = _base64("envelope.signatures.sig", text)
    if len(raw) != 64:
        raise ShapeError("envelope.signatures.sig: not 64 bytes")
    return key_id, raw


def _check_names(value: Any) -> None:
    """_each_once for objects that were read already."""
    if isinstance(value, dict):
        _each_once(list(value.items()))
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _check_names(inner)


def _check_pairs(record: bytes) -> None:
    """_each_once for every object of a record. Raises ShapeError."""
    try:
        json.loads(record, object_pairs_hook=_each_once)
    except ShapeError:
        raise
    except ValueError as error:
        raise ShapeError(f"record: not JSON ({error})") from None


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Names are compared without letter case: some readers take either for the same."""
    if len({name.casefold() for name, _ in pairs}) < len(pairs):
        raise ShapeError("record: a name is given twice")


def _json(name: str, data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise ShapeError(f"{name}: not JSON ({error})") from None


def _base64(name: str, text: str) -> bytes:
    """Bytes of base64 in the standard or the URL-safe alphabet, with padding, and in its only spelling."""
    standard = text
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise ShapeError(f"{name}: base64 of both alphabets")
        standard = text.replace("-", "+").replace("_", "/")
    try:
        data = binascii.a2b_base64(standard, strict_mode=True)
    except ValueError:
        raise ShapeError(f"{name}: not base64") from None
    if base64.b64encode(data).decode() != standard:
        raise ShapeError(f"{name}: base64 with bits left over")
    return data
