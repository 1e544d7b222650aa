"""Writing a file so that a reader, also one that starts after a crash, sees its old content or its new one, never a part.

The new content is written to a file beside the old one, fsynced, and renamed over the old one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

PART_SUFFIX = ".part"
"""Ends the name of a file that is being written. A process that is killed can leave one."""


def replace_file(path: Path, pieces: Iterable[bytes], *, mode: int) -> int:
    """Write the file at `path`, new or instead of an old one; returns its size. Raises OSError, and then nothing has changed.

    After a power cut `path` has the old content or the new one. Only after `sync_directory` it certainly has the new one.
    """
    with written_beside(path, pieces, mode=mode) as part:
        size = part.stat().st_size
        part.replace(path)
    return size


@contextmanager
def written_beside(path: Path, pieces: Iterable[bytes], *, mode: int) -> Iterator[Path]:
    """A file with this content in the directory of `path`, fsynced, for the caller to rename to `path`. If the caller does
    not, it is deleted at the end. Raises OSError."""
    # A random name, because two processes may write the same file at once, and so may two threads of one process.
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        _write_new(part, pieces, mode)
        yield part
    finally:
        part.unlink(missing_ok=True)


def create_file(path: Path, content: bytes, *, mode: int) -> None:
    """Write a new file. Raises FileExistsError where there is one, which is left as it is, and OSError.

    Not by a rename, which would replace a file that another process has made in the meantime. So a crash can leave a part,
    and an error does not.
    """
    try:
        _write_new(path, [content], mode)
    except FileExistsError:
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Make the new names in a directory outlive a power cut. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(path: Path, pieces: Iterable[bytes], mode: int) -> None:
    # O_EXCL also refuses a symbolic link, and the mode holds from the first byte on, whatever the umask allows.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(descriptor)
