"""Opens files below a directory that a stranger may have filled, such as an archive that a portal serves.

A link could show a private key of this machine in place of a table, a pipe would be waited for without end, and a device has no
end. So only a regular file that no link leads to is a file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from runtime.errors import OutsideError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# NONBLOCK, because opening a pipe would wait for a writer.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class NotAFileError(OutsideError, FileNotFoundError):
    """Something is at the path that is not a regular file, or a link is on the way; `strerror` states it. It is a kind of
    FileNotFoundError because to a reader there is no file."""


def open_below(directory: Path, path: str) -> BinaryIO:
    """The file at a relative path below a directory. The directory itself may be a link, and what is below it may not. Raises
    NotAFileError, and OSError."""
    return os.fdopen(descriptor_below(directory, path), "rb")


def descriptor_below(directory: Path, path: str) -> int:
    """A descriptor, which the caller closes, of the file that `open_below` would open. Raises what it raises."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise NotAFileError(0, "is not a path below its directory", path)
    *folders, name = parts
    below = os.open(directory, _DIRECTORY)
    try:
        for folder in folders:
            outer, below = below, _opened(folder, _DIRECTORY, below, directory / path)
            os.close(outer)
        # The opened file is checked and not its path, because another file could be put there in between.
        descriptor = _opened(name, _FILE, below, directory / path)
    finally:
        os.close(below)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFileError(0, "is not a regular file", str(directory / path))
    return descriptor


def _opened(name: str, flags: int, below: int, whole: Path) -> int:
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=below)
    except FileNotFoundError:
        raise
    except OSError:
        try:
            is_link = stat.S_ISLNK(os.stat(name, dir_fd=below, follow_symlinks=False).st_mode)
        except OSError:
            is_link = False
        if is_link:
            raise NotAFileError(0, "is a link, or behind one", str(whole)) from None
        raise
