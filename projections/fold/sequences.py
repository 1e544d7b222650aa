"""The numbers that each key gives its events (`seq`, `prev`), as far as one partition of the ledger shows them.

A key's events may be in several partitions, and a fold reads one. So the fold finds a number that was used twice (Q1) and a
wrong `prev` (Q2) where both events are in its partition and at most NUMBERS_KEPT numbers apart. Numbers used twice in two
partitions, and missing numbers, change nothing that is counted: `rekap audit` (audit/count/numbering.py) and `rekap doctor`
look for these over all partitions.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_left
from typing import NamedTuple

from schemas.definition.package import Severity
from schemas.findings import Finding

NUMBERS_KEPT = 1_024
"""How many numbers below a key's highest are remembered: 40 bytes each, so 41 kB a key at most. A batch has 1,000 lines, so
that a batch sent again in another order is within them. At half, it would not be; at double, a thousand keys that each submit
for whole regions take 80 MB of a partition."""
_ENTRY = struct.Struct("<Q16s16s")
"""Number, the event's id, and its `prev` (zeros: none), both as `_short`."""
_NUMBER = struct.Struct("<Q")
"""The number of the entry that begins here."""
_KEY = struct.Struct("<8sI")
"""Key id, and how many entries follow."""
_NONE = bytes(16)

_USED_TWICE = Finding(
    "Q1",
    Severity.SOFT,
    "Nomor urut (`seq`) ini sudah dipakai oleh peristiwa lain dari kunci yang sama.",
    "This number (`seq`) was used by another event of the same key.",
)
NOT_THE_ONE_BEFORE = Finding(
    "Q2",
    Severity.SOFT,
    "`prev` bukan peristiwa dengan nomor urut sebelumnya dari kunci yang sama.",
    "`prev` is not the event with the number before this one, of the same key.",
)


class _Newest(NamedTuple):
    """The event with a key's highest number."""

    number: int
    event_id: bytes
    short: bytes
    """The id as `_short`."""


class Sequences:
    """The newest numbers of each key in a partition."""

    def __init__(self) -> None:
        self._of: dict[str, bytearray] = {}
        """Entries of each key, ascending by number."""
        self._newest: dict[str, _Newest] = {}
        """The last entry of each key, where that was noted since the start."""

    def note(self, key: str, seq: int, event_id: bytes, prev: bytes | None) -> tuple[Finding, ...]:
        """Note an event that the key has signed. Returns Q1 or Q2 where its number or `prev` does not fit the key's other
        events."""
        newest = self._newest.get(key)
        if newest is not None and seq > newest.number:
            return self._note_above(key, newest, seq, event_id, prev)
        entries = self._of.setdefault(key, bytearray())
        own, before = _short(event_id), _NONE if prev is None else _short(prev)
        if seq == 0 and prev is not None:
            return (NOT_THE_ONE_BEFORE,)
        highest = _entry(entries, _count(entries) - 1)[0] if entries else seq
        if seq <= highest - NUMBERS_KEPT:
            return ()
        index = _count(entries)
        if seq <= highest:  # nearly all events have a number above those before
            index = bisect_left(range(index), seq, key=lambda number: _entry(entries, number)[0])
        if index < _count(entries) and _entry(entries, index)[0] == seq:
            return () if _entry(entries, index)[1] == own else (_USED_TWICE,)
        is_misplaced = False
        if index > 0:
            number, event, _ = _entry(entries, index - 1)
            is_misplaced = number == seq - 1 and event != before
        if index < _count(entries):
            number, _, names = _entry(entries, index)
            is_misplaced = is_misplaced or (number == seq + 1 and names != own)
        if index == _count(entries):
            self._newest[key] = _Newest(seq, event_id, own)
        entries[index * _ENTRY.size : index * _ENTRY.size] = _ENTRY.pack(seq, own, before)
        _drop_oldest(entries, max(seq, highest))
        return (NOT_THE_ONE_BEFORE,) if is_misplaced else ()

    def _note_above(
        self, key: str, newest: _Newest, seq: int, event_id: bytes, prev: bytes | None
    ) -> tuple[Finding, ...]:
        """Note an event whose number is above all others of the key, as nearly all are, in a third of the time that
        other numbers take."""
        entries = self._of[key]
        own = _short(event_id)
        before = _NONE if prev is None else newest.short if prev == newest.event_id else _short(prev)
        entries += _ENTRY.pack(seq, own, before)
        _drop_oldest(entries, seq)
        self._newest[key] = _Newest(seq, event_id, own)
        return (NOT_THE_ONE_BEFORE,) if seq == newest.number + 1 and before != newest.short else ()

    def pack(self) -> bytes:
        return b"".join(_KEY.pack(bytes.fromhex(key), _count(entries)) + entries for key, entries in self._of.items())

    @classmethod
    def unpack(cls, packed: bytes) -> Sequences:
        sequences = cls()
        start = 0
        while start < len(packed):
            key, count = _KEY.unpack_from(packed, start)
            start += _KEY.size
            sequences._of[key.hex()] = bytearray(packed[start : start + count * _ENTRY.size])
            start += count * _ENTRY.size
        return sequences


def _drop_oldest(entries: bytearray, highest: int) -> None:
    while _NUMBER.unpack_from(entries)[0] <= highest - NUMBERS_KEPT:
        del entries[: _ENTRY.size]


def _short(event_id: bytes) -> bytes:
    """Half as many bytes as an id, but of its hash, because a submitter could write a `prev` that is half right."""
    return hashlib.sha256(event_id).digest()[: len(_NONE)]


def _count(entries: bytearray) -> int:
    return len(entries) // _ENTRY.size


def _entry(entries: bytearray, number: int) -> tuple[int, bytes, bytes]:
    seq, event, prev = _ENTRY.unpack_from(entries, number * _ENTRY.size)
    return seq, event, prev
