"""Reading the files of an election package from a directory or a zip, after links and sizes have been checked.

A package may come from a stranger, and a server passes on what it reads. So a link, a device or a name that leads out of the
package is refused, a zip's own figures are checked before Python unpacks it, and nothing is ever unpacked to disk.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from runtime.package.errors import UnreadablePackageError
from runtime.package.file_names import ELECTION_FILE

ZIP_BYTES_MAX = 64 * 1024 * 1024
"""Limit for a zip. Indonesia's has 8 MB."""
RATIO_MAX = 64
"""Unpacked bytes for each byte in the zip. Tables of names give 5 to 20, and deflate can give 1,030."""
RATIO_FREE_BYTES = 1024 * 1024
"""A file up to this size may be packed to any ratio, because a short table may repeat one row many times."""
FILES_MAX = 1_000
"""Limit for a package. A dozen files are read, and there may be maps beside them."""
ZIP_DIRECTORY_BYTES_MAX = 256 * 1024
"""Limit for a zip's list of its files. Python makes 500 bytes of objects from each 46 bytes of the list before any of them can
be checked."""


PIECE_BYTES = 1024 * 1024
"""A file that is read in pieces takes three times as much memory. At a tenth, the calls cost a tenth of the time."""


class Source(Protocol):
    """A directory or a zip that holds the files. Raises UnreadablePackageError where the system refuses."""

    def names(self) -> Sequence[str]:
        """All files, as paths below the package."""

    def names_in(self, folder: str) -> Sequence[str]:
        """The files directly in a folder, as paths below the package; none where there is no such folder."""

    def size(self, name: str) -> int:
        """Size of the file in bytes, unpacked, as the directory or zip states it."""

    def read(self, name: str, bytes_max: int) -> bytes:
        """The first `bytes_max` bytes of the file."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of the file in pieces of PIECE_BYTES."""


def open_source(path: Path) -> Source:
    """The directory or zip at `path`. Raises UnreadablePackageError."""
    try:
        if path.is_dir():
            return DirectorySource(path)
        if path.is_file():
            return ZipSource(path)
    except OSError as error:
        raise UnreadablePackageError(f"{path} cannot be read: {error.strerror}") from None
    raise UnreadablePackageError(f"{path}: there is no such directory or zip file")


