"""The decision of a witness whether to cosign a checkpoint; the pure part of C2SP tlog-witness.

A witness keeps for each log the newest tree that it has cosigned, the `Head`. It cosigns a larger tree only with a proof that
the larger one continues the head, so all trees that it ever cosigned for a log are one history. The caller of `decide` must
not let the head change until the next head is kept. Otherwise two requests could be decided with the same head, both be
cosigned, and the older tree be kept.

The statuses are those of C2SP tlog-witness, `add-checkpoint`:

    200   cosigned                                  404   the origin is not that of a known log
    400   the request does not have its form        409   the witness has another size, or another root for it
    403   not signed by a known key of the log      422   the proof does not prove that the tree continues the head
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from proofs.merkle import EMPTY_ROOT, ProofError, check_consistency
from proofs.notes import (
    NOTE_BYTES_MAX,
    Checkpoint,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    check_signature,
    parse_checkpoint,
    parse_note,
    parse_size,
)

PROOF_HASHES_MAX = 63
"""Limit for the hashes of a proof by C2SP tlog-witness. A tree of 2^63 leaves needs no more."""
BODY_BYTES_MAX = NOTE_BYTES_MAX + 4 * 1024
"""Limit for a request, with the largest note, 63 lines of 45 bytes, and the line of the old size."""
SIZE_TYPE = "text/x.tlog.size"

OK, MALFORMED, FORBIDDEN, UNKNOWN_LOG, CONFLICT, UNPROVED = 200, 400, 403, 404, 409, 422

Logs = Mapping[str, Sequence[VerifierKey]]
"""Origin of a log → the keys that may sign for it."""


class RefusedError(Exception):
    """A request is refused whatever the head. `status` is that of C2SP tlog-witness."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Head(NamedTuple):
    """The newest tree of a log that the witness has cosigned."""

    size: int
    root: bytes


NOTHING_YET = Head(0, EMPTY_ROOT)


class Request(NamedTuple):
    """An `add-checkpoint` whose checkpoint a known key of its log has signed."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint
    note: Note
    """The note, with only the log's signatures. The witness cosigns its text, extension lines included."""

    @property
    def head(self) -> Head:
        return Head(self.checkpoint.size, self.checkpoint.root)


class Conflict(Enum):
    """Why a checkpoint that its log has signed is kept as evidence."""

    FORK = "fork"
    """Two roots for one size, both signed by the log, which proves that the log shows two histories."""
    UNPROVED = "unproved"
    """A larger tree that came without a proof that it continues the cosigned one. This is not proof of a second history,
    because anybody can send a good checkpoint with a bad proof."""


class Decision(NamedTuple):
    status: int
    sentence: str
    conflict: Conflict | None = None


def read_request(body: bytes, logs: Logs) -> Request:
    """Read an `add-checkpoint` and check the log's signature. Raises RefusedError with 400, 404 or 403."""
    try:
        if len(body) > BODY_BYTES_MAX:
            raise NoteError(f"the request has more than {BODY_BYTES_MAX:,} bytes")
        head, found, data = body.partition(b"\n\n")
        if not found:
            raise NoteError("the request has no empty line before the checkpoint")
        first, *lines = head.decode("ascii", "replace").split("\n")
        old = _parse_old(first)
        proof = _parse_proof(lines)
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
    except NoteError as error:
        raise RefusedError(MALFORMED, str(error)) from None
    keys = logs.get(checkpoint.origin, ())
    if not keys:
        raise RefusedError(UNKNOWN_LOG, f"{checkpoint.origin[:200]!r} is not the origin of a known log")
    signatures = tuple(each for each in note.signatures if any(_holds(note.text, each, key) for key in keys))
    if not signatures:
        raise RefusedError(FORBIDDEN, f"the checkpoint is not signed by a known key of {checkpoint.origin!r}")
    return Request(old, proof, checkpoint, note._replace(signatures=signatures))


def decide(request: Request, head: Head) -> Decision:
    """Decide about a request, for a witness whose newest tree of this log is `head`."""
    size, root = request.head
    conflict = None
    if size == head.size > 0 and root != head.root:  # a fork whatever old size the client claims
        conflict = Conflict.FORK
    if request.old > size:
        return Decision(MALFORMED, f"the old size {request.old} is larger than the checkpoint's, {size}", conflict)
    if request.old != head.size:
        return Decision(CONFLICT, f"the newest cosigned tree has {head.size} leaves, not {request.old}", conflict)
    if size == head.size and root != head.root:
        return Decision(CONFLICT, f"another root was cosigned for {size} leaves", conflict)
    try:
        check_consistency(head.size, size, request.proof, head.root, root)
    except ProofError as error:
        # Every tree continues an empty one, and itself. In these cases a bad proof does not show another history.
        is_open = 0 < head.size < size
        return Decision(UNPROVED, str(error), Conflict.UNPROVED if is_open else None)
    return Decision(OK, f"{size} leaves continue {head.size}")


def _parse_old(line: str) -> int:
    word, _, size = line.partition(" ")
    if word != "old":
        raise NoteError("the first line is not 'old' and a size")
    return parse_size(size)


def _parse_proof(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > PROOF_HASHES_MAX:
        raise NoteError(f"the proof has more than {PROOF_HASHES_MAX} hashes")
    proof = []
    for line in lines:
        try:
            each = binascii.a2b_base64(line)
        except ValueError:
            each = b""
        # Compared with its own encoding, because Python ignores what is not base64 and bits after the last byte, and two lines
        # must not mean one hash.
        if len(each) != 32 or base64.b64encode(each).decode() != line:
            raise NoteError(f"{line[:60]!r} is not a hash of 32 bytes in base64")
        proof.append(each)
    return tuple(proof)


def _holds(text: str, signature: Signature, key: VerifierKey) -> bool:
    try:
        check_signature(text, signature, key)
    except NoteError:
        return False
    return True
