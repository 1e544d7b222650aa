"""One data directory, one owner."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rekap.embedded.errors import DataDirectoryInUseError, EmbeddedError


@contextmanager
def hold_data_directory(data_directory: Path) -> Iterator[None]:
    """Own the directory until the end of the block, or raise DataDirectoryInUseError.

    The kernel drops the lock with the process, however it ends, so there is no stale lock to remove. The file stays:
    to unlink it would let two processes lock two files of one name.
    """
    try:
        data_directory.mkdir(parents=True, exist_ok=True)
        # Not inherited by children (PEP 446): a lock held by a dying worker would refuse the next start.
        descriptor = os.open(data_directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"{data_directory} cannot be a data directory ({error}): choose one that you may create and write to."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise DataDirectoryInUseError(
                f"{data_directory} is in use by process {owner}: stop that one first (Ctrl-C in its terminal), "
                "or choose another data directory."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
