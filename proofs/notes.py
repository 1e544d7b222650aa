"""Signed notes, checkpoints and cosignatures: C2SP signed-note, tlog-checkpoint and tlog-cosignature.

A note is a text that ends in a line end, an empty line, and signature lines `— name base64(key hash ‖ signature)`. A log
signs the text with Ed25519 (type 1). A witness signs the text and the time (type 4), which asserts that the tree in this
checkpoint continues every tree of the log that the witness has cosigned before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proofs.signatures import UnfitKeyError, load_public_key

ED25519, COSIGNATURE = 1, 4
"""Signature types of C2SP signed-note."""
NOTE_BYTES_MAX = 64 * 1024
SIGNATURES_MAX = 64
_MARK = "— "


class NoteError(ValueError):
    """A note, checkpoint or key does not have its form, or a signature is missing or wrong; the message states which."""


class Signature(NamedTuple):
    name: str
    key_hash: bytes
    """4 bytes that differ for the keys of one name."""
    signature: bytes

    @property
    def line(self) -> str:
        return f"{_MARK}{self.name} {base64.b64encode(self.key_hash + self.signature).decode()}\n"


class Note(NamedTuple):
    text: str
    signatures: tuple[Signature, ...]

    def to_text(self) -> str:
        return self.text + "\n" + "".join([signature.line for signature in self.signatures])

    def to_bytes(self) -> bytes:
        return self.to_text().encode()


class VerifierKey(NamedTuple):
    """A public key for notes, written as `name+hash+base64(type ‖ key)`."""

    name: str
    kind: int
    public_key: bytes

    @property
    def key_hash(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public_key).decode()
        return f"{self.name}+{self.key_hash.hex()}+{encoded}"


class Checkpoint(NamedTuple):
    """A log's statement that its tree of `size` leaves has this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_key(text: str) -> VerifierKey:
    """Read a verifier key. Raises NoteError."""
    parts = text.strip().split("+", 2)
    try:
        name, key_hash, encoded = parts
        raw = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raise NoteError(f"{text.strip()[:80]!r} is not a verifier key: expected name+hash+key") from None
    if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
        raise NoteError(f"the key of {name!r} has an unknown type")
    key = VerifierKey(name, raw[0], raw[1:])
    if key.key_hash.hex() != key_hash:
        raise NoteError(f"the key of {name!r} does not have the hash {key_hash}")
    return key


def is_key_name(name: str) -> bool:
    """Whether a text can be the name of a key: not empty, without spaces and plus signs (C2SP signed-note)."""
    return bool(name) and "+" not in name and not any(each.isspace() for each in name)


def parse_note(data: bytes) -> Note:
    """Read a note. Raises NoteError."""
    if len(data) > NOTE_BYTES_MAX:
        raise NoteError(f"the note has more than {NOTE_BYTES_MAX:,} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise NoteError("the note is not UTF-8") from None
    if any(ord(character) < 0x20 and character != "\n" for character in text):
        raise NoteError("the note holds a control character")
    body, found, signed = text.rpartition("\n\n")
    if not found or not signed.endswith("\n"):
        raise NoteError("the note has no signatures")
    lines = signed[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"the note has more than {SIGNATURES_MAX} signatures")
    return Note(body + "\n", tuple(_parse_signature(line) for line in lines))


def _parse_signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    try:
        raw = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        raw = b""
    if not line.startswith(_MARK) or not is_key_name(name) or len(raw) < 5:
        raise NoteError(f"{line[:60]!r} is not a signature line")
    return Signature(name, raw[:4], raw[4:])


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint note. Raises NoteError."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] or "" in lines[:-1]:
        raise NoteError("the checkpoint must have an origin, a size and a root, each in a line of its own")
    origin, size, root = lines[:3]
    leaves = parse_size(size)
    try:
        raw = binascii.a2b_base64(root, strict_mode=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise NoteError("the root is not 32 bytes in base64")
    return Checkpoint(origin, leaves, raw)


def parse_size(text: str) -> int:
    """Read a tree's size, which is decimal, without leading zeros, and has at most 18 digits, so that it fits into 63 bits.
    Raises NoteError."""
    if not text.isascii() or not text.isdigit() or (text != "0" and text.startswith("0")) or len(text) > 18:
        raise NoteError(f"{text[:20]!r} is not the size of a tree")
    return int(text)


def sign(text: str, name: str, key: Ed25519PrivateKey) -> Signature:
    """A log's signature of a note's text."""
    verifier = VerifierKey(name, ED25519, key.public_key().public_bytes_raw())
    return Signature(name, verifier.key_hash, key.sign(text.encode()))


def cosign(text: str, name: str, key: Ed25519PrivateKey, time: int) -> Signature:
    """A witness's signature of a checkpoint's text at a time (seconds since 1970)."""
    verifier = VerifierKey(name, COSIGNATURE, key.public_key().public_bytes_raw())
    return Signature(name, verifier.key_hash, time.to_bytes(8, "big") + key.sign(_cosigned(text, time)))


def _cosigned(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def check_signature(text: str, signature: Signature, key: VerifierKey) -> int | None:
    """Check one signature. Returns the time of a cosignature, and None for a log's signature. Raises NoteError."""
    if signature.name != key.name or signature.key_hash != key.key_hash:
        raise NoteError(f"the signature of {signature.name!r} is by another key than {key.name!r}")
    try:
        public: Ed25519PublicKey = load_public_key(key.public_key)
        if key.kind == ED25519:
            public.verify(signature.signature, text.encode())
            return None
        if len(signature.signature) != 72:
            raise NoteError(f"the cosignature of {key.name!r} has a wrong length")
        time = int.from_bytes(signature.signature[:8], "big")
        public.verify(signature.signature[8:], _cosigned(text, time))
    except (InvalidSignature, UnfitKeyError):
        raise NoteError(f"the signature of {key.name!r} is not valid for this text") from None
    return time


class OpenedCheckpoint(NamedTuple):
    """A checkpoint that its log has signed, and the witnesses that have cosigned it."""

    checkpoint: Checkpoint
    witnesses: dict[str, int]
    """Name of a witness → time of its cosignature, in seconds since 1970."""


def open_checkpoint(
    data: bytes, log: VerifierKey, witnesses: Sequence[VerifierKey] = (), *, origin: str | None = None
) -> OpenedCheckpoint:
    """Read a checkpoint that `log` has signed. Raises NoteError where the log's signature is missing, where the origin is not
    `origin` (the log's name by default), or where a signature of a known key is wrong. Signatures of unknown keys are ignored
    (C2SP signed-note)."""
    note = parse_note(data)
    checkpoint = parse_checkpoint(note.text)
    expected = origin if origin is not None else log.name
    if checkpoint.origin != expected:
        raise NoteError(f"the checkpoint has the origin {checkpoint.origin!r}, expected {expected!r}")
    known: Mapping[tuple[str, bytes], VerifierKey] = {(key.name, key.key_hash): key for key in (log, *witnesses)}
    is_signed = False
    times: dict[str, int] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_hash))
        if key is None:
            continue
        time = check_signature(note.text, signature, key)
        if key == log:
            is_signed = True
        elif time is not None:
            times[key.name] = time
    if not is_signed:
        raise NoteError(f"the checkpoint is not signed by {log.name!r}")
    return OpenedCheckpoint(checkpoint, times)
