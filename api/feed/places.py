"""Places that all clients share, of which no single one may take all."""

from __future__ import annotations


class Places:
    def __init__(self, total: int, of_one: int) -> None:
        """`of_one` is the most of one party; 0 for no such bound."""
        self._total = total
        self._of_one = of_one or total
        self._taken: dict[str, int] = {}
        self.taken = 0

    def refusal(self, party: str) -> str | None:
        """Why there is no place more for it, or None where there is."""
        if self._taken.get(party, 0) >= self._of_one:
            return f"your address has {self._of_one:,} already"
        return f"all {self._total:,} are taken" if self.taken >= self._total else None

    def take(self, party: str) -> None:
        self._taken[party] = self._taken.get(party, 0) + 1
        self.taken += 1

    def give_back(self, party: str, count: int = 1) -> None:
        self.taken -= count
        left = self._taken[party] - count
        if left:
            self._taken[party] = left
        else:
            del self._taken[party]
