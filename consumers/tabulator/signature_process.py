"""A process that checks signatures for a tabulator (signature_checks.py), which writes questions to its standard input.

A question is the number of checks and of bytes that follow, then each check: public key (32 bytes), signature (64), length
of the payload, payload. The answer is a byte for each check, 1 where the signature holds. The process ends when its input ends,
and so whenever the tabulator has ended, for whatever reason.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proofs.signatures import load_public_key, verify
from runtime.memory import keep_freed_blocks
from runtime.own_processes import serve_standard_input

_QUESTION = struct.Struct("<II")
_CHECK = struct.Struct("<32s64sI")


class Check(NamedTuple):
    public_key: bytes
    """32 bytes that `load_public_key` takes."""
    signature: bytes
    payload: bytes


def question(checks: Iterable[Check]) -> bytes:
    parts: list[bytes] = []
    for public_key, signature, payload in checks:
        parts += (_CHECK.pack(public_key, signature, len(payload)), payload)
    body = b"".join(parts)
    return _QUESTION.pack(len(parts) // 2, len(body)) + body


@lru_cache(maxsize=100_000)
def _key(public_key: bytes) -> Ed25519PublicKey:
    return load_public_key(public_key)


def answer(checks: Iterable[Check]) -> bytes:
    return bytes(verify(_key(public_key), signature, payload) for public_key, signature, payload in checks)


def _checks(count: int, body: bytes) -> Iterable[Check]:
    start = 0
    for _ in range(count):
        public_key, signature, length = _CHECK.unpack_from(body, start)
        start += _CHECK.size
        yield Check(public_key, signature, body[start : start + length])
        start += length


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    while len(head := questions.read(_QUESTION.size)) == _QUESTION.size:
        count, size = _QUESTION.unpack(head)
        body = questions.read(size)
        if len(body) < size:
            return
        answers.write(answer(_checks(count, body)))
        answers.flush()


if __name__ == "__main__":  # pragma: no cover – runs in a process that no unit test measures
    keep_freed_blocks()
    serve_standard_input(serve)
