"""Files that spare a process work, believed only where nobody but this user could have written them.

A kept definition is unpickled, which runs code; a kept state is votes; a kept list of checked signatures lets a wrong one
count. Each is then as trusted as the `__pycache__` next to the sources.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from runtime.errors import OutsideError


class NotOwnError(OutsideError, OSError):
    """Somebody else could have written the file; the sentence says how."""


def read_own_file(path: Path, levels: int) -> bytes:
    """The content of a file that this user owns, in directories that this user owns, `levels` of them, none of which others
    may write. Raises NotOwnError, and OSError where there is no such file."""
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


def write_own_file(path: Path, pieces: Iterable[bytes]) -> int:
    """Write a file whole or not at all, for this user to write only; gives its bytes. Raises OSError; then nothing changed."""
    make_own_directory(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    return size


def make_own_directory(directory: Path) -> None:
    """With those above it that are missing, none of them for others to write, whatever the umask allows."""
    for missing in [each for each in (directory, *directory.parents) if not each.exists()][::-1]:
        missing.mkdir(mode=0o755, exist_ok=True)
