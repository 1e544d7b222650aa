"""Whether libsodium accepts an Ed25519 signature: an answer in half the time, of which only a yes is used.

signatures.py takes libsodium's yes and lets OpenSSL (`cryptography`) decide where libsodium does not accept. So the verdict is
always OpenSSL's, which the auditor asks alone, if libsodium's yes implies OpenSSL's. The implication follows from what both
compute, with S the second half of the signature, R the first, A the public key, h = SHA-512(R, A, message) mod L:

    OpenSSL accepts (`ossl_ed25519_verify`, crypto/ec/curve25519.c) where
        1. S < L
        2. A can be decoded as a point, also where its y is not reduced
        3. the encoding of [S]B - [h]A is R, byte for byte
    libsodium 1.0.18 to 1.0.20 accepts (`_crypto_sign_ed25519_verify_detached`, ref10/open.c) where
        1. S < L
        2. A can be decoded as a point, its y is reduced, and it is not of small order
        3. the encoding of [S]B - [h]A is R, byte for byte
        4. R is not the encoding of a point of small order

A canonical encoding has one point, so the A of both is one point; the bytes from which h is made are the same; a point has one
reduced encoding, and both write the reduced one. So the four conditions contain the three. (Both libraries must calculate on
the curve correctly, which is assumed of OpenSSL anyway.)

Two kinds of libsodium break the implication, and either could replace PyNaCl's own: a build with ED25519_COMPAT,
which accepts S >= L, and a version that verifies with the cofactor, which accepts where the two sides of 3. differ by a point
of small order. So the library is asked first about signatures of those kinds (`_ODD`), and is used only if it accepts none.
tests/properties/test_signatures.py compares both libraries on odd keys and signatures, bench/odd_signatures.py on millions.
"""

from __future__ import annotations

from functools import cache

from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError


def accepts(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether libsodium accepts, and its yes implies OpenSSL's. A no decides nothing."""
    return is_strict() and _accepts(public_key, signature, message)


class SigningKey:
    """An Ed25519 key that signs, in two thirds of OpenSSL's time. Its signatures are OpenSSL's byte for byte, because RFC 8032
    (5.1.6) leaves no choice."""

    def __init__(self, private_key: bytes) -> None:
        _, self._secret = crypto_sign_seed_keypair(private_key)

    def sign(self, message: bytes) -> bytes:
        return crypto_sign(message, self._secret)[:crypto_sign_BYTES]


@cache
def is_strict() -> bool:
    """Whether the library that was found accepts none of the signatures that OpenSSL refuses."""
    return not any(_accepts(*map(bytes.fromhex, odd)) for odd in _ODD)


def _accepts(public_key: bytes, signature: bytes, message: bytes) -> bool:
    # A shorter or longer signature would move the border between signature and message.
    if len(signature) != crypto_sign_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


_KEY = "bd59df3f072301e1be0f3cbba20fd75d59c0ca676a82e1ddf83f1388fd1e5b6c"
_KEY_AND_ORDER_8 = "41333601017cf9e24fc10c01552831faa5be3169c42593c6d4a1fea44c24ab07"
_ODD = (
    (  # S + L instead of S
        _KEY,
        "f6c0bae1527663e213e7ab19225f90a8617d26676b1837d7441b29ece343971a"
        "8e46f7181b7b9cc01c14a448f8d6a3784e74ecee638a604e346b56ea8033551c",
        b"rekap".hex(),
    ),
    (  # a point of order 8 added to R
        _KEY,
        "54f2a3bb028a4d9037473749613a6e65d6dd5b577050892c2cf059b8908ff943"
        "491132eb65992662d9437b0ddcc38be7a4cd7b31fe72b41107b1f62020fd1e0c",
        b"rekap".hex(),
    ),
    (  # a point of order 8 added to the key
        _KEY_AND_ORDER_8,
        "f6c0bae1527663e213e7ab19225f90a8617d26676b1837d7441b29ece343971a"
        "895da72114247d795fba889869c46397f4dd55cea70ad839c3ae4518c278b10c",
        b"rekap0".hex(),
    ),
)
"""Public key, signature and message, hexadecimal. A build with ED25519_COMPAT accepts the first, a version that verifies with
the cofactor the others. OpenSSL accepts none."""
