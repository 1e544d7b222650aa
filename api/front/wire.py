"""What the front and the processes of the API send each other over a UNIX stream socket: one byte that names a role, and up to
two descriptors, which the kernel passes on (SCM_RIGHTS).

    from a role, without a descriptor     the process has this role, and takes connections from now on
    from a role, with descriptors         the next request on this connection is for this role
    from the front, with descriptors      a connection for this process

The first descriptor is the connection. The second, where there is one, is a file in memory with what was read of the
connection and belongs to its next request: such input has up to 256 KiB, which is more than the socket would take at once.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import NamedTuple

from api.roles import ApiRole
from runtime.logs import log_line

logger = logging.getLogger("rekap.front")

_CODES = {role: role.value[:1].encode() for role in ApiRole}
_ROLES = {code: role for role, code in _CODES.items()}


class Message(NamedTuple):
    role: ApiRole
    connection: socket.socket | None
    unread: bytes
    """What was read of the connection already."""


def announce(channel: socket.socket, role: ApiRole) -> None:
    """Raises OSError."""
    channel.send(_CODES[role])


def hand_over(channel: socket.socket, role: ApiRole, connection: int, unread: bytes = b"") -> bool:
    """Pass a descriptor on. Returns False where the other side has ended, or does not take what was passed before. The caller
    closes its own descriptor."""
    file = None
    try:
        if unread:
            file = os.memfd_create("rekap-unread", os.MFD_CLOEXEC)
            rest = memoryview(unread)
            while rest:
                rest = rest[os.write(file, rest) :]
        socket.send_fds(channel, [_CODES[role]], [connection] if file is None else [connection, file])
    except OSError:  # BlockingIOError too: the buffer of the socket is full
        return False
    finally:
        if file is not None:
            os.close(file)
    return True


def receive(channel: socket.socket) -> Message | None:
    """The next message; None at the end. Raises BlockingIOError where there is none yet, and other OSErrors."""
    code, descriptors, flags, _ = socket.recv_fds(channel, 1, 2, socket.MSG_CMSG_CLOEXEC)
    if flags & socket.MSG_CTRUNC:
        # No descriptor was free for what was passed, so the kernel has closed the connection, or what was read of it. Without
        # the latter, a connection would be answered as if its client had sent something else.
        for descriptor in descriptors:
            os.close(descriptor)
        logger.error(log_line("connection-lost", why="no file descriptor was free for it"))
        return receive(channel)
    connection, unread = None, b""
    for number, descriptor in enumerate(descriptors):
        if number == 0:
            connection = socket.socket(fileno=descriptor)
        else:
            unread = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            os.close(descriptor)
    return Message(_ROLES[code], connection, unread) if code else None
