"""A queue for each client address: the addresses take turns, and what has waited longest of an address is taken first."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

_Waiting = TypeVar("_Waiting")


class AddressQueue(Generic[_Waiting]):
    def __init__(self) -> None:
        self._of_address: dict[str, deque[_Waiting]] = {}
        """What waits, by address. The address whose turn is next is first."""

    def __bool__(self) -> bool:
        return bool(self._of_address)

    def __contains__(self, address: str) -> bool:
        return address in self._of_address

    def addresses(self) -> list[str]:
        """The addresses for which something waits. The one whose turn is next is first."""
        return list(self._of_address)

    def add(self, address: str, waiting: _Waiting) -> None:
        self._of_address.setdefault(address, deque()).append(waiting)

    def first(self, address: str) -> _Waiting:
        """What of this address has waited longest."""
        return self._of_address[address][0]

    def take(self, address: str) -> _Waiting:
        """Take out of the queue what has waited longest of an address. The address's next turn comes after those of the
        others."""
        queue = self._of_address.pop(address)
        taken = queue.popleft()
        if queue:
            self._of_address[address] = queue
        return taken

    def take_next(self) -> _Waiting:
        """Take out of the queue what has waited longest of the address whose turn is next."""
        return self.take(next(iter(self._of_address)))
