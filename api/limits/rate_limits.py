"""How many requests each address (api/limits/client_address.py) may make: token buckets, in memory that has a bound.

A bucket holds `burst` tokens and gains `per_second` of them. The cost of a request is taken before the work. The additional
cost of a mistake is taken after the work, even where the bucket then owes tokens. Whole newsrooms and districts share one
address, so the buckets are large.

Answers state how much is left, as draft-ietf-httpapi-ratelimit-headers defines:

    RateLimit-Policy: "requests";q=2000;w=10
    RateLimit: "requests";r=1987;t=1
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from api.problems import Problem

BURST_SECONDS = 10
"""A bucket holds the tokens of this time. At half, a newsroom that opens its 100 tabs at once is refused; at double, an
attacker can make twice as many requests before the limit stops them."""
ADDRESSES_MAX = 50_000
"""Addresses remembered at once, of 200 bytes each. The address seen longest ago is forgotten, and has a full bucket when it
comes back: no limit per address holds a client with 50,000 addresses."""
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


class RateLimit:
    """One policy, and a bucket for each address that it has seen lately."""

    def __init__(self, name: str, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.per_second = per_second
        """0 turns the limit off."""
        self.burst = per_second * BURST_SECONDS
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens of each address and when they were counted; the address seen longest ago is first."""
        self.policy = f'"{name}";q={self.burst};w={BURST_SECONDS}'.encode()

    def __bool__(self) -> bool:
        return self.per_second > 0

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, cost: int = 1) -> bool:
        """Take the cost from the address's bucket, if the bucket has as much. A full bucket is enough for any cost."""
        if not self.per_second:
            return True
        tokens = self._tokens(address)
        if tokens < min(cost, self.burst):
            self._keep(address, tokens)
            return False
        self._keep(address, tokens - cost)
        return True

    def charge(self, address: str, cost: int) -> None:
        """Take the cost in any case. No address owes more than a full bucket, so after BURST_SECONDS no address owes
        anything."""
        if self.per_second:
            self._keep(address, max(-float(self.burst), self._tokens(address) - cost))

    def owes(self, address: str) -> bool:
        """Whether the address's mistakes have cost more tokens than it had."""
        return self.per_second > 0 and self._tokens(address) < 0

    def state(self, address: str) -> bytes:
        """The value of the header `RateLimit`."""
        tokens = self._tokens(address)
        full_in = math.ceil((self.burst - tokens) / self.per_second)
        return b'"%b";r=%d;t=%d' % (self.name.encode(), max(0, int(tokens)), full_in)

    def refusal(self, address: str, what: str, cost: int = 1) -> Problem:
        """The answer where `take` returned False."""
        lacking = min(cost, self.burst) - self._tokens(address)
        wait = max(1, math.ceil(lacking / self.per_second))
        problem = Problem(
            429,
            "Too many requests",
            f"{what} may have {self.per_second} {self.name} a second, and {self.burst} at once; come back in {wait} s.",
            retry_after_s=wait,
        )
        return problem.with_members(**{"type": QUOTA_EXCEEDED, "violated-policies": [self.name]})

    def _tokens(self, address: str) -> float:
        bucket = self._buckets.get(address)
        if bucket is None:
            return float(self.burst)
        tokens, at = bucket
        return min(float(self.burst), tokens + (self._clock() - at) * self.per_second)

    def _keep(self, address: str, tokens: float) -> None:
        self._buckets[address] = tokens, self._clock()
        self._buckets.move_to_end(address)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
