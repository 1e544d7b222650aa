"""The fold state of a partition as a file, so that a worker need not fold from offset 0 after each start.

    rekap fold state 2\\n
    <one line of JSON: what the fold state is of, its next offset, and the length of each part that follows>\\n
    <parts: positions of lives, newest numbers of each signing key, keys of tallies, numbers of tallies,
            finance reports, chunks of lives>
    <SHA-256 of all before, 32 bytes>

The ledger is the truth, and a fold state is not: where a file does not fit to the last byte it is dropped, and the partition is
folded from the ledger again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import NamedTuple

import orjson

from projections.fold.tabulation import FoldState
from projections.station.lives import PackedLives
from schemas.codes import OfficeId

MAGIC = b"rekap fold state 2\n"
_DIGEST_BYTES = 32


class StateOf(NamedTuple):
    """What a fold state belongs to. With another of these the same records may lead to another fold state."""

    definition: str
    """Hash of the election package."""
    rules: str
    """Hash of the code that folds."""
    partition: int


class UnfitStateError(ValueError):
    """The fold state must not be used; the message states why."""


class DamagedStateError(UnfitStateError):
    """The file is not as it was written."""


def encoded(state: FoldState, of: StateOf) -> Iterator[bytes]:
    """The file, piece by piece."""
    before_chunks = [state.lives.positions, state.sequences, state.tally_keys, state.tally_numbers, state.finance]
    parts = [*before_chunks, *state.lives.chunks]
    head = {
        **_identity(of),
        "next_offset": state.next_offset,
        "last_leaf": state.last_leaf.hex(),
        "genesis": state.genesis.hex(),
        "through": state.through,
        "left_over": state.lives.left_over,
        "parts": [len(part) for part in parts],
    }
    digest = hashlib.sha256()
    for piece in (MAGIC, orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE), *parts):
        digest.update(piece)
        yield piece
    yield digest.digest()


def decoded(content: bytes, of: StateOf) -> FoldState:
    """The fold state in a file. Raises UnfitStateError where the file is damaged, or of another definition, code or
    partition."""
    if not content.startswith(MAGIC):
        raise UnfitStateError("it is not the state of a fold, or of another version of the format")
    body = memoryview(content)[:-_DIGEST_BYTES]
    if hashlib.sha256(body).digest() != content[-_DIGEST_BYTES:]:
        raise DamagedStateError("its bytes are not those that were written (SHA-256 differs)")
    end = content.index(b"\n", len(MAGIC)) + 1
    head = orjson.loads(body[len(MAGIC) : end])
    for name, value in _identity(of).items():
        if head.get(name) != value:
            raise UnfitStateError(f"it is of {name} {head.get(name)}, not {value}")
    parts = []
    for length in head["parts"]:
        parts.append(bytes(body[end : end + length]))
        end += length
    positions, sequences, keys, numbers, finance, *chunks = parts
    return FoldState(
        head["next_offset"],
        bytes.fromhex(head["last_leaf"]),
        bytes.fromhex(head["genesis"]),
        {OfficeId(office): through for office, through in head["through"].items()},
        PackedLives(positions, chunks, head["left_over"]),
        sequences,
        keys,
        numbers,
        finance,
    )


def _identity(of: StateOf) -> dict[str, str | int]:
    # Numbers are stored in the byte order of this machine.
    return {**of._asdict(), "byte_order": sys.byteorder}
