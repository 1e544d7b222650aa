"""Signed envelopes: DSSE v1 with Ed25519 (RFC 8032).

Ed25519 libraries disagree on edge cases, which are keys of low order, and points and scalars that are not in canonical form.
Here OpenSSL decides, through `cryptography`. `verify` asks libsodium first, in half the time, and takes its yes only, which
implies OpenSSL's (libsodium.py). The auditor asks OpenSSL alone. A key of low order is refused when it is registered, because
one signature of such a key is valid for many messages.
"""

from __future__ import annotations

import base64
import hashlib

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proofs import libsodium

PAYLOAD_TYPE = "application/vnd.rekap.event+json"
"""The DSSE payload type of an event."""

_LOW_ORDER_KEYS = frozenset(
    bytes.fromhex(encoding)
    for encoding in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        # The same points, written with y at or above the field's prime or with the sign bit set where x is zero.
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    )
)
"""All encodings of the eight points whose order divides 8, the canonical encodings first."""


class UnfitKeyError(ValueError):
    """A public key must not be registered; the message states why."""


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that a DSSE signature signs (DSSE protocol.md, PAE), which are type and payload, each after its length."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(public_key: bytes) -> str:
    """Id of a key, which is the first 16 hexadecimal digits of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def load_public_key(public_key: bytes) -> Ed25519PublicKey:
    """The key for `verify`. Raises UnfitKeyError where the bytes are not a key, or are a key of low order."""
    if public_key in _LOW_ORDER_KEYS:
        raise UnfitKeyError("a key of low order, of which one signature is valid for many messages")
    try:
        return Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError as error:
        raise UnfitKeyError(f"not an Ed25519 public key: {error}") from None


def verify(public_key: Ed25519PublicKey, signature: bytes, payload: bytes) -> bool:
    """Whether `signature` is a valid signature of this key over the payload of an envelope."""
    message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    return libsodium.accepts(public_key.public_bytes_raw(), signature, message) or _verify(
        public_key, signature, message
    )


def verify_by_openssl(public_key: Ed25519PublicKey, signature: bytes, payload: bytes) -> bool:
    """`verify` without libsodium, for the auditor, whose answer must not depend on what a worker has used."""
    return _verify(public_key, signature, pre_authentication_encoding(PAYLOAD_TYPE, payload))


def _verify(public_key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        public_key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def sign_envelope(private_key: Ed25519PrivateKey, payload: bytes) -> bytes:
    """The DSSE envelope of `payload` as JSON bytes, ready to submit."""
    signature = private_key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return orjson.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {
                    "keyid": key_id(private_key.public_key().public_bytes_raw()),
                    "sig": base64.b64encode(signature).decode(),
                }
            ],
        }
    )
