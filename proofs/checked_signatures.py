"""What a worker remembers of the signatures it has checked, so that folding a partition again need not check them again.

A check costs as much as all the rest of a record's fold. So records are remembered in groups, those with offsets
32 n … 32 n + 31: which of their signatures hold, and one SHA-256 over that and the records' leaf hashes. A group of which
one byte differs from the ledger's, or from what was written, is not remembered, and is checked as if it were new.

That a signature holds is remembered, that it does not is not: whoever cannot read a record today may read it tomorrow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson

MAGIC = b"rekap checked signatures 1\n"
GROUP = 32
"""Records. The last group of a batch is seldom whole and is checked: of a batch of 1,000 that is 16 records at this size."""
_BITS_BYTES = GROUP // 8
_DIGEST_BYTES = 32
_ENTRY_BYTES = _BITS_BYTES + _DIGEST_BYTES


class CheckedSignatures:
    """Of one partition of the ledger. `of` says what they were checked with: keys and code."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._entries = bytearray()
        """_ENTRY_BYTES for each group, in order; zeros for one that was not seen as a whole."""
        self._open_at = 0
        """Offset of the next record of the group that is being seen."""
        self._open_leaves: list[bytes] = []
        self._open_bits = 0

    def hold(self, first: int, leaves: Sequence[bytes]) -> list[bool]:
        """Of the records at `first`, `first` + 1, … with these leaf hashes: whether the signature is known to hold."""
        known = [False] * len(leaves)
        for start in range(-first % GROUP, len(leaves) - GROUP + 1, GROUP):
            place = (first + start) // GROUP * _ENTRY_BYTES
            entry = self._entries[place : place + _ENTRY_BYTES]
            bits = bytes(entry[:_BITS_BYTES])
            if entry and entry[_BITS_BYTES:] == _digest(bits, leaves[start : start + GROUP]):
                number = int.from_bytes(bits, "big")
                known[start : start + GROUP] = [bool(number >> bit & 1) for bit in range(GROUP)]
        return known

    def note(self, first: int, leaves: Sequence[bytes], holds: Sequence[bool]) -> None:
        """Remember what was found of the records at `first`, `first` + 1, … A group counts once all of it was seen in order."""
        for offset, (leaf, held) in enumerate(zip(leaves, holds, strict=True), first):
            if offset % GROUP == 0:
                self._open_at, self._open_leaves, self._open_bits = offset, [], 0
            if offset != self._open_at:
                continue
            self._open_at += 1
            self._open_leaves.append(leaf)
            self._open_bits |= held << offset % GROUP
            if self._open_at % GROUP == 0:
                self._close(offset // GROUP)

    def _close(self, group: int) -> None:
        bits = self._open_bits.to_bytes(_BITS_BYTES, "big")
        missing = (group + 1) * _ENTRY_BYTES - len(self._entries)
        if missing > 0:
            self._entries += bytes(missing)
        self._entries[group * _ENTRY_BYTES : (group + 1) * _ENTRY_BYTES] = bits + _digest(bits, self._open_leaves)

    def to_bytes(self) -> bytes:
        head = orjson.dumps({"of": self._of}, option=orjson.OPT_APPEND_NEWLINE)
        return b"%b%b%b" % (MAGIC, head, bytes(self._entries))

    @classmethod
    def from_bytes(cls, content: bytes, of: str) -> CheckedSignatures:
        """What is remembered in a file; nothing where it is of other keys or other code, or no such file."""
        checked = cls(of)
        head = MAGIC + orjson.dumps({"of": of}, option=orjson.OPT_APPEND_NEWLINE)
        if content.startswith(head):
            entries = content[len(head) :]
            checked._entries += entries[: len(entries) - len(entries) % _ENTRY_BYTES]
        return checked


def _digest(bits: bytes, leaves: Sequence[bytes]) -> bytes:
    return hashlib.sha256(bits + b"".join(leaves)).digest()
