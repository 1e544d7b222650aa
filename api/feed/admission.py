"""Admission to the live feed: how many clients there may be, how many of one address, how often an address may connect, and how
many clients may join in a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import Scope

from api.errors import ApiError
from api.feed.hub.hub import Hub
from api.feed.joining_pace import JoiningPace
from api.feed.slots import Slots
from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import BURST_SECONDS, RateLimit
from runtime.settings import Settings

FULL_SECONDS = 10
"""Least time after which a client for which there was no room may connect again."""
BEGINNING_SECONDS = 1
"""Least time after which a client that came while the feed was beginning may connect again."""
CONNECTS_OF_SLOT = 2
"""Connections that an address may make for each of its slots in BURST_SECONDS, because a client that was put off comes again.
At 1, half of the clients of an address are refused when all of them come back; at 4, an attacker has four times as many
handshakes."""
SHOWN_OUT_COST = 50
"""Connections that a client which is disconnected for flooding costs its address. A flood of frames takes 6 ms until it is
noticed. At half, an address floods four connections a second, and without a cost 100; at double, ten broken clients in a large
office keep the others of the office out of the feed."""
REFUSED_AFTER_SECONDS = 1.0
"""Time that the refusal of a client that connects too often is held back, because the client would connect again at once."""
HOLD_SECONDS_MAX = 10.0
"""Time that a request for the stream is held while the feed begins, which takes a second or two after a start."""


class NotAdmittedError(ApiError):
    """The client cannot be served now. It may connect again after `after_s` seconds."""

    def __init__(self, sentence: str, after_s: float) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.after_s = after_s


class Admission:
    def __init__(self, settings: Settings) -> None:
        self._proxies = TrustedProxies.parse(settings.trusted_proxies)
        self._slots = Slots(settings.live_clients, settings.live_clients_per_address)
        self._connects = RateLimit(
            "live connections", CONNECTS_OF_SLOT * settings.live_clients_per_address // BURST_SECONDS
        )
        self.pace = JoiningPace(settings.live_joins_per_s)
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

    def address(self, scope: Scope) -> str:
        """The address that a connection counts against."""
        return self._proxies.client_of(scope)

    async def admit(self, address: str) -> Hub:
        """Take a slot for one more client, which `give_back` frees. An address may connect CONNECTS_OF_SLOT times as often in
        BURST_SECONDS as an address has slots; one that connects more often waits for its refusal. Raises NotAdmittedError."""
        if not self._connects.take(address):
            await asyncio.sleep(REFUSED_AFTER_SECONDS)
            raise self._refusal("your address connects to the live feed too often", FULL_SECONDS)
        if self._hub is None:
            raise self._refusal("the feed is beginning", BEGINNING_SECONDS)
        if (refusal := self._slots.refusal(address)) is not None:
            raise self._refusal(f"no room on the live feed of this process: {refusal}", FULL_SECONDS)
        if not self.pace.take():
            raise self._refusal("many clients are joining; connect again with your cursor")
        self._slots.take(address)
        return self._hub

    def _refusal(self, sentence: str, after_s: float = 0) -> NotAdmittedError:
        return NotAdmittedError(sentence, self.pace.come_back_s(after_s))

    async def admit_soon(self, address: str) -> Hub:
        """Admit a client as `admit` does, after waiting for a feed that is just beginning. Raises NotAdmittedError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_SECONDS_MAX):
                await self._has_begun.wait()
        return await self.admit(address)

    def give_back(self, address: str) -> None:
        self._slots.give_back(address)

    def charge(self, address: str) -> None:
        """Note that a client of the address was disconnected because it sent too much, or what no client sends."""
        self._connects.charge(address, SHOWN_OUT_COST)
