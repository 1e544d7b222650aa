"""The canonical bytes of a JSON value, and hashes over them.

RFC 8785 (JSON Canonicalization Scheme) for the values Rekap uses: objects with ASCII keys, strings, integers, booleans
and null. Floats are refused, which removes the only hard part of the RFC; with ASCII keys, the RFC's order by UTF-16
code units and the order by code points are the same.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


class NotCanonicalError(ValueError):
    """The value has no canonical form."""


def canonical_bytes(value: Any) -> bytes:
    """The canonical bytes of `value`. Raises NotCanonicalError for floats, non-ASCII keys and what JSON cannot hold."""
    _refuse_unfit(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def canonical_event(data: bytes) -> dict[str, Any] | None:
    """The event in bytes that have passed the schema of events (schemas/ledger/events.py); None where the bytes are not the
    event's canonical form.

    A signed payload must be canonical, because otherwise two readers could see two values under one signature, for example
    where a key is given twice. The schema has already refused floats, because every number in it is a strict integer, and keys
    that are not ASCII, because unknown fields are forbidden and codes are ASCII. So only the order of keys, spacing and
    repeated keys are left to compare.
    """
    try:
        event: dict[str, Any] = orjson.loads(data)
        return event if orjson.dumps(event, option=orjson.OPT_SORT_KEYS) == data else None
    except (ValueError, RecursionError):
        return None


def form_digest(form: dict[str, Any]) -> bytes:
    """Digest by which two forms (objects of canonical events) are compared: the first 16 bytes of the SHA-256 over the
    canonical form without fields that are null, because a null field and an absent one mean the same."""
    canonical = orjson.dumps(form)
    if b"null" in canonical:
        canonical = orjson.dumps(_without_nulls(form))
    return hashlib.sha256(canonical).digest()[:16]


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(each) if isinstance(each, dict) else each for key, each in value.items() if each is not None
    }


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _refuse_unfit(value: Any) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonicalError(f"key {key!r}: expected an ASCII string")
            _refuse_unfit(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _refuse_unfit(inner)
    elif isinstance(value, float):
        raise NotCanonicalError(f"{value!r}: a signed value cannot hold floats; use an integer or a string")
