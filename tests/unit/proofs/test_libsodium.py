"""libsodium's yes, and when it is not used. That it implies OpenSSL's: tests/properties/test_signatures.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError

from proofs import libsodium
from proofs.signatures import PAYLOAD_TYPE, pre_authentication_encoding, verify, verify_by_openssl
from tests.support.ledger import private_key

KEY = private_key("officer")
PUBLIC = KEY.public_key().public_bytes_raw()


@pytest.fixture
def asked_again() -> Iterator[None]:
    """The library is asked anew whether it is strict, in the test and after it."""
    libsodium.is_strict.cache_clear()
    yield
    libsodium.is_strict.cache_clear()


def test_a_signature_that_holds_is_accepted() -> None:
    assert libsodium.accepts(PUBLIC, KEY.sign(b"a form"), b"a form")
    assert not libsodium.accepts(PUBLIC, KEY.sign(b"a form"), b"another")


def test_a_signature_of_another_length_is_not_accepted() -> None:
    signature = KEY.sign(b"a form")
    assert not libsodium.accepts(PUBLIC, signature + b"a", b" form")
    assert not libsodium.accepts(PUBLIC, signature[:-1], signature[-1:] + b"a form")


@pytest.mark.parametrize("accepted", range(len(libsodium._ODD)))
def test_a_library_that_accepts_an_odd_signature_is_not_used(
    monkeypatch: pytest.MonkeyPatch, asked_again: None, accepted: int
) -> None:
    """A build with ED25519_COMPAT, or a version that verifies with the cofactor. OpenSSL then decides alone."""
    _, signature, message = (bytes.fromhex(each) for each in libsodium._ODD[accepted])

    def accepts_it_too(signed: bytes, _: bytes) -> bytes:
        if signed == signature + message:
            return message
        raise BadSignatureError

    monkeypatch.setattr(libsodium, "crypto_sign_open", accepts_it_too)
    assert not libsodium.is_strict()
    assert not libsodium.accepts(PUBLIC, signature, message)
    assert verify(KEY.public_key(), KEY.sign(pre_authentication_encoding(PAYLOAD_TYPE, b"a form")), b"a form")


def test_openssl_decides_where_libsodium_does_not_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = KEY.sign(pre_authentication_encoding(PAYLOAD_TYPE, b"a form"))
    monkeypatch.setattr(libsodium, "accepts", lambda *_: False)
    for holds in (verify, verify_by_openssl):
        assert holds(KEY.public_key(), signature, b"a form")
        assert not holds(KEY.public_key(), signature, b"another")


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_signatures_are_those_of_openssl(private: bytes, message: bytes) -> None:
    assert libsodium.SigningKey(private).sign(message) == Ed25519PrivateKey.from_private_bytes(private).sign(message)
