"""What a witness decides: C2SP tlog-witness, without its server and its memory.

A witness remembers for each log the last checkpoint that it has cosigned, and cosigns another only where that continues it.
So whoever asks for its cosignature sees the same history as everybody else who does.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from proofs.merkle import EMPTY_ROOT, ProofError, check_consistency
from proofs.notes import (
    NOTE_BYTES_MAX,
    Checkpoint,
    Note,
    NoteError,
    VerifierKey,
    check_signature,
    parse_checkpoint,
    parse_note,
)

PROOF_HASHES_MAX = 63
REQUEST_BYTES_MAX = NOTE_BYTES_MAX + 64 * (PROOF_HASHES_MAX + 2)
MALFORMED, NOT_SIGNED, UNKNOWN_LOG, CONFLICT, NOT_CONSISTENT = 400, 403, 404, 409, 422


class WitnessRefusalError(Exception):
    """The checkpoint is not cosigned. `status` is HTTP's, as tlog-witness gives it; `known_size` stands with CONFLICT.

    `is_evidence` says that the log itself has signed something that contradicts what was cosigned before.
    """

    def __init__(self, status: int, sentence: str, *, known_size: int | None = None, is_evidence: bool = False) -> None:
        super().__init__(sentence)
        self.status = status
        self.known_size = known_size
        self.is_evidence = is_evidence


class Request(NamedTuple):
    """The body of `add-checkpoint`."""

    old: int
    proof: list[bytes]
    note: Note
    checkpoint: Checkpoint


class Seen(NamedTuple):
    """The last checkpoint of a log that was cosigned; size 0 where there is none."""

    size: int
    root: bytes


NOTHING_SEEN = Seen(0, EMPTY_ROOT)


def parse_request(body: bytes) -> Request:
    """Read a request. Raises WitnessRefusalError."""
    head, found, note_bytes = body.partition(b"\n\n")
    if not found or len(body) > REQUEST_BYTES_MAX:
        raise WitnessRefusalError(MALFORMED, "expected a line `old SIZE`, proof lines, an empty line and a checkpoint")
    first, *lines = head.split(b"\n")
    word, _, size = first.partition(b" ")
    if word != b"old" or not size.isdigit() or len(size) > 18 or (size.startswith(b"0") and size != b"0"):
        raise WitnessRefusalError(MALFORMED, f"the first line is {first[:40]!r}, expected `old SIZE`")
    if len(lines) > PROOF_HASHES_MAX:
        raise WitnessRefusalError(MALFORMED, f"the proof has {len(lines)} hashes, at most {PROOF_HASHES_MAX} can be")
    try:
        proof = [binascii.a2b_base64(line, strict_mode=True) for line in lines]
    except ValueError:
        raise WitnessRefusalError(MALFORMED, "a line of the proof is not base64") from None
    if any(len(each) != len(EMPTY_ROOT) for each in proof):
        raise WitnessRefusalError(MALFORMED, "a hash of the proof has not 32 bytes")
    try:
        note = parse_note(note_bytes)
        checkpoint = parse_checkpoint(note.text)
    except NoteError as error:
        raise WitnessRefusalError(MALFORMED, str(error)) from None
    return Request(int(size), proof, note, checkpoint)


def check_request(request: Request, log: VerifierKey | None, seen: Seen) -> None:
    """Whether the checkpoint may be cosigned, given the log's key and what was cosigned last. Raises WitnessRefusalError.

    The checks and their order are tlog-witness's: known log, its signature, sizes, what is remembered, consistency.
    """
    checkpoint = request.checkpoint
    if log is None:
        raise WitnessRefusalError(UNKNOWN_LOG, f"{checkpoint.origin!r} is no log that this witness knows")
    if not _is_signed(request.note, log):
        raise WitnessRefusalError(NOT_SIGNED, f"the checkpoint is not signed by {log}")
    if request.old > checkpoint.size:
        raise WitnessRefusalError(MALFORMED, f"the old size {request.old} is larger than the new, {checkpoint.size}")
    same_size_other_root = checkpoint.size == seen.size and checkpoint.root != seen.root
    if request.old != seen.size or same_size_other_root:
        sentence = f"size {seen.size} was cosigned"
        if same_size_other_root:
            sentence += f" with the root {seen.root.hex()}, not {checkpoint.root.hex()}"
        raise WitnessRefusalError(CONFLICT, sentence, known_size=seen.size, is_evidence=same_size_other_root)
    try:
        check_consistency(request.old, checkpoint.size, request.proof, seen.root, checkpoint.root)
    except ProofError as error:
        # No evidence against the log: anybody can send its checkpoint with a proof that proves nothing.
        raise WitnessRefusalError(NOT_CONSISTENT, str(error)) from None


def _is_signed(note: Note, log: VerifierKey) -> bool:
    for signature in note.signatures:
        if (signature.name, signature.key_hash) == (log.name, log.key_hash):
            try:
                check_signature(note.text, signature, log)
            except NoteError:
                return False
            return True
    return False


def request_body(old: int, proof: list[bytes], checkpoint: bytes) -> bytes:
    """The body of `add-checkpoint`, as a log sends it."""
    lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof), "", ""]
    return "\n".join(lines).encode() + checkpoint
