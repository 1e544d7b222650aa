"""The directory of published cuts.

    v1/latest.json                     {"cut": "000000004711-…", "as_of": {…}, "checked_at": "…"}
    v1/cuts/000000004711-…/areas/34.json       what GET /v1/areas/34 answers at this cut
    v1/cuts/000000004711-…/areas/34.json.gz    the same as gzip

A reader sees a cut whole or not at all. It is written beside the others under a name that begins with a dot, each file fsynced,
and gets its own name by one rename. Only then `latest.json` names it. A file that is the same as in the cut before is another
name of the same file (a hard link), so an office that rests costs nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from api.answers.content_codings import COMPRESSED_BYTES_MIN, compressed
from runtime.files.atomic_write import create_file, replace_file, sync_directory
from runtime.files.whole_directories import delete_directory, delete_unfinished, publish_directory

LATEST = "latest.json"
FILE_MODE, DIRECTORY_MODE = 0o644, 0o755
"""Modes with which another user, such as nginx's, can read the files."""


class CutFiles:
    """One process owns the directory (rekap/embedded/data_directory.py)."""

    def __init__(self, directory: Path, keep: int) -> None:
        self._version = directory / "v1"
        self.cuts = self._version / "cuts"
        self._keep = keep
        self._before = ""
        """The cut that `_digests` are of."""
        self._digests: dict[str, bytes] = {}

    def begin(self) -> None:
        """Make the directories, and delete what a process that was killed has left unfinished. Raises OSError."""
        self.cuts.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        delete_unfinished(self.cuts)
        for part in self._version.glob(f".{LATEST}.*"):
            part.unlink()

    def newest(self) -> str:
        """The cut that `latest.json` names; empty where it names none that is there."""
        try:
            name = str(orjson.loads((self._version / LATEST).read_bytes())["cut"])
        except (OSError, ValueError, LookupError, TypeError):
            return ""
        return name if self._has(name) else ""

    def write(self, name: str, pages: Iterable[tuple[str, bytes]]) -> int:
        """Write a cut, unless it is there; gives the bytes that were written. Raises OSError, and then nothing has changed."""
        if self._has(name):
            return 0
        unfinished = self.cuts / f".{name}"
        digests: dict[str, bytes] = {}
        written = 0
        try:
            for page, body in pages:
                digests[page] = hashlib.blake2b(body, digest_size=16).digest()
                written += self._write_page(unfinished, page, body, is_same=self._digests.get(page) == digests[page])
            publish_directory(unfinished, self.cuts / name)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        self._before, self._digests = name, digests
        return written

    def point(self, head: Mapping[str, Any]) -> None:
        """Name the newest cut in `latest.json`. Raises OSError, and then nothing has changed."""
        replace_file(self._version / LATEST, [orjson.dumps(head)], mode=FILE_MODE)
        sync_directory(self._version)

    def prune(self) -> int:
        """Delete the oldest cuts but those that are to be kept; gives how many. Raises OSError."""
        there = [each for each in self.cuts.iterdir() if not each.name.startswith(".")]
        there.sort(key=lambda cut: cut.stat().st_mtime_ns)
        old = [cut for cut in there[: -self._keep] if cut.name != self.newest()]
        for cut in old:
            delete_directory(cut)
        return len(old)

    def _has(self, name: str) -> bool:
        return bool(name) and "/" not in name and not name.startswith(".") and (self.cuts / name).is_dir()

    def _write_page(self, unfinished: Path, page: str, body: bytes, *, is_same: bool) -> int:
        file = unfinished / f"{page}.json"
        file.parent.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        before = self.cuts / self._before / f"{page}.json"
        if is_same:
            try:
                for suffix in ("", ".gz") if len(body) >= COMPRESSED_BYTES_MIN else ("",):
                    os.link(f"{before}{suffix}", f"{file}{suffix}")
                return 0
            except OSError:  # the cut before was deleted, or the file system has no hard links
                file.unlink(missing_ok=True)
        create_file(file, body, mode=FILE_MODE)
        if len(body) < COMPRESSED_BYTES_MIN:
            return len(body)
        small = compressed(body)
        create_file(file.with_name(f"{file.name}.gz"), small, mode=FILE_MODE)
        return len(body) + len(small)
