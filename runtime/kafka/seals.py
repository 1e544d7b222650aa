"""Seals, by which a reader of Kafka recognizes that one of the workers wrote a message, and for which topic partition.

Kafka stores what any client writes that can reach it. So each message that a process believes, and that no submitter's
signature covers, has a seal: messages of `subtotals` and `results`, the number of the generation that is served, and the note
beside a committed offset. A seal is a MAC, keyed BLAKE2b (RFC 7693), over the purpose of the message, the definition of the
election, the topic (which names mode, election and generation), partition, key and value, each with its length. So a seal does
not hold for any other message, nor elsewhere.

A client that may write to Kafka can write a sealed message again. That changes nothing: readers skip a block or a result by its
watermarks and an older generation by its number, and after an older committed offset blocks are published again.

The keys are in a file that all workers have, one a line. The first key seals; messages sealed with any of them are believed, so
that a key is replaced by overlap (docs/operations.md). The file is read again whenever it changes.
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from runtime.errors import OutsideError
from runtime.files.atomic_write import replace_file
from runtime.files.key_files import KeyFileError
from runtime.files.own_files import is_secret

HEADER = "rekap-seal"
KEY_BYTES = 32
KEY_ID_BYTES = 8
MAC_BYTES = 32
KEYS_MAX = 16
FILE_BYTES_MAX = 16 * 1024
LOOK_SECONDS = 1.0
"""Pause between two looks at the file by a process that seals. A process that checks a seal looks at once where it does not
know the key, so that a key that was just added is believed. At double, a key that was removed is used to seal for twice as
long."""
NO_SEAL, TWO_SEALS, UNKNOWN_KEY, WRONG_SEAL = "no seal", "two seals", "sealed with an unknown key", "a wrong seal"


class SealError(OutsideError):
    """A message is not believed. The text states why in a few words, and contains nothing of the message."""


class SealKey(NamedTuple):
    id: bytes
    key: bytes

    @classmethod
    def of(cls, key: bytes) -> SealKey:
        return cls(blake2b(key, digest_size=KEY_ID_BYTES, person=b"rekap-key-id").digest(), key)


class Seals:
    """Seals, and checks seals, for one election. Used by one event loop or thread only."""

    def __init__(self, path: Path, definition: str) -> None:
        """Raises KeyFileError."""
        self._path = path
        self._definition = definition.encode()
        self._stamp = _stamp(path)
        self._keys = read_seal_keys(path)
        self._looked_at = time.monotonic()

    # -- messages ----------------------------------------------------------------------------------------------------

    def headers(self, topic: str, partition: int, key: bytes | None, value: bytes) -> list[tuple[str, bytes]]:
        """The headers to send with a message."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            self._look()
        parts = (topic.encode(), b"%d" % partition, key, value)
        return [(HEADER, self._seal(self._keys[0], b"message", parts))]

    def check(self, message: Any) -> None:
        """Check that a worker wrote a message (of aiokafka or Faust) for its topic and partition. Raises SealError."""
        given = message.headers or ()
        pairs = given.items() if isinstance(given, Mapping) else given
        found = [value for name, value in pairs if name == HEADER]
        if len(found) != 1:
            raise SealError(TWO_SEALS if found else NO_SEAL)
        parts = (message.topic.encode(), b"%d" % message.partition, message.key, message.value)
        self._check(found[0] or b"", b"message", parts)

    # -- committed offsets -------------------------------------------------------------------------------------------

    def metadata(self, group: str, topic_partition: tuple[str, int], offset: int, note: str) -> str:
        """The metadata to commit with an offset: the seal and the note."""
        parts = _parts_of_offset(group, topic_partition, offset, note)
        return f"{self._seal(self._keys[0], b'offset', parts).hex()} {note}"

    def note(self, group: str, topic_partition: tuple[str, int], offset: int, metadata: str) -> str:
        """The note in the metadata of a committed offset. Raises SealError."""
        seal, _, note = metadata.partition(" ")
        try:
            found = bytes.fromhex(seal)
        except ValueError:
            found = b""
        if not found:
            raise SealError(NO_SEAL)
        self._check(found, b"offset", _parts_of_offset(group, topic_partition, offset, note))
        return note

    # -- both --------------------------------------------------------------------------------------------------------

    def _seal(self, key: SealKey, what: bytes, parts: Sequence[bytes | None]) -> bytes:
        mac = blake2b(key=key.key, digest_size=MAC_BYTES, person=b"rekap-seal")
        sealed = (what, self._definition, *parts)
        # The lengths come first, and an absent part differs from an empty one, so that no two messages have the same
        # bytes here.
        mac.update(b"".join(b"-" if part is None else b"%d," % len(part) for part in sealed))
        for part in sealed:
            mac.update(part or b"")
        return key.id + mac.digest()

    def _check(self, seal: bytes, what: bytes, parts: Sequence[bytes | None]) -> None:
        key = self._known(seal[:KEY_ID_BYTES])
        if key is None:
            self._look()
            key = self._known(seal[:KEY_ID_BYTES])
        if key is None:
            raise SealError(UNKNOWN_KEY)
        if not hmac.compare_digest(seal, self._seal(key, what, parts)):
            raise SealError(WRONG_SEAL)

    def _known(self, key_id: bytes) -> SealKey | None:
        return next((key for key in self._keys if key.id == key_id), None)

    def _look(self) -> None:
        """Read the file again where it has changed. While it cannot be read, the keys of before are used."""
        self._looked_at = time.monotonic()
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._keys = read_seal_keys(self._path)
                self._stamp = stamp
        except KeyFileError:
            pass  # an operator is changing the file; a process that starts now raises


