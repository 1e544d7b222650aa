"""libsodium's yes, and when it is not used. That it implies OpenSSL's: tests/properties/test_signatures.py."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import (
    crypto_core_ed25519_add,
    crypto_core_ed25519_sub,
    crypto_scalarmult_ed25519_base_noclamp,
)
from nacl.exceptions import BadSignatureError

from proofs import libsodium, signatures
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


def test_the_first_odd_signature_is_valid_but_for_its_second_half_which_is_too_large_by_the_order() -> None:
    public, signature, message = (bytes.fromhex(each) for each in libsodium._ODD[0])
    second_half = (int.from_bytes(signature[32:], "little") - ORDER).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(public).verify(signature[:32] + second_half, message)


@pytest.mark.parametrize("number", [1, 2])
def test_the_other_odd_signatures_are_wrong_by_a_point_of_small_order(number: int) -> None:
    """[S]B - [h]A - R is such a point: a check that multiplies by the cofactor, 8, finds that nothing is left."""
    public, signature, message = (bytes.fromhex(each) for each in libsodium._ODD[number])
    first_half, second_half = signature[:32], signature[32:]
    digest = hashlib.sha512(first_half + public + message).digest()
    left_over = crypto_core_ed25519_sub(
        crypto_core_ed25519_sub(
            crypto_scalarmult_ed25519_base_noclamp(second_half),
            _times(int.from_bytes(digest, "little") % ORDER, public),
        ),
        first_half,
    )
    assert _times(8, left_over) == NEUTRAL != left_over


ORDER = 2**252 + 27742317777372353535851937790883648493
NEUTRAL = (1).to_bytes(32, "little")


def _times(factor: int, point: bytes) -> bytes:
    """By doubling and adding, because libsodium's own multiplication refuses points like these."""
    product = NEUTRAL
    for bit in f"{factor:b}":
        product = crypto_core_ed25519_add(product, product)
        if bit == "1":
            product = crypto_core_ed25519_add(product, point)
    return product


def test_openssl_decides_where_libsodium_does_not_accept(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = KEY.sign(pre_authentication_encoding(PAYLOAD_TYPE, b"a form"))
    monkeypatch.setattr(libsodium, "accepts", lambda *_: False)
    for holds in (verify, verify_by_openssl):
        assert holds(KEY.public_key(), signature, b"a form")
        assert not holds(KEY.public_key(), signature, b"another")


def test_openssl_is_not_asked_where_libsodium_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = KEY.sign(pre_authentication_encoding(PAYLOAD_TYPE, b"a form"))
    monkeypatch.setattr(signatures, "_verify", lambda *_: False)
    assert verify(KEY.public_key(), signature, b"a form")
    assert not verify_by_openssl(KEY.public_key(), signature, b"a form"), "the auditor depends on OpenSSL alone"


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_signatures_are_those_of_openssl(private: bytes, message: bytes) -> None:
    assert libsodium.SigningKey(private).sign(message) == Ed25519PrivateKey.from_private_bytes(private).sign(message)
