"""A transparency log of a test, as an honest operator or a liar would run it; and what is sent to witnesses of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from proofs.merkle import consistency_proof
from proofs.notes import ED25519, Checkpoint, Note, VerifierKey, sign
from tests.support.ledger import private_key
from tests.unit.proofs.test_merkle import Naive, naive_root

ORIGIN = "rekap/rehearsal/made/0"
KEY = VerifierKey(ORIGIN, ED25519, private_key("log").public_key().public_bytes_raw())


class MadeLog(NamedTuple):
    """Leaf n of a log is `seed[n]`: two logs with a common beginning are one log that shows two histories."""

    seed: str
    origin: str = ORIGIN

    @property
    def leaves(self) -> list[bytes]:
        return [f"{number} {letter}".encode() for number, letter in enumerate(self.seed)]

    def root(self, size: int) -> bytes:
        return naive_root(self.leaves[:size])

    def note(self, size: int, *, by: str = "log", root: bytes | None = None) -> bytes:
        text = Checkpoint(self.origin, size, self.root(size) if root is None else root).text
        return Note(text, (sign(text, self.origin, private_key(by)),)).to_bytes()

    def proof(self, old: int, size: int) -> list[bytes]:
        return consistency_proof(old, size, Naive(self.leaves[:size]))

    def request(self, old: int, size: int) -> bytes:
        """What an honest client sends."""
        return body(old, self.proof(old, size), self.note(size))


def body(old: int | str, proof: Sequence[bytes], note: bytes) -> bytes:
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", ""]
    return "\n".join(lines).encode() + note
