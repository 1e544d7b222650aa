"""Whom a request is counted against: the peer, or whom trusted proxies name, and never whom the client names itself."""

from __future__ import annotations

import pytest

from api.limits.client_address import NOBODY, TrustedProxies
from runtime.settings import SettingsError

PROXIES = TrustedProxies.parse("10.0.0.0/8, ::1")


def _scope(peer: str | None, *forwarded: str) -> dict[str, object]:
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded]
    return {"client": (peer, 1234) if peer is not None else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # nobody trusts this peer
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.1.1.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # the left one is the client's own word
        ("10.1.1.1", ["203.0.113.9", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),  # two proxies, two lines
        ("10.1.1.1", ["10.9.9.9, 10.2.2.2"], "10.9.9.9"),  # all are proxies: the outermost
        ("10.1.1.1", [], "10.1.1.1"),
        ("10.1.1.1", ["\xff\x00, not an address"], "10.1.1.1"),
        ("10.1.1.1", ["203.0.113.9, unknown, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["198.51.100.1:8080"], "198.51.100.1"),
        ("10.1.1.1", ["[2001:db8:1:2::3]:8080"], "2001:db8:1:2::/64"),
        ("::ffff:10.1.1.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", [], "2001:db8:1:3::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        (None, ["198.51.100.1"], NOBODY),
        ("", [], NOBODY),
    ],
)
def test_the_client_of(peer: str | None, forwarded: list[str], client: str) -> None:
    assert PROXIES.client_of(_scope(peer, *forwarded)) == client


def test_a_header_of_thousands_of_addresses_is_read_from_the_right_only() -> None:
    assert PROXIES.client_of(_scope("10.1.1.1", ",".join(["10.2.2.2"] * 5_000))) == "10.2.2.2"


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.example", "10.0.0.0/40", "10.0.0.0/8;::1"])
def test_what_is_not_a_network_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="is not an address or a network"):
        TrustedProxies.parse(text)
