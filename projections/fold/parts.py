"""The rule by which readers join a message in parts (schemas/derived/parts.py), so that they apply all of it or nothing.

The parts of one message are in one topic partition in order, but others may be between them: parts of a second worker that was
replaced and still publishes, or the same parts again. The rule, for each chain (an office; an office and a ledger
partition):

    begun       part 0 opens a message. An open message of the same writer is dropped, because the writer has given it up; a
                message with a lower number of that writer was published again, and is skipped
    continued   the next number is added, and the last one ends the message
    repeated    a number that the open message has is skipped
    missing     a higher number than the next one drops the message; a part of a message that is not open is skipped
    abandoned   of more open messages than WRITERS_MAX, or more bytes than OPEN_BYTES_MAX, the one opened first is dropped

After a dropped message the reader has a gap (chain.py), which the next keyframe closes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from schemas.derived.parts import PART_BYTES_MAX, PARTS_MAX, Part

WRITERS_MAX = 3
"""Open messages of one chain. Two occur in a rebalance; at one, two workers that publish at the same time would drop each
other's messages again and again; at more, messages of workers that died, which will not end, are kept longer."""
OPEN_BYTES_MAX = 2 * PARTS_MAX * PART_BYTES_MAX
"""Limit for all open messages, which is twice the largest message. As Python objects they take up to five times as much
memory."""

Piece = TypeVar("Piece")


@dataclass(slots=True)
class _Open(Generic[Piece]):
    chain: str
    part: Part
    """The part that was received last."""
    pieces: list[Piece]
    size: int
    first_offset: int


class Parts(Generic[Piece]):
    """Open messages, of which parts are missing. One reader owns them."""

    def __init__(self, *, writers_max: int = WRITERS_MAX, bytes_max: int = OPEN_BYTES_MAX) -> None:
        self._writers_max = writers_max
        self._bytes_max = bytes_max
        self._open: dict[tuple[str, str], _Open[Piece]] = {}
        """Open messages by chain and writer, in the order in which they were opened."""
        self._bytes = 0
        self.dropped = 0
        """Messages that were dropped, since the start."""

    def add(self, chain: str, part: Part | None, piece: Piece, size: int, offset: int = 0) -> list[Piece] | None:
        """Add a part. Returns all pieces of a message with its last part; None while parts are missing, and for a part that is
        skipped. `size` in bytes; `offset` of the Kafka record."""
        if part is None:
            return [piece]
        key = (chain, part.writer)
        message = self._open.get(key)
        if part.number == 0 and (message is None or message.part.turn < part.turn):
            self._drop(key)
            if not 0 < part.of <= PARTS_MAX:
                self.dropped += 1
                return None
            message = self._open[key] = _Open(chain, part, [], 0, offset)
            self._keep(chain, message, piece, size)
        elif message is None or message.part.message != part.message:
            return None
        elif part.number == message.part.number + 1 and part.of == message.part.of:
            message.part = part
            self._keep(chain, message, piece, size)
        elif part.number > message.part.number:
            self._drop(key)
            return None
        if self._open.get(key) is not message or message.part.number + 1 < message.part.of:
            return None
        self._forget(key)
        return message.pieces

    def give_up(self, chain: str, is_needless: Callable[[Piece], bool]) -> None:
        """Drop the open messages of a chain that, by their first piece, have nothing new."""
        for key in [key for key, each in self._open.items() if key[0] == chain and is_needless(each.pieces[0])]:
            self._forget(key)

    @property
    def first_offset(self) -> int | None:
        """Offset of the first Kafka record to be read again after a restart; None if no message is open."""
        return min((message.first_offset for message in self._open.values()), default=None)

    def _keep(self, chain: str, message: _Open[Piece], piece: Piece, size: int) -> None:
        message.pieces.append(piece)
        message.size += size
        self._bytes += size
        of_chain = [key for key in self._open if key[0] == chain]
        for key in of_chain[: max(0, len(of_chain) - self._writers_max)]:
            self._drop(key)
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._open)))

    def _drop(self, key: tuple[str, str]) -> None:
        if key in self._open:
            self.dropped += 1
            self._forget(key)

    def _forget(self, key: tuple[str, str]) -> None:
        self._bytes -= self._open.pop(key).size
