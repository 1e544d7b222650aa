"""A bounded number of slots that all clients share and that no single party (api/limits/client_address.py) can fill."""

from __future__ import annotations


class Slots:
    def __init__(self, total: int, of_party: int) -> None:
        """`of_party` is the bound for one party; 0 means that `total` is the only bound."""
        self._total = total
        self._of_party = of_party or total
        self._taken: dict[str, int] = {}
        self.taken = 0

    def refusal(self, party: str) -> str | None:
        """Why the party cannot take one more, or None where it can."""
        if self._taken.get(party, 0) >= self._of_party:
            return f"your address has {self._of_party:,} already"
        return f"all {self._total:,} are taken" if self.taken >= self._total else None

    def take(self, party: str) -> None:
        self._taken[party] = self._taken.get(party, 0) + 1
        self.taken += 1

    def give_back(self, party: str) -> None:
        self.taken -= 1
        left = self._taken[party] - 1
        if left:
            self._taken[party] = left
        else:
            del self._taken[party]
