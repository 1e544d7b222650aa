"""Canonical bytes (RFC 8785, as far as events need it), and the digest by which forms are compared."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from schemas.canonical import NotCanonicalError, canonical_bytes, canonical_event, form_digest, sha256_hex


def test_canonical_bytes_is_sorted_and_without_blanks() -> None:
    assert canonical_bytes({"b": [1, "é", None], "a": {"d": True, "c": -7}}) == (
        '{"a":{"c":-7,"d":true},"b":[1,"é",null]}'.encode()
    )


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"a": 1.0}, "1.0: a signed value cannot hold floats"),
        ({"a": [{"b": 0.5}]}, "0.5: a signed value cannot hold floats"),
        ({"a": (0.5,)}, "0.5: a signed value cannot hold floats"),
        ({"é": 1}, "key 'é': expected an ASCII string"),
        ({"a": {1: 2}}, "key 1: expected an ASCII string"),
    ],
)
def test_what_no_signed_value_can_hold_is_an_error(value: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NotCanonicalError, match=sentence):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "value",
    [b'{"b":1,"a":2}', b'{"a": 2}', b'{"a":1,"a":2}', b'{"a":1}\n', b"{", b"", b"[" * 100_000, b'{"a":1e0}'],
    ids=range(8),
)
def test_bytes_that_are_written_otherwise_are_not_canonical(value: bytes) -> None:
    assert canonical_event(value) is None


def test_canonical_bytes_are_read() -> None:
    assert canonical_event(b'{"a":2,"b":{"c":null}}') == {"a": 2, "b": {"c": None}}


def test_the_digest_of_a_form_is_half_of_its_sha_256() -> None:
    assert form_digest({"VA": 3}) == hashlib.sha256(b'{"VA":3}').digest()[:16]


@pytest.mark.parametrize("form", [{"VA": 3, "VB": None}, {"A": {"J": None}, "VA": 3, "B": None}])
def test_a_null_is_the_same_as_a_field_that_is_left_out(form: dict[str, Any]) -> None:
    without: dict[str, Any] = {"A": {}, "VA": 3} if "A" in form else {"VA": 3}
    assert form_digest(form) == form_digest(without)


def test_a_name_with_null_in_it_is_not_null() -> None:
    assert form_digest({"votes": {"null": 1}}) == hashlib.sha256(b'{"votes":{"null":1}}').digest()[:16]


def test_a_hash_is_written_in_hexadecimal() -> None:
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
