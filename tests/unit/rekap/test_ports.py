"""Free ports for the parts that `rekap up` starts."""

from __future__ import annotations

import random
import socket
from pathlib import Path

import pytest

from rekap.embedded.ports import HOST, free_port, free_ports, is_free

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_they_are_in_a_row_and_free() -> None:
    ports = free_ports(5)
    assert len(ports) == 5
    assert all(map(is_free, ports))


def test_a_taken_one_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    first = free_ports(4)[0]
    offered = iter((first, first + 2))
    monkeypatch.setattr(random, "randrange", lambda low, end: next(offered))
    with socket.create_server((HOST, first + 1)):
        assert free_ports(2) == range(first + 2, first + 4)


def test_without_free_ports_an_error_names_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = free_port()
    monkeypatch.setattr(random, "randrange", lambda low, end: taken)
    with socket.create_server((HOST, taken)), pytest.raises(OSError, match="no 2 free ports in a row"):
        free_ports(2)


@pytest.mark.skipif(not OUTGOING.exists(), reason="the system does not show which ports outgoing connections have")
def test_no_outgoing_connection_can_have_one() -> None:
    lowest = int(OUTGOING.read_text().split()[0])
    if lowest < 32_768:
        pytest.skip(f"this machine gives ports from {lowest} on to outgoing connections")
    assert all(port < lowest for _ in range(100) for port in free_ports(3))
