"""The *client address* of a request: the text that all limits of the API are counted against.

It is the address of the connection or, where the connection comes from a proxy that the operator trusts, the address that this
proxy names in `X-Forwarded-For`. Every proxy appends the address of its own client, so the header is read from the right and
as far as the proxies are trusted. What is further left was written by the client, which may write anything.

An IPv6 client owns at least a /64 and can send each packet from another of its addresses, so its client address is its /64.
Many people may have one client address: a newsroom or a whole district can share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

from runtime.settings import SettingsError, variable

NOBODY = "unknown"
"""Client address of all connections without an address, such as those over a UNIX socket."""
FORWARDED_MAX = 16
"""Addresses of `X-Forwarded-For` that are read. No chain of trusted proxies is longer."""


class TrustedProxies:
    """The networks whose `X-Forwarded-For` is believed."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network] = ()) -> None:
        self._networks = tuple(networks)
        self.client_of_peer = lru_cache(maxsize=4096)(self._client_of_peer)

    @classmethod
    def parse(cls, text: str) -> TrustedProxies:
        """The setting `trusted_proxies`. Raises SettingsError."""
        networks = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                networks.append(ip_network(part))
            except ValueError as error:
                raise SettingsError(
                    f"{variable('trusted_proxies')}: {part!r} is not an address or a network such as 10.0.0.0/8 ({error})"
                ) from None
        return cls(networks)

    def __contains__(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def client_of(self, scope: Scope) -> str:
        """The client address of an ASGI request or WebSocket."""
        peer = scope.get("client")
        address = peer[0] if peer else ""
        if not self._networks or address not in self:
            return self.client_of_peer(address)
        # Several lines of the header are one list, in their order (RFC 9110, 5.3).
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        forwarded = [part.strip() for part in ",".join(lines).split(",")][-FORWARDED_MAX:]
        for named in reversed(forwarded):
            if _parse(named) is None:
                break
            address = named
            if named not in self:
                break
        return self.client_of_peer(address)

    def _client_of_peer(self, address: str) -> str:
        parsed = _parse(address)
        if parsed is None:
            return NOBODY
        if isinstance(parsed, IPv6Address):
            return str(IPv6Network((parsed, 64), strict=False))
        return str(parsed)


@lru_cache(maxsize=4096)
def _parse(address: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address that is written as an IPv6 address is read as IPv4. Ports, which some proxies append, are dropped."""
    text = address.removeprefix("[").partition("]")[0] if address.startswith("[") else address
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
