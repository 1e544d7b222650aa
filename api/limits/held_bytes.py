"""How many bytes of submissions are in memory at once, from the first byte of a body to its answer."""

from __future__ import annotations

from collections import Counter

MIB = 1024 * 1024
BYTES_MAX = 128 * MIB
"""Limit for all requests together: eight full batches, or 2,000 of the largest submissions. At half, four addresses that send
full batches would shut out all others; at double, a gateway needs half a gigabyte while Kafka hangs."""
BATCHES_BYTES_MAX = 96 * MIB
"""Batches may hold three quarters of all bytes, so that a single submission never waits for them."""
ADDRESS_BYTES_MAX = 40 * MIB
"""Limit for one address: two full batches, and hundreds of single submissions beside them. At half, one full batch shuts out
the single submissions of its address; at double, two addresses hold all that batches may."""


class HeldBytes:
    """Counts by address. One event loop owns it."""

    def __init__(self) -> None:
        self._total = self._batches = 0
        self._of_address: Counter[str] = Counter()

    def lacks_room(self, address: str, count: int, *, is_batch: bool) -> str | None:
        """The reason why `count` more bytes cannot be held; None where they can be."""
        if self._of_address[address] + count > ADDRESS_BYTES_MAX:
            return f"your address has {ADDRESS_BYTES_MAX // MIB} MiB of submissions here already"
        if is_batch and self._batches + count > BATCHES_BYTES_MAX:
            return f"batches of {BATCHES_BYTES_MAX // MIB} MiB are held already"
        if self._total + count > BYTES_MAX:
            return f"submissions of {BYTES_MAX // MIB} MiB are held already"
        return None

    def is_address_full(self, address: str, count: int) -> bool:
        return self._of_address[address] + count > ADDRESS_BYTES_MAX

    def take(self, address: str, count: int, *, is_batch: bool) -> None:
        self._total += count
        self._batches += count if is_batch else 0
        self._of_address[address] += count

    def give_back(self, address: str, count: int, *, is_batch: bool) -> None:
        self.take(address, -count, is_batch=is_batch)
        if not self._of_address[address]:
            del self._of_address[address]
