"""The directory of the bulk files.

    latest.json                                        {"cut": "20290214T130000Z-9f86d081", …}: the newest cut
    20290214T130000Z-9f86d081/manifest.json            what the cut is of, and its files
    20290214T130000Z-9f86d081/president.province.area-votes.csv

A reader sees a cut whole or not at all, and its files never change. A cut is written under a name that begins with a dot, gets
its own name by one rename, and only then `latest.json` names it. A table that is the same as in the cut before is another name
of the same file (a hard link).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import orjson

from consumers.exporter.map_files import FILE_MODE
from projections.tables.manifest import LATEST, MANIFEST
from runtime.errors import OutsideError
from runtime.files.atomic_write import replace_file, sync_directory
from runtime.files.whole_directories import delete_directory, publish_directory, unfinished_directories

DIRECTORY_MODE = 0o755
CUT_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
"""Form of the name of a cut. Other directories, such as those of the maps, are not cuts."""
_LOCK = ".lock"


class FilesInUseError(OutsideError):
    """Another exporter writes into the directory."""


def newest_cut(directory: Path) -> tuple[Path, dict[str, Any]] | None:
    """The directory and the manifest of the cut that `latest.json` names; None where there is none."""
    try:
        name = orjson.loads((directory / LATEST).read_bytes())["cut"]
        cut = directory / str(name)
        return cut, orjson.loads((cut / MANIFEST).read_bytes())
    except (OSError, ValueError, LookupError, TypeError):
        return None


class CutDirectories:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def held(self) -> Iterator[None]:
        """Own the directory until the end of the block, and delete what an exporter that was killed has left unfinished. Raises
        FilesInUseError, OSError."""
        self.directory.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        descriptor = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise FilesInUseError(f"another exporter writes into {self.directory}") from None
            for each in self.directory.glob(".*"):
                if each.is_dir():
                    shutil.rmtree(each)
                elif each.name != _LOCK:
                    each.unlink()
            yield
        finally:
            os.close(descriptor)

    def newest(self) -> tuple[Path, dict[str, Any]] | None:
        """The directory and the manifest of the newest cut; None where there is none."""
        return newest_cut(self.directory)

    def unfinished(self, name: str) -> AbstractContextManager[tuple[Path, Path]]:
        """Two new directories for a cut (`unfinished_directories`); the first may be published."""
        return unfinished_directories(self.directory, name)

    def publish(self, files: Path, name: str, manifest: dict[str, Any]) -> None:
        """Give the cut its name, and name it the newest. Raises OSError."""
        publish_directory(files, self.directory / name)
        head = {field: value for field, value in manifest.items() if field not in ("files", "documents", "left_out")}
        replace_file(self.directory / LATEST, [orjson.dumps({"cut": name, **head})], mode=FILE_MODE)
        sync_directory(self.directory)

    def cuts(self) -> list[Path]:
        """The cuts, the oldest first: their names begin with the time at which they were taken."""
        return sorted(each for each in self.directory.iterdir() if CUT_NAME.fullmatch(each.name) and each.is_dir())

    def prune(self, older_than: str, bytes_max: int) -> int:
        """Delete the cuts whose name is below `older_than`, and the oldest ones while all together have more than `bytes_max`;
        the newest stays. Returns the bytes that remain. Raises OSError."""
        cuts = self.cuts()
        sizes = {cut: _bytes(cut) for cut in cuts}
        remaining = _bytes_of_all(sizes)
        for cut in cuts[:-1]:
            if cut.name >= older_than and remaining <= bytes_max:
                break
            delete_directory(cut)
            del sizes[cut]
            remaining = _bytes_of_all(sizes)
        return remaining


def _bytes(cut: Path) -> dict[int, int]:
    """Inode → size of each file of a cut."""
    found = {}
    for each in cut.iterdir():
        status = each.stat()
        found[status.st_ino] = status.st_size
    return found


def _bytes_of_all(sizes: dict[Path, dict[int, int]]) -> int:
    """Bytes of all cuts. A file with several names counts once."""
    together: dict[int, int] = {}
    for each in sizes.values():
        together |= each
    return sum(together.values())
