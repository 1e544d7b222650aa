"""Ports of this machine on which a part that is started soon will listen."""

from __future__ import annotations

import random
import socket

from rekap.embedded.errors import EmbeddedError

HOST = "127.0.0.1"
LOWEST, END = 16_384, 32_768
"""Below those that Linux (32768) and others (49152, RFC 6335) give to outgoing connections: one of these may be gone
before the part listens, and for as long as that connection lasts."""
TRIES = 1_000


class PortInUseError(EmbeddedError):
    """Another process listens where a part should."""


def see_that_port_is_free(port: int, option: str, host: str = HOST) -> None:
    """Raises PortInUseError. What answers at a port that is taken is somebody else: it must not pass for the part."""
    if not is_free(port, host):
        raise PortInUseError(
            f"port {port} of {host} is in use by another process, perhaps another `rekap up`: stop that one, or choose "
            f"another port with {option}"
        )


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a part can listen there; port 0, which is none, is not free."""
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no hindrance
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> range:
    """So many in a row on which nobody listens, from a random one on: who asks at the same time gets others. Raises OSError."""
    for _ in range(TRIES):
        first = random.randrange(LOWEST, END - count)
        ports = range(first, first + count)
        if all(map(is_free, ports)):
            return ports
    raise OSError(f"no {count} free ports in a row between {LOWEST} and {END}")
