"""The directory of archives of one election.

    latest                               → cuts/20290214T130000Z-9f86d081: the newest cut, as a symbolic link
    latest.json                          {"cut": "20290214T130000Z-9f86d081"}, for readers without symbolic links
    cuts/20290214T130000Z-9f86d081/…     one archive, which never changes

A reader sees a cut whole or not at all. A cut is written under a name that begins with a dot, each of its files fsynced, and
gets its own name by one rename. Only then `latest` names it. A file that is the same as in the cut before is another name of
the same file (a hard link), so the log and an office that rests cost nothing.
"""

from __future__ import annotations

import os
import secrets
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import orjson

from rekap.archive.cut_writer import DIRECTORY_MODE, FILE_MODE, FILES, PreviousCut
from runtime.files.atomic_write import replace_file, sync_directory
from runtime.files.whole_directories import (
    delete_directory,
    delete_unfinished,
    publish_directory,
    unfinished_directories,
)

LATEST = "latest"
LATEST_FILE = "latest.json"


class ArchiveDirectory:
    """One process owns the directory (rekap/embedded/data_directory.py)."""

    def __init__(self, directory: Path, keep: int) -> None:
        self.directory = directory
        self.cuts = directory / "cuts"
        self._keep = keep

    def begin(self) -> None:
        """Make the directories, and delete what a process that was killed has left unfinished. Raises OSError."""
        self.cuts.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        delete_unfinished(self.cuts)
        for part in self.directory.glob(f".{LATEST}*"):
            part.unlink()

    def newest(self) -> PreviousCut | None:
        """The cut that `latest` names; None where it names none that is whole."""
        try:
            name = os.readlink(self.directory / LATEST)
            cut = self.cuts / Path(name).name
            with (cut / FILES).open("rb") as lines:
                entries = map(orjson.loads, lines)
                return PreviousCut(cut, {entry["name"]: entry for entry in entries})
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def unfinished(self, name: str) -> AbstractContextManager[tuple[Path, Path]]:
        """Two new directories for a cut (`unfinished_directories`); the first may be published."""
        return unfinished_directories(self.cuts, name)

    def publish(self, files: Path, name: str) -> None:
        """Give the cut its name, and name it the newest, in this order. Raises OSError."""
        publish_directory(files, self.cuts / name)  # 1
        link = self.directory / f".{LATEST}.{secrets.token_hex(8)}"
        link.symlink_to(Path(self.cuts.name) / name)
        link.replace(self.directory / LATEST)  # 2
        replace_file(self.directory / LATEST_FILE, [orjson.dumps({"cut": name})], mode=FILE_MODE)
        sync_directory(self.directory)

    def prune(self) -> int:
        """Delete the oldest cuts but those that are to be kept; gives how many. Raises OSError."""
        there = sorted(each for each in self.cuts.iterdir() if not each.name.startswith("."))
        newest = ""
        with suppress(OSError):
            newest = Path(os.readlink(self.directory / LATEST)).name
        old = [cut for cut in there[: -self._keep] if cut.name != newest]
        for cut in old:
            delete_directory(cut)
        return len(old)
