"""A bounded number of slots that all clients share and that no single address (api/limits/client_address.py) can fill."""

from __future__ import annotations


class Slots:
    def __init__(self, total: int, of_address: int) -> None:
        """`of_address` is the bound for one address; 0 means that `total` is the only bound."""
        self._total = total
        self._of_address = of_address or total
        self._taken: dict[str, int] = {}
        self.taken = 0

    def refusal(self, address: str) -> str | None:
        """Why the address cannot take one more, or None where it can."""
        if self._taken.get(address, 0) >= self._of_address:
            return f"your address has {self._of_address:,} already"
        return f"all {self._total:,} are taken" if self.taken >= self._total else None

    def take(self, address: str) -> None:
        self._taken[address] = self._taken.get(address, 0) + 1
        self.taken += 1

    def give_back(self, address: str) -> None:
        self.taken -= 1
        left = self._taken[address] - 1
        if left:
            self._taken[address] = left
        else:
            del self._taken[address]