class DirectorySource:
    """Regular files with one name each. Through a link, a package could show, and a server serve, a file from elsewhere, for
    example a private key, another user's file, or an endless device."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def names(self) -> Sequence[str]:
        return self._names_in(self._directory)

    def names_in(self, folder: str) -> Sequence[str]:
        if f"{folder}/" not in self.names():
            return []
        names = self._names_in(self._directory / folder)
        return [f"{folder}/{name}" for name in names if not name.endswith("/")]

    def _names_in(self, directory: Path) -> list[str]:
        names = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_symlink():
                        raise UnreadablePackageError(_link_sentence(directory / entry.name))
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if is_folder and entry.name.endswith((".csv", ".json", ".geojson")):
                        raise UnreadablePackageError(f"{directory / entry.name} is not a regular file")
                    names.append(f"{entry.name}/" if is_folder else entry.name)
                    if len(names) > FILES_MAX:
                        raise UnreadablePackageError(f"{directory} holds more than {FILES_MAX:,} files")
        except OSError as error:
            raise UnreadablePackageError(f"{directory} cannot be read: {error.strerror}") from None
        return sorted(names)

    def size(self, name: str) -> int:
        with self._opened(name) as file:
            return os.fstat(file.fileno()).st_size

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with self._opened(name) as file:
                return file.read(bytes_max)
        except OSError as error:
            raise UnreadablePackageError(f"{self._directory / name} cannot be read: {error.strerror}") from None

    def pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._opened(name) as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except OSError as error:
            raise UnreadablePackageError(f"{self._directory / name} cannot be read: {error.strerror}") from None

    def _opened(self, name: str) -> BinaryIO:
        path = self._directory / name
        try:
            # NONBLOCK, because opening a pipe would wait for a writer. The opened file is checked below, not its path, because
            # another file could be put at the path in between.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise UnreadablePackageError(_link_sentence(path)) from None
            raise UnreadablePackageError(f"{path} cannot be read: {error.strerror}") from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(descriptor)
            if stat.S_ISREG(status.st_mode):
                raise UnreadablePackageError(
                    f"{path} is the same file as another (a hard link); a package holds copies"
                )
            raise UnreadablePackageError(f"{path} is not a regular file")
        return os.fdopen(descriptor, "rb")


def _link_sentence(path: Path) -> str:
    return f"{path} is a link; a package holds files, so that it shows nothing from elsewhere"


class ZipSource:
    """A zip whose files are at its root or in one folder. Nothing is ever unpacked to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        size = path.stat().st_size
        if size > ZIP_BYTES_MAX:
            raise UnreadablePackageError(f"{path} has {size:,} bytes, more than {ZIP_BYTES_MAX:,}")
        with path.open("rb") as file:
            file.seek(max(0, size - _ZIP_END_BYTES_MAX))
            self._check_last_record(file.read())
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error):
            raise UnreadablePackageError(f"{path} is neither a directory nor a zip file") from None
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._check_entries(entries)
        names = [entry.filename for entry in entries]
        folder = next((name[: -len(ELECTION_FILE)] for name in names if name.endswith(f"/{ELECTION_FILE}")), "")
        if ELECTION_FILE in names or folder.count("/") > 1:
            folder = ""
        self._entries = {
            entry.filename.removeprefix(folder): entry
            for entry in entries
            if entry.filename.startswith(folder) and not PurePosixPath(entry.filename).name.startswith(".")
        }

    def _check_last_record(self, end: bytes) -> None:
        """Check the number of files that the zip's last record states (APPNOTE 4.3.16), before Python reads the whole list."""
        start = end.rfind(b"PK\5\6")
        if start < 0 or len(end) < start + 22:
            raise UnreadablePackageError(f"{self._path} is neither a directory nor a zip file")
        files, directory_bytes = struct.unpack_from("<HL", end, start + 10)
        if files > FILES_MAX:
            raise UnreadablePackageError(f"{self._path} holds {files:,} files, more than {FILES_MAX:,}")
        if directory_bytes > ZIP_DIRECTORY_BYTES_MAX:
            raise UnreadablePackageError(
                f"{self._path} lists its files in {directory_bytes:,} bytes, more than {ZIP_DIRECTORY_BYTES_MAX:,}"
            )

    def _check_entries(self, entries: Sequence[zipfile.ZipInfo]) -> None:
        """Raises UnreadablePackageError where an entry is not a plain file, has a path outside of the package, or unpacks to
        too many bytes."""
        if len(entries) > FILES_MAX:
            raise UnreadablePackageError(f"{self._path} holds {len(entries):,} files, more than {FILES_MAX:,}")
        seen: set[str] = set()
        for entry in entries:
            name = entry.filename
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if entry.create_system == _UNIX and kind not in (0, stat.S_IFREG):
                raise UnreadablePackageError(f"{self._path} holds {name!r}, which is a link or a device and not a file")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnreadablePackageError(f"{self._path} packs {name!r} in a way other than deflate")
            if entry.flag_bits & 1:
                raise UnreadablePackageError(f"{self._path} holds {name!r} encrypted; Rekap asks for no password")
            if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
                raise UnreadablePackageError(
                    f"{self._path} holds a file named {name!r}, which leads out of the package"
                )
            if name in seen:
                raise UnreadablePackageError(f"{self._path} holds {name!r} twice")
            seen.add(name)
            if entry.file_size > max(RATIO_FREE_BYTES, RATIO_MAX * entry.compress_size):
                raise UnreadablePackageError(
                    f"{self._path}: {name!r} unpacks from {entry.compress_size:,} to {entry.file_size:,} bytes, more than "
                    f"{RATIO_MAX} for each; no table packs so well"
                )

    def names(self) -> Sequence[str]:
        inside = {f"{name.split('/')[0]}/" if "/" in name else name for name in self._entries}
        return sorted(name for name in inside if name != "__MACOSX/")

    def names_in(self, folder: str) -> Sequence[str]:
        return sorted(name for name in self._entries if PurePosixPath(name).parent == PurePosixPath(folder))

    def size(self, name: str) -> int:
        return self._entries[name].file_size

    def read(self, name: str, bytes_max: int) -> bytes:
        try:
            with self._zip.open(self._entries[name]) as file:
                return file.read(bytes_max)
        except _DAMAGED:
            raise self._damaged(name) from None

    def pieces(self, name: str) -> Iterator[bytes]:
        try:
            with self._zip.open(self._entries[name]) as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
        except _DAMAGED:
            raise self._damaged(name) from None

    def _damaged(self, name: str) -> UnreadablePackageError:
        return UnreadablePackageError(f"{name} in {self._path} cannot be unpacked: the zip is damaged")


_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)
_ZIP_END_BYTES_MAX = 22 + 65_535
"""Size of a zip's last record with the longest comment that it may have."""
_UNIX = 3
"""Value of `create_system` with which the upper half of `external_attr` is a file's mode."""
