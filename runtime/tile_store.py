"""Where a log's files are: a directory, written so that a reader never sees half a file and no file ever changes.

TileStoreError
└── RewriteError    a file is there with other bytes: another history, and nobody may go on from here
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path


class TileStoreError(Exception):
    """The store cannot be used; the sentence says why."""


class RewriteError(TileStoreError):
    pass


class TileStore:
    """The files of one log below a directory, by their paths as in C2SP tlog-tiles."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, path: str) -> bytes | None:
        """The file, or None where there is none."""
        try:
            return (self._directory / path).read_bytes()
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
        """Write the one file that changes, the checkpoint."""
        place = self._directory / path
        self._write(place, data)
        _sync(place.parent)

    def drop_partial(self, path: str) -> None:
        """Forget the partial forms of a tile that is full now."""
        shutil.rmtree(self._directory / f"{path}.p", ignore_errors=True)

    def _write(self, place: Path, data: bytes) -> None:
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
            os.rename(half, place)
        except OSError as error:
            raise TileStoreError(f"{place} cannot be written: {error.strerror}") from None


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
