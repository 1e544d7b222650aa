"""Results of signature checks, kept so that a worker that folds a partition again need not check the same signatures again.

A check costs as much as the rest of a record's fold. Results are kept for groups of 32 records, with offsets 32 n to 32 n + 31:
which of the signatures are valid, and one SHA-256 over these bits and the leaf hashes of the records. If one byte of a group's
records differs from the ledger's, or one byte of the kept group from what was written, the group is checked again.

Only valid signatures are kept as such. Others are checked again each time, because a later version of the code may be able to
read a record that this version cannot read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import orjson

MAGIC = b"rekap checked signatures 1\n"
GROUP = 32
"""Records in a group. The last group of a batch is seldom whole and then is checked again: at this size on average 16 records
of a batch."""
_BITS_BYTES = GROUP // 8
_DIGEST_BYTES = 32
_ENTRY_BYTES = _BITS_BYTES + _DIGEST_BYTES


class CheckedSignatures:
    """The checked signatures of one ledger partition. `of` names the keys and the code that they were checked with."""

    def __init__(self, of: str) -> None:
        self._of = of
        self._entries = bytearray()
        """_ENTRY_BYTES for each group, in order; zeros for a group that was not seen as a whole."""
        self._open(0)

    def _open(self, offset: int) -> None:
        self._open_at = offset
        """Offset of the next record of the group that is not complete yet."""
        self._open_leaves: list[bytes] = []
        self._open_bits = 0

    def hold(self, first: int, leaves: Sequence[bytes]) -> list[bool]:
        """Whether the signature of each of the records at `first`, `first` + 1, … with these leaf hashes is known to be
        valid."""
        known = [False] * len(leaves)
        for start in range(-first % GROUP, len(leaves) - GROUP + 1, GROUP):
            entry_start = (first + start) // GROUP * _ENTRY_BYTES
            entry = self._entries[entry_start : entry_start + _ENTRY_BYTES]
            bits = bytes(entry[:_BITS_BYTES])
            if entry and entry[_BITS_BYTES:] == _digest(bits, leaves[start : start + GROUP]):
                number = int.from_bytes(bits, "big")
                known[start : start + GROUP] = [bool(number >> bit & 1) for bit in range(GROUP)]
        return known

    def note(self, first: int, leaves: Sequence[bytes], holds: Sequence[bool]) -> None:
        """Keep the results for the records at `first`, `first` + 1, … A group is kept once all its records were seen in
        order."""
        assert len(leaves) == len(holds)
        offset, end = first, first + len(leaves)
        while offset < end:
            if offset % GROUP == 0:
                self._open(offset)
            stop = min(end, offset - offset % GROUP + GROUP)
            if offset == self._open_at:
                self._open_leaves += leaves[offset - first : stop - first]
                for bit, held in enumerate(holds[offset - first : stop - first], offset % GROUP):
                    self._open_bits |= held << bit
                self._open_at = stop
                if stop % GROUP == 0:
                    self._close(offset // GROUP)
            offset = stop

    def _close(self, group: int) -> None:
        bits = self._open_bits.to_bytes(_BITS_BYTES, "big")
        self._entries += bytes(max(0, group * _ENTRY_BYTES - len(self._entries)))
        self._entries[group * _ENTRY_BYTES : (group + 1) * _ENTRY_BYTES] = bits + _digest(bits, self._open_leaves)

    def to_bytes(self) -> bytes:
        head = orjson.dumps({"of": self._of}, option=orjson.OPT_APPEND_NEWLINE)
        return b"%b%b%b" % (MAGIC, head, bytes(self._entries))

    @classmethod
    def from_bytes(cls, content: bytes, of: str) -> CheckedSignatures:
        """The checked signatures in the content of a file; none where it is of other keys or other code, or not such a file."""
        checked = cls(of)
        head = MAGIC + orjson.dumps({"of": of}, option=orjson.OPT_APPEND_NEWLINE)
        if content.startswith(head):
            checked._entries += content[len(head) :]
        return checked


def _digest(bits: bytes, leaves: Sequence[bytes]) -> bytes:
    return hashlib.sha256(bits + b"".join(leaves)).digest()
