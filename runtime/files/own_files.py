"""Files that spare a process work, and are used only where nobody but this user could have written them.

With one of these files an attacker could run code (a kept definition is unpickled), change votes (a kept state) or let a wrong
signature count (a kept list of checked signatures). So they are protected like the `__pycache__` next to the sources.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import OutsideError
from runtime.files.atomic_write import replace_file


class NotOwnError(OutsideError, OSError):
    """Another user could have written the file; the message states how."""


def read_own_file(path: Path, levels: int) -> bytes:
    """The content of a file that only this user may write, in directories that only this user may write. The nearest `levels`
    directories are checked. Raises NotOwnError, and OSError where there is no such file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotOwnError(f"{path} is not a regular file")
        _check(path, status)
        for directory in list(path.absolute().parents)[:levels]:
            _check(directory, directory.stat())
        return file.read()


def _check(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise NotOwnError(f"others may write {path}")


def is_secret(status: os.stat_result) -> bool:
    """Whether only the owner of a file may read and write it. A file of root that its group may only read is secret too, as for
    PostgreSQL's server key: so a cluster hands a secret to a process that is not root (the group is `fsGroup`), and so does
    systemd (the group's bits are the mask of an access control list)."""
    forbidden = stat.S_IRWXG | stat.S_IRWXO
    if status.st_uid == 0 and os.geteuid() != 0:
        forbidden &= ~stat.S_IRGRP
    return not status.st_mode & forbidden


def write_own_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file that only this user may read and write; returns its size. Raises OSError, and then nothing has changed."""
    make_own_directory(path.parent)
    return replace_file(path, pieces, mode=0o600)


def make_own_directory(directory: Path) -> None:
    """Make the directory, and those above it that are missing, so that only this user may write them, whatever the umask
    allows."""
    for missing in [each for each in (directory, *directory.parents) if not each.exists()][::-1]:
        missing.mkdir(mode=0o755, exist_ok=True)
