"""The lock by which one process owns a data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rekap.embedded.errors import DataDirectoryError, DataDirectoryInUseError


@contextmanager
def hold_data_directory(data_directory: Path) -> Iterator[None]:
    """Own the directory until the end of the block. Raises DataDirectoryError, DataDirectoryInUseError.

    The kernel drops the lock with the process, however the process ends, so a stale lock cannot remain. The lock file is not
    deleted, because two processes could then lock two files of one name.
    """
    try:
        data_directory.mkdir(parents=True, exist_ok=True)
        # Children do not inherit the descriptor (PEP 446); otherwise a dying worker could hold the lock at the next
        # start.
        descriptor = os.open(data_directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DataDirectoryError(
            f"{data_directory} cannot be a data directory ({error.strerror}): choose one that you may create and write to."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise DataDirectoryInUseError(
                f"{data_directory} is in use by process {owner}: stop that process first (Ctrl-C in its terminal), "
                "or choose another data directory."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
