"""Errors of libraries in words: none of their own text is passed on, and ours is."""

from __future__ import annotations

import errno

import asyncpg
import httpx
import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from runtime.error_words import WORDS, in_words
from runtime.files.tile_store import TileStoreError

TEXT = "a text of the library with <object at 0x7f>"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KafkaConnectionError(TEXT), "no broker answers there (KafkaConnectionError)"),
        (KafkaError(TEXT), "KafkaError"),
        (asyncpg.DiskFullError(TEXT), "the server's disk is full (DiskFullError)"),
        (asyncpg.UndefinedTableError(TEXT), "UndefinedTableError, SQLSTATE 42P01"),
        (asyncpg.InterfaceError(TEXT), "the connection is closed (InterfaceError)"),
        (httpx.ReadError(TEXT), "ReadError"),
        (ConnectionRefusedError(errno.ECONNREFUSED, TEXT), "no server answers there (ConnectionRefusedError)"),
        (OSError(errno.ENOSPC, TEXT, "/files"), "no space left on device: /files (OSError)"),
        (OSError(), "OSError"),
        (TimeoutError(), "there was no answer in time (TimeoutError)"),
        (TileStoreError("tile 7 has other bytes"), "tile 7 has other bytes (TileStoreError)"),
    ],
)
def test_an_error_is_named_by_what_it_means(error: BaseException, words: str) -> None:
    assert in_words(error) == words


def test_no_word_is_one_of_a_class() -> None:
    assert all(words[0].islower() and "Error" not in words for words in WORDS.values())
