"""The last flush: the positions that its frames are exact at, and what each of its messages states about them."""

from __future__ import annotations

import orjson

from api.feed.state import OfficeState
from schemas.served.feed_cursors import Positions, cursor_of


class Moment:
    def __init__(self, definition_hash: str, generation: int, positions: Positions) -> None:
        self._definition_hash = definition_hash
        self._generation = generation
        self.begin(positions)

    def begin(self, positions: Positions) -> None:
        """Start from these positions, as if the last two flushes had been here."""
        self.before = positions
        """Positions of the flush before the last."""
        self.now = positions
        """Positions of the last flush."""
        self._cursor = ""
        self._heads: dict[int, bytes] = {}
        self._cuts: dict[int, tuple[bytes, bytes]] = {}
        self.number = 0
        """How many flushes there have been."""

    def advance(self, positions: Positions) -> None:
        """Note a flush at these positions."""
        self.before, self.now = self.now, positions
        self.number += 1
        self._cursor = ""
        self._heads, self._cuts = {}, {}

    @property
    def cursor(self) -> str:
        """The text that a client sends to resume after this flush."""
        if not self._cursor:
            self._cursor = cursor_of(self.now, self._definition_hash, self._generation)
        return self._cursor

    def head(self, office: OfficeState) -> bytes:
        """The members `office`, `as_of` and `shard_as_of` of each message of this flush about an office."""
        number = office.entry.number
        head = self._heads.get(number)
        if head is None:
            head = self._heads[number] = b'"office":%b,"as_of":%b,"shard_as_of":%b' % (
                orjson.dumps(office.entry.id),
                *self.cuts(office),
            )
        return head

    def cuts(self, office: OfficeState) -> tuple[bytes, bytes]:
        """The `as_of` and `shard_as_of` of an office at this flush."""
        cuts = self._cuts.get(office.entry.number)
        if cuts is None:
            cuts = self._cuts[office.entry.number] = office.as_of(), office.shard_as_of()
        return cuts
