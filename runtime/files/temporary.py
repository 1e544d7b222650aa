"""Directories that go with their process: at its end, and where it was killed, when the next one of its kind starts."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

_LOCK = ".rekap-in-use"
"""Locked by the process whose directory it is: the lock goes with the process, however that ends."""


@contextmanager
def temporary_directory(prefix: str) -> Iterator[Path]:
    """A new directory, deleted at the end, also where SIGTERM ends the process. Deletes those of the same kind whose process
    was killed."""
    before = _exit_at_sigterm()
    place, lock = _made(prefix)
    try:
        yield place
    finally:
        _delete(place, lock)
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def directory_until_exit(prefix: str) -> Path:
    """The same for as long as the process lives."""
    place, lock = _made(prefix)
    atexit.register(_delete, place, lock)
    return place


def _made(prefix: str) -> tuple[Path, int]:
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _delete_where_nobody_is(left)
    place = Path(tempfile.mkdtemp(prefix=prefix))
    lock = os.open(place / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return place, lock


def _delete_where_nobody_is(place: Path) -> None:
    """One without a lock file is being made just now, or is somebody else's."""
    with suppress(OSError):
        status = place.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return
        lock = os.open(place / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return
        _delete(place, lock)


def _delete(place: Path, lock: int) -> None:
    shutil.rmtree(place, ignore_errors=True)
    os.close(lock)


def _exit_at_sigterm() -> signal._HANDLER:
    """Without this SIGTERM ends Python at once, and nothing is cleaned up. Gives the handler that was there; None where
    another part handles the signal."""
    if threading.current_thread() is not threading.main_thread():
        return None
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return None
    signal.signal(signal.SIGTERM, _exit)
    return signal.SIG_DFL


def _exit(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
