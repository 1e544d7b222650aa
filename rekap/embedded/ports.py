"""Free ports of this machine, on which parts that are started soon will listen."""

from __future__ import annotations

import random
import socket

from rekap.embedded.errors import EmbeddedError

HOST = "127.0.0.1"
LOWEST, END = 16_384, 32_768
"""Ports below those that Linux (32768) and others (49152, RFC 6335) give to outgoing connections. An outgoing connection could
take such a port before the part listens, and keep it."""
TRIES = 1_000


class PortInUseError(EmbeddedError):
    """Another process listens on the port of a part."""


def see_that_port_is_free(port: int, option: str, host: str = HOST) -> None:
    """Raises PortInUseError, because the other process that listens on a port that is taken must not be mistaken for the
    part."""
    if not is_free(port, host):
        raise PortInUseError(
            f"port {port} of {host} is in use by another process, perhaps another `rekap up`: stop that process, or choose "
            f"another port with {option}"
        )


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a part can listen on this port. Port 0 does not name a port and is not free."""
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do, so that a port in TIME_WAIT is free
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    return free_ports(1)[0]


def free_ports(count: int) -> range:
    """This number of consecutive ports on which no process listens. The first is random, so that processes that ask at the same
    time get different ports. Raises OSError."""
    for _ in range(TRIES):
        first = random.randrange(LOWEST, END - count)
        ports = range(first, first + count)
        if all(map(is_free, ports)):
            return ports
    raise OSError(f"no {count} free ports in a row between {LOWEST} and {END}")
