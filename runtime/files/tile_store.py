"""The files of a log in a directory, written so that a reader never sees half a file and no tile ever changes.

TileStoreError
├── NoAccessError   a file cannot be read or written: the disk is full, or the files belong to another user
└── RewriteError    a file is there with other bytes: another history, so the caller must not continue
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from proofs.tiles import PARTIAL_FOLDER_SUFFIX, TILE_WIDTH
from runtime.errors import OutsideError
from runtime.files.atomic_write import replace_file, sync_directory, written_beside
from runtime.files.files_below import NotAFileError, descriptor_below
from schemas.ledger.envelope import RECORD_BYTES_MAX

FILE_BYTES_MAX = TILE_WIDTH * (2 + RECORD_BYTES_MAX)
"""Size of the largest file, an entry bundle: each entry has its length in two bytes before it (C2SP tlog-tiles)."""
_MODE = 0o644


class TileStoreError(OutsideError):
    """The store cannot be used; the message states why."""


class NoAccessError(TileStoreError):
    pass


class RewriteError(TileStoreError):
    pass


class TileStore:
    """The files of one log, by their paths as in C2SP tlog-tiles."""

    def __init__(self, directory: Path, folder: str = "") -> None:
        """The files are in `folder` of `directory`. Only `directory` itself may be a link."""
        self._root = directory
        self._folder = folder
        self._directory = directory / folder

    def path_of(self, path: str) -> Path:
        return self._directory / path

    def descriptor(self, path: str) -> int:
        """Descriptor of a file that is opened to be read, which the caller closes. Raises OSError."""
        return descriptor_below(self._root, f"{self._folder}/{path}" if self._folder else path)

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where the file does not exist. Raises TileStoreError."""
        try:
            with os.fdopen(self.descriptor(path), "rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
            if len(data) > FILE_BYTES_MAX:
                raise TileStoreError(
                    f"{self.path_of(path)} has more than {FILE_BYTES_MAX:,} bytes, so it is not a file of a log"
                )
            return data
        except NotAFileError as error:
            raise TileStoreError(f"{self.path_of(path)} {error.strerror}") from None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NoAccessError(f"{self.path_of(path)} cannot be read: {error.strerror}") from None

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write files that never change; when this returns, they outlive a power cut. A file that exists already must have
        the same content. Raises RewriteError, TileStoreError."""
        directories = set()
        for name, data in files.items():
            path = self.path_of(name)
            known = self.read(name)
            if known is not None:
                if known != data:
                    raise RewriteError(f"{path} holds other bytes than the ledger gives: another history")
                continue
            self._write(path, data)
            directories.add(path.parent)
        for directory in directories:
            with _sentences(directory):
                sync_directory(directory)

    def replace(self, path: str, data: bytes) -> None:
        """Write a file that may change. Raises TileStoreError."""
        target = self.path_of(path)
        self._write(target, data)
        with _sentences(target):
            sync_directory(target.parent)

    def replace_where(self, path: str, data: bytes, may_replace: Callable[[bytes | None], bool]) -> bool:
        """Write the file if `may_replace`, given its present content, returns True. Returns False, without writing, where
        another process has the lock. Raises TileStoreError.

        The present content is read and replaced under one lock, because a process that was frozen in between would replace a
        newer file by an older one. A process that is frozen while it holds the lock keeps others from writing the file, and
        replaces nothing newer; when it dies, the lock is released.
        """
        target = self.path_of(path)
        with _sentences(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_beside(target, [data], mode=_MODE) as part:
                lock = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if may_replace(self.read(path)):
                        part.rename(target)
                        sync_directory(target.parent)
                except BlockingIOError:
                    return False
                finally:
                    os.close(lock)
        return True

    def drop_partial(self, path: str) -> None:
        """Delete the partial files of a tile that is full now."""
        shutil.rmtree(self.path_of(f"{path}{PARTIAL_FOLDER_SUFFIX}"), ignore_errors=True)

    def _write(self, path: Path, data: bytes) -> None:
        with _sentences(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, [data], mode=_MODE)


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Raises NoAccessError for an OSError."""
    try:
        yield
    except OSError as error:
        raise NoAccessError(f"{path} cannot be written: {error.strerror}") from None
