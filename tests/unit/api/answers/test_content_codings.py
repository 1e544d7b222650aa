"""Which coding an answer is sent in: RFC 9110, section 12.5.3."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import brotli
import pytest
import zstandard

from api.answers.content_codings import (
    BROTLI,
    COMPRESSED_BYTES_MIN,
    GZIP,
    IDENTITY,
    ZSTANDARD,
    acceptable,
    chosen,
    compressed,
)


@pytest.mark.parametrize(
    ("accepted", "codings"),
    [
        (None, (IDENTITY,)),
        ("", (IDENTITY,)),
        ("gzip", (GZIP, IDENTITY)),
        ("GZIP", (GZIP, IDENTITY)),
        ("x-gzip", (GZIP, IDENTITY)),
        ("gzip, deflate, br, zstd", (ZSTANDARD, BROTLI, GZIP, IDENTITY)),
        ("gzip, br;q=0.9, zstd;q=0.8", (GZIP, BROTLI, ZSTANDARD, IDENTITY)),
        ("zstd;q=0, br", (BROTLI, IDENTITY)),
        ("br", (BROTLI, IDENTITY)),
        ("deflate", (IDENTITY,)),
        ("*", (GZIP, IDENTITY)),
        ("identity", (IDENTITY,)),
        ("gzip;q=0", (IDENTITY,)),
        ("gzip;q=0.5, identity;q=0.8", (IDENTITY, GZIP)),
        ("gzip ; q=0.8 , identity ; q=0.8", (GZIP, IDENTITY)),
        ("gzip;q=0.001", (GZIP, IDENTITY)),
        ("identity;q=0", ()),
        ("identity;q=0, gzip", (GZIP,)),
        ("identity;q=0.000, gzip;Q=1.000", (GZIP,)),
        ("*;q=0", ()),
        ("*;q=0, gzip", (GZIP,)),
        ("*;q=0, identity;q=0.1", (IDENTITY,)),
        ("*;q=0.5, gzip;q=0", (IDENTITY,)),
        ("br;q=1.0, *;q=0.5", (BROTLI, GZIP, IDENTITY)),
        ("gzip;q=2", (IDENTITY,)),
        ("gzip;level=1", (IDENTITY,)),
        ("gzip;q=0.1234", (IDENTITY,)),
        ("gzip, " * 100, (IDENTITY,)),
    ],
)
def test_what_a_client_accepts(accepted: str | None, codings: tuple[str, ...]) -> None:
    assert acceptable(accepted) == codings


def test_a_short_answer_is_compressed_only_where_it_must_be() -> None:
    assert chosen((GZIP, IDENTITY), COMPRESSED_BYTES_MIN) == GZIP
    assert chosen((GZIP, IDENTITY), COMPRESSED_BYTES_MIN - 1) == IDENTITY
    assert chosen((GZIP,), 1) == GZIP
    assert chosen((IDENTITY, GZIP), 10_000) == IDENTITY


def test_each_replica_compresses_to_the_same_bytes() -> None:
    body = b'{"area":"34.02"}' * 1_000
    assert gzip.decompress(compressed(body)) == body
    assert compressed(body)[4:8] == bytes(4)  # no time (RFC 1952)
    assert compressed(body) == compressed(body)


@pytest.mark.parametrize(
    ("coding", "read"),
    [(GZIP, gzip.decompress), (BROTLI, brotli.decompress), (ZSTANDARD, lambda data: zstandard.decompress(data))],
)
def test_each_coding_is_read_by_its_library_and_smaller(coding: str, read: Callable[[bytes], bytes]) -> None:
    body = b"".join(b'{"area":"34.02","votes":%d}' % number for number in range(3_000))
    small = compressed(body, coding)
    assert read(small) == body
    assert len(small) < len(body) / 3
