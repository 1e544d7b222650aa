"""Where a log's files are: a directory, written so that a reader never sees half a file and no file ever changes.

TileStoreError
└── RewriteError    a file is there with other bytes: another history, and nobody may go on from here
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from proofs.tiles import TILE_WIDTH
from runtime.errors import OutsideError
from schemas.ledger.envelope import RECORD_BYTES_MAX

FILE_BYTES_MAX = TILE_WIDTH * (2 + RECORD_BYTES_MAX)
"""Size of the largest file, one of entries: each has its length in two bytes before it (C2SP tlog-tiles)."""


class TileStoreError(OutsideError):
    """The store cannot be used; the sentence says why."""


class RewriteError(TileStoreError):
    pass


class TileStore:
    """The files of one log below a directory, by their paths as in C2SP tlog-tiles."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def place(self, path: str) -> Path:
        return self._directory / path

    def read(self, path: str) -> bytes | None:
        """The file, or None where there is none."""
        try:
            with (self._directory / path).open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
            if len(data) > FILE_BYTES_MAX:
                raise TileStoreError(
                    f"{self._directory / path} has more than {FILE_BYTES_MAX:,} bytes, so it is no file of a log"
                )
            return data
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TileStoreError(f"{self._directory / path} cannot be read: {error.strerror}") from None

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write files that never change; when this returns, they outlive a power cut. One that is there already must be
        the same. Raises RewriteError, TileStoreError."""
        folders = set()
        for path, data in files.items():
            place = self._directory / path
            known = self.read(path)
            if known is not None:
                if known != data:
                    raise RewriteError(f"{place} holds other bytes than the ledger gives: another history")
                continue
            self._write(place, data)
            folders.add(place.parent)
        for folder in folders:
            _sync(folder)

    def replace(self, path: str, data: bytes) -> None:
        """Write a file that may change."""
        place = self._directory / path
        self._write(place, data)
        _sync(place.parent)

    def replace_where(self, path: str, data: bytes, may_replace: Callable[[bytes | None], bool]) -> bool:
        """Write the file where `may_replace`, given the present one, says so. False where another process is at it just now.

        Looked at and replaced under one lock: a process that was frozen in between would put an older file over a newer.
        Who is frozen with the lock holds up the file and can put nothing old there; when it dies, the lock is free.
        """
        place = self._directory / path
        half = self._write_half(place, data)
        lock = os.open(place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if may_replace(self.read(path)):
                os.rename(half, place)
                _sync(place.parent)
        except BlockingIOError:
            return False
        except OSError as error:
            raise TileStoreError(f"{place} cannot be written: {error.strerror}") from None
        finally:
            os.close(lock)
            half.unlink(missing_ok=True)
        return True

    def drop_partial(self, path: str) -> None:
        """Forget the partial forms of a tile that is full now."""
        shutil.rmtree(self._directory / f"{path}.p", ignore_errors=True)

    def _write(self, place: Path, data: bytes) -> None:
        half = self._write_half(place, data)
        try:
            os.rename(half, place)
        except OSError as error:
            raise TileStoreError(f"{place} cannot be written: {error.strerror}") from None

    def _write_half(self, place: Path, data: bytes) -> Path:
        """Write and fsync beside the place, under a name that nobody reads."""
        # The name of the process keeps two notaries from writing into each other's half-written file.
        half = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                _write_all(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise TileStoreError(f"{place} cannot be written: {error.strerror}") from None
        return half


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
