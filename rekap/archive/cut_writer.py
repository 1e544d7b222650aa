"""The files of one cut of an archive, each named with its size and SHA-256.

    manifest.json    what the cut is of, its parts, and size and SHA-256 of files.ndjson
    files.ndjson     a line for each other file: name, bytes, sha256, media_type, part; `answers` is the address at which the
                     API gave the same bytes
    SHA256SUMS       the same for `sha256sum --check SHA256SUMS`

The manifest names the list, and the list names all files, so that a reader with the hash of the manifest can check everything.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from runtime.files.atomic_write import create_file

MANIFEST, FILES, SUMS = "manifest.json", "files.ndjson", "SHA256SUMS"
MANIFEST_VERSION = "1.0.0"
"""Version of the shape of manifest.json and files.ndjson; semver."""
FILE_MODE, DIRECTORY_MODE = 0o644, 0o755
"""Modes with which another user, such as nginx's, can read the files."""
JSON, HTML, BYTES, TEXT, ZIP, GZIP = (
    "application/json", "text/html; charset=utf-8", "application/octet-stream", "text/plain; charset=utf-8",
    "application/zip", "application/gzip",
)  # fmt: skip


class PreviousCut(NamedTuple):
    """The cut before, in the same file system."""

    directory: Path
    entries: Mapping[str, Mapping[str, Any]]
    """Lines of its files.ndjson, by name."""


class CutWriter:
    """One thread owns it."""

    def __init__(self, directory: Path, previous: PreviousCut | None) -> None:
        self.directory = directory
        self.previous = previous
        self.entries: list[dict[str, Any]] = []
        self.part = ""
        """The part of the archive whose files are written."""

    def add(self, name: str, content: bytes, media_type: str, *, answers: str | None = None) -> None:
        """Write a file, or link it where it is the same in the cut before. Raises OSError."""
        sha256 = hashlib.sha256(content).hexdigest()
        before = None if self.previous is None else self.previous.entries.get(name)
        is_same = before is not None and (before["sha256"], before["bytes"]) == (sha256, len(content))
        if not (is_same and self._linked(name)):
            file = self.directory / name
            file.parent.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
            create_file(file, content, mode=FILE_MODE)
        self.register(name, len(content), sha256, media_type, answers=answers)

    def add_same(self, name: str) -> bool:
        """Link a file that never changes to the one of its name in the cut before; False where there is none."""
        before = None if self.previous is None else self.previous.entries.get(name)
        if before is None or not self._linked(name):
            return False
        self.register(name, before["bytes"], before["sha256"], before["media_type"])
        return True

    def register(self, name: str, size: int, sha256: str, media_type: str, *, answers: str | None = None) -> None:
        """Name a file that is in the directory already."""
        entry = {"name": name, "bytes": size, "sha256": sha256, "media_type": media_type, "part": self.part}
        self.entries.append(entry if answers is None else {**entry, "answers": answers})

    def finish(self, head: Mapping[str, Any], parts: Mapping[str, str]) -> dict[str, Any]:
        """Write the lists; gives the manifest. `parts` has the title of each part. Raises OSError."""
        lines = b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in self.entries)
        create_file(self.directory / FILES, lines, mode=FILE_MODE)
        manifest = {
            "manifest_version": MANIFEST_VERSION,
            **head,
            "parts": [{"part": part, "title": title, **self._size_of(part)} for part, title in parts.items()],
            "files": {"name": FILES, "files": len(self.entries), "bytes": len(lines), "sha256": _sha256(lines)},
        }
        content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
        create_file(self.directory / MANIFEST, content, mode=FILE_MODE)
        listed = [(entry["sha256"], entry["name"]) for entry in self.entries]
        listed += [(_sha256(lines), FILES), (_sha256(content), MANIFEST)]
        sums = "".join(f"{sha256}  {name}\n" for sha256, name in listed)
        create_file(self.directory / SUMS, sums.encode(), mode=FILE_MODE)
        return manifest

    def of_part(self, part: str) -> Iterator[dict[str, Any]]:
        """The entries of a part that was written."""
        return (entry for entry in self.entries if entry["part"] == part)

    def _size_of(self, part: str) -> dict[str, int]:
        sizes = [entry["bytes"] for entry in self.of_part(part)]
        return {"files": len(sizes), "bytes": sum(sizes)}

    def _linked(self, name: str) -> bool:
        assert self.previous is not None
        file = self.directory / name
        file.parent.mkdir(DIRECTORY_MODE, parents=True, exist_ok=True)
        try:
            os.link(self.previous.directory / name, file)
        except OSError:  # the cut before was deleted, or the file system has no hard links
            return False
        return True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
