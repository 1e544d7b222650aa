"""What waits, by party: the parties have their turns one after the other, and what a party has first is taken first."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

_Waiting = TypeVar("_Waiting")


class PartyQueue(Generic[_Waiting]):
    def __init__(self) -> None:
        self._of_party: dict[str, deque[_Waiting]] = {}
        """By party; the party whose turn is next first."""

    def __bool__(self) -> bool:
        return bool(self._of_party)

    def __contains__(self, party: str) -> bool:
        return party in self._of_party

    def parties(self) -> list[str]:
        """Those for which something waits, the one whose turn is next first."""
        return list(self._of_party)

    def add(self, party: str, waiting: _Waiting) -> None:
        self._of_party.setdefault(party, deque()).append(waiting)

    def first(self, party: str) -> _Waiting:
        """What of this party has waited longest."""
        return self._of_party[party][0]

    def take(self, party: str) -> _Waiting:
        """The first of what waits of a party, taken out of the queue. The party's next turn is behind those of the others."""
        queue = self._of_party.pop(party)
        taken = queue.popleft()
        if queue:
            self._of_party[party] = queue
        return taken

    def take_next(self) -> _Waiting:
        """What the party has first whose turn is next."""
        return self.take(next(iter(self._of_party)))
