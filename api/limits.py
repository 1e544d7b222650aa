"""All that is counted against parties (api/client_address.py) in one process of the API."""

from __future__ import annotations

from api.client_address import TrustedProxies
from api.held_bytes import HeldBytes
from api.rate_limits import RateLimit
from api.refusals import Refusals
from runtime.settings import Settings

PARTY = "rekap.party"
"""In an ASGI scope: whom the request is counted against."""


class Limits:
    def __init__(self, settings: Settings) -> None:
        self.proxies = TrustedProxies.parse(settings.trusted_proxies)
        self.refusals = Refusals()
        self.requests = RateLimit("requests", settings.requests_per_s)
        self.submissions = RateLimit("submissions", settings.submissions_per_s)
        self.submissions_of_key = RateLimit("submissions of this key", settings.submissions_of_key_per_s)
        self.bodies = HeldBytes()
