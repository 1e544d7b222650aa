"""Envelopes and keys against published vectors, and what must never pass."""

from __future__ import annotations

import base64

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from proofs.signatures import (
    UnfitKeyError,
    key_id,
    load_public_key,
    pre_authentication_encoding,
    sign_envelope,
    verify,
)
from tests.support.ledger import private_key


def test_the_pre_authentication_encoding_is_that_of_dsse() -> None:
    """The example of DSSE protocol.md, version 1.0.0."""
    encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_key_is_that_of_rfc_8032() -> None:
    """RFC 8032, 7.1, TEST 1."""
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw() == public
    assert key_id(public) == "21fe31dfa154a261"


def test_an_envelope_is_that_of_dsse() -> None:
    """DSSE envelope.md, version 1.0.0: one signature over the encoding of type and payload, and the id of its key."""
    key = private_key("officer")
    signature = key.sign(pre_authentication_encoding("application/vnd.rekap.event+json", b"{}"))
    assert orjson.loads(sign_envelope(key, b"{}")) == {
        "payload": "e30=",
        "payloadType": "application/vnd.rekap.event+json",
        "signatures": [
            {"keyid": key_id(key.public_key().public_bytes_raw()), "sig": base64.b64encode(signature).decode()}
        ],
    }


@given(st.binary(max_size=200), st.integers(0, 511))
def test_a_signature_holds_for_its_payload_and_breaks_with_any_bit(payload: bytes, bit: int) -> None:
    envelope = orjson.loads(sign_envelope(private_key("officer"), payload))
    signature = base64.b64decode(envelope["signatures"][0]["sig"])
    public = private_key("officer").public_key()
    assert base64.b64decode(envelope["payload"]) == payload
    assert verify(public, signature, payload)
    turned = bytearray(signature)
    turned[bit // 8] ^= 1 << (bit % 8)
    assert not verify(public, bytes(turned), payload)
    assert not verify(public, signature, payload + b" ")
    assert not verify(private_key("another").public_key(), signature, payload)


@pytest.mark.parametrize("encoding", ["00" * 32, "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "ee" + "ff" * 31])
def test_a_key_of_low_order_is_not_registered(encoding: str) -> None:
    with pytest.raises(UnfitKeyError, match="low order"):
        load_public_key(bytes.fromhex(encoding))


@pytest.mark.parametrize("data", [b"", bytes(range(31)), bytes(range(33))])
def test_other_bytes_are_not_a_key(data: bytes) -> None:
    with pytest.raises(UnfitKeyError, match="not an Ed25519 public key"):
        load_public_key(data)
