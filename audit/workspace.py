"""The directory in which an audit works: one audit at a time, and without what a killed one left behind."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.count.database import PREFIX
from audit.findings import AuditError

LOCK = "audit.lock"


@contextmanager
def workspace(directory: Path) -> Iterator[None]:
    """The directory, made where it is missing, for this audit alone. What an audit that was killed has left in it is deleted.
    Raises AuditError where another audit works in it. The lock ends with its process, however that ends."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AuditError(
                f"another audit works in {directory}; wait for its end, or give another --archive"
            ) from None
        for left in directory.glob(f"{PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
