"""The one byte form of a JSON value, and the hashes taken of it.

RFC 8785 (JSON Canonicalization Scheme) for the values Rekap uses: objects with ASCII keys, strings, integers, booleans
and null. Floats are refused, which removes the only hard part of the RFC; with ASCII keys, the RFC's order by UTF-16
code units and the order by code points are the same.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


class NotCanonicalError(ValueError):
    """The value has no canonical form here, or bytes are not in it."""


def canonical_bytes(value: Any) -> bytes:
    """The canonical bytes of `value`. Raises NotCanonicalError for floats, non-ASCII keys and what JSON cannot hold."""
    _refuse_unfit(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def canonical_event(data: bytes) -> dict[str, Any] | None:
    """What bytes that have passed the schema of an event (schemas/ledger/events.py) hold; None where they are not its
    canonical form.

    A signed payload must be: otherwise two readers could see two values in one signature (a key given twice, for
    example). The schema has refused floats, since every number in it is a strict integer, and keys that are not ASCII,
    since unknown fields are forbidden and codes are ASCII; so order, spacing and repeated keys are left to compare.
    """
    try:
        event: dict[str, Any] = orjson.loads(data)
        return event if orjson.dumps(event, option=orjson.OPT_SORT_KEYS) == data else None
    except (ValueError, RecursionError):
        return None


def form_digest(form: dict[str, Any]) -> bytes:
    """Tells whether two forms (objects of canonical events) say the same: 16 bytes of the SHA-256 of the canonical form
    of what is stated. A field that is null and one that is absent say the same."""
    canonical = orjson.dumps(form)
    if b"null" in canonical:
        canonical = orjson.dumps(_stated(form))
    return hashlib.sha256(canonical).digest()[:16]


def _stated(value: dict[str, Any]) -> dict[str, Any]:
    stated = {}
    for key, each in value.items():
        if each is not None:
            stated[key] = _stated(each) if isinstance(each, dict) else each
    return stated


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
        raise NotCanonicalError(f"{value!r}: floats have no place in a signed value, use an integer or a string")
