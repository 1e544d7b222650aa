"""Temporary directories that are deleted when their process ends, or, where it was killed, when the next one of its kind
starts."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

_LOCK = ".rekap-in-use"
"""File in the directory, locked by the process that uses the directory. The lock ends with the process, however that ends."""


@contextmanager
def temporary_directory(prefix: str, *, waits: bool = True) -> Iterator[Path]:
    """A new directory, which is deleted at the end, also where SIGTERM ends the process. Deletes directories with the same
    prefix whose process was killed. If the caller does not wait, another process deletes the directory; if that is killed, the
    next caller does."""
    before = _exit_at_sigterm()
    directory, lock = _make(prefix)
    try:
        yield directory
    finally:
        if waits:
            _delete(directory, lock)
        else:
            _begin_to_delete(directory, lock)
        if before is not None:
            signal.signal(signal.SIGTERM, before)


def directory_until_exit(prefix: str) -> Path:
    """A new directory, which is deleted at the end of the process."""
    directory, lock = _make(prefix)
    atexit.register(_delete, directory, lock)
    return directory


def _make(prefix: str) -> tuple[Path, int]:
    for found in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _delete_if_unused(found)
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return directory, lock


def _delete_if_unused(directory: Path) -> None:
    """Delete a directory whose process was killed. One without a lock file is left, because another process is just making it,
    or it is not ours."""
    with suppress(OSError):
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            return
        _delete(directory, lock)


def _delete(directory: Path, lock: int) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)


def _begin_to_delete(directory: Path, lock: int) -> None:
    """Let `rm` delete the directory. A demo's PostgreSQL and Kafka have thousands of files, which takes seconds on a busy
    disk."""
    try:
        subprocess.Popen(
            ["rm", "-rf", "--", directory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that a second Ctrl-C does not end it
        ).returncode = 0  # nobody waits for it, and Python would warn of that
        os.close(lock)
    except OSError:
        _delete(directory, lock)


def _exit_at_sigterm() -> signal._HANDLER:
    """Let SIGTERM raise SystemExit, because by default it ends Python at once, without cleaning up. Returns the handler that
    was replaced; None where the process handles the signal itself."""
    if threading.current_thread() is not threading.main_thread():
        return None
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return None
    signal.signal(signal.SIGTERM, _exit)
    return signal.SIG_DFL


def _exit(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)
