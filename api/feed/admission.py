"""Admission to the live feed: how many clients there may be, how many of one party, and how often a party may connect."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import Scope

from api.errors import ApiError
from api.feed.hub.hub import Hub
from api.feed.slots import Slots
from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import BURST_SECONDS, RateLimit
from runtime.settings import Settings

FULL_SECONDS = 10
"""Time after which a client that was not admitted may connect again."""
REFUSED_AFTER_SECONDS = 1.0
"""Time that the refusal of a client that connects too often is held back, because the client would connect again at once."""
HOLD_SECONDS_MAX = 10.0
"""Time that a request for the stream is held while the feed begins, which takes a second or two after a start."""


class NotAdmittedError(ApiError):
    """The client cannot be served now. It may connect again after `after_s` seconds."""

    def __init__(self, sentence: str, after_s: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.after_s = after_s


class Admission:
    def __init__(self, settings: Settings) -> None:
        self._proxies = TrustedProxies.parse(settings.trusted_proxies)
        self._slots = Slots(settings.live_clients, settings.live_clients_per_address)
        self._connects = RateLimit("live connections", settings.live_clients_per_address // BURST_SECONDS)
        self._hub: Hub | None = None
        self._has_begun = asyncio.Event()

    def open(self, hub: Hub) -> None:
        """Admit clients to this hub from now on."""
        self._hub = hub
        self._has_begun.set()

    def close(self) -> None:
        """Admit nobody until the next `open`."""
        self._hub = None
        self._has_begun.clear()

    def party(self, scope: Scope) -> str:
        """The party that a connection counts against."""
        return self._proxies.client_of(scope)

    async def admit(self, party: str) -> Hub:
        """Take a slot for one more client, which `give_back` frees. A party may take no more in BURST_SECONDS than an address
        has slots; one that connects more often waits for its refusal. Raises NotAdmittedError."""
        if not self._connects.take(party):
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            raise NotAdmittedError("your address connects to the live feed too often", FULL_SECONDS)
        if self._hub is None:
            raise NotAdmittedError("the feed is beginning; connect again in a moment", 1)
        if (refusal := self._slots.refusal(party)) is not None:
            raise NotAdmittedError(f"no room on the live feed of this process: {refusal}", FULL_SECONDS)
        self._slots.take(party)
        return self._hub

    async def admit_soon(self, party: str) -> Hub:
        """As `admit`, after waiting for a feed that is just beginning. Raises NotAdmittedError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS_MAX):
                await self._has_begun.wait()
        return await self.admit(party)

    def give_back(self, party: str) -> None:
        self._slots.give_back(party)
