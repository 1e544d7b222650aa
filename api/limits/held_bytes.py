"""How many bytes of submissions are in memory at once, from the first byte of a body to its answer."""

from __future__ import annotations

from collections import Counter

MIB = 1024 * 1024
BYTES_MAX = 128 * MIB
"""Limit for all requests together: eight full batches, or 2,000 of the largest submissions. At half, four parties that send
full batches would shut out all others; at double, a gateway needs half a gigabyte while Kafka hangs."""
BATCHES_BYTES_MAX = 96 * MIB
"""Batches may hold three quarters of all bytes, so that a single submission never waits for them."""
PARTY_BYTES_MAX = 40 * MIB
"""Limit for one party: two full batches, and hundreds of single submissions beside them. At half, one full batch shuts out the
single submissions of its address; at double, two addresses hold all that batches may."""


class HeldBytes:
    """Counts by party. One event loop owns it."""

    def __init__(self) -> None:
        self._total = self._batches = 0
        self._of_party: Counter[str] = Counter()

    def lacks_room(self, party: str, count: int, *, is_batch: bool) -> str | None:
        """The reason why `count` more bytes cannot be held; None where they can be."""
        if self._of_party[party] + count > PARTY_BYTES_MAX:
            return f"your address has {PARTY_BYTES_MAX // MIB} MiB of submissions here already"
        if is_batch and self._batches + count > BATCHES_BYTES_MAX:
            return f"batches of {BATCHES_BYTES_MAX // MIB} MiB are held already"
        if self._total + count > BYTES_MAX:
            return f"submissions of {BYTES_MAX // MIB} MiB are held already"
        return None

    def is_party_full(self, party: str, count: int) -> bool:
        return self._of_party[party] + count > PARTY_BYTES_MAX

    def take(self, party: str, count: int, *, is_batch: bool) -> None:
        self._total += count
        self._batches += count if is_batch else 0
        self._of_party[party] += count

    def give_back(self, party: str, count: int, *, is_batch: bool) -> None:
        self.take(party, -count, is_batch=is_batch)
        if not self._of_party[party]:
            del self._of_party[party]