def _parts_of_offset(group: str, topic_partition: tuple[str, int], offset: int, note: str) -> tuple[bytes, ...]:
    topic, partition = topic_partition
    return group.encode(), topic.encode(), b"%d" % partition, b"%d" % offset, note.encode()


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_seal_keys(path: Path) -> list[SealKey]:
    """The keys in a file; the first is the one that seals. Raises KeyFileError, also where other users may read or write it."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise KeyFileError(
            f"{path} (REKAP_WORKERS_KEY), the keys that workers seal their messages with, cannot be read: {error.strerror}; "
            f"all workers of an election share one, made by `rekap keys workers {path}`"
        ) from None
    if not is_secret(status):
        raise KeyFileError(f"others on this machine may read or write {path} (REKAP_WORKERS_KEY): chmod 600 {path}")
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyFileError(f"{path} (REKAP_WORKERS_KEY) belongs to another user, who may change it")
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not (line := line.strip()) or line.startswith(b"#"):
            continue
        try:
            key = bytes.fromhex(line.decode("ascii"))
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise KeyFileError(f"{path}, line {number}: expected a key, {2 * KEY_BYTES} hexadecimal digits")
        keys.append(SealKey.of(key))
    if not keys or len(keys) > KEYS_MAX:
        raise KeyFileError(f"{path} has {len(keys)} keys; expected 1 to {KEYS_MAX}, a line each")
    return keys


def make_seal_keys(path: Path) -> None:
    """Make the file with one new key where there is none. Raises KeyFileError."""
    if not path.exists():
        write_seal_keys(path, [new_seal_key()])


def new_seal_key() -> SealKey:
    return SealKey.of(secrets.token_bytes(KEY_BYTES))


def write_seal_keys(path: Path, keys: Sequence[SealKey]) -> None:
    """Write the file, as a whole or not at all. Raises KeyFileError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (f"{key.key.hex()}\n".encode() for key in keys), mode=0o600)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from None


def _stamp(path: Path) -> tuple[int, int, int]:
    """Raises KeyFileError."""
    try:
        status = path.stat()
    except OSError as error:
        raise KeyFileError(
            f"{path} (REKAP_WORKERS_KEY), the keys that workers seal their messages with, cannot be read: {error.strerror}; "
            f"all workers of an election share one, made by `rekap keys workers {path}`"
        ) from None
    return status.st_mtime_ns, status.st_ino, status.st_size
