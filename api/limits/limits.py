"""All limits of one process of the API that are counted against addresses (api/limits/client_address.py)."""

from __future__ import annotations

from api.limits.client_address import TrustedProxies
from api.limits.held_bytes import HeldBytes
from api.limits.rate_limits import RateLimit
from api.limits.refusals import Refusals
from runtime.settings import Settings

CLIENT_ADDRESS = "rekap.client_address"
"""Name in an ASGI scope: the client address that the request is counted against."""


class Limits:
    def __init__(self, settings: Settings) -> None:
        self.proxies = TrustedProxies.parse(settings.trusted_proxies)
        self.refusals = Refusals()
        self.requests = RateLimit("requests", settings.requests_per_s)
        self.submissions = RateLimit("submissions", settings.submissions_per_s)
        self.submissions_of_key = RateLimit("submissions of this key", settings.submissions_of_key_per_s)
        self.bodies = HeldBytes()
