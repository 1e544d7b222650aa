"""An archive that `rekap archive` has written: each file is what the archive's own list names.

    manifest.json    what the archive is of, with size and SHA-256 of files.ndjson
    files.ndjson     a line for each other file; `answers` is the address at which the API gave the same bytes
    SHA256SUMS       the hash of each file, also of these two

The audit of such an archive writes nothing into it, because it may be on a medium or with a web server that nobody writes to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from audit.findings import AuditError, Discovery, GivenError, Verdict
from audit.sources.archive import Archive

MANIFEST, FILES, SUMS = "manifest.json", "files.ndjson", "SHA256SUMS"
LATEST = "latest"
PIECE_BYTES = 1024 * 1024
FILES_MAX = 2_000_000
"""Limit for the files of an archive, of which each takes 400 bytes of memory. The archive of a nation has some 200,000."""
FOUND_MAX = 1_000
"""Limit for the damaged files that are named. More names would not make the finding any clearer."""
OTHERS_SHOWN_MAX = 3


def archive_in(directory: Path) -> Archive:
    """The archive in a directory. Where `rekap archive` has written several cuts into the directory, that is the newest.

    Nothing is written into an archive that has a manifest or a list of its files. Any other is one that an audit has kept, and
    more may be written into it."""
    newest = directory / LATEST
    if newest.is_dir():
        directory = newest
    return Archive(directory, None, is_fixed=any((directory / name).is_file() for name in (MANIFEST, FILES, SUMS)))


class WrittenArchive:
    """The list of files of an archive."""

    def __init__(self, archive: Archive) -> None:
        """Raises GivenError where the archive has no list of the shape that it must have."""
        self._archive = archive
        self.answers: dict[str, str] = {}
        """Path of an answer, without its first slash → the file that has it."""
        self._entries: list[tuple[str, int, str]] = []
        content = archive.kept(MANIFEST)
        if content is None:
            raise GivenError(f"{archive.directory / MANIFEST} is missing")
        self._manifest_sha256 = hashlib.sha256(content).hexdigest()
        try:
            manifest = orjson.loads(content)
            listed = manifest["files"]
            self._list = (FILES, _number(listed["bytes"]), str(listed["sha256"]))
            self.cut = str(manifest["cut"])
        except (ValueError, LookupError, TypeError):
            raise GivenError(f"{archive.directory / MANIFEST} is not the manifest of an archive") from None
        for number, (_, line) in enumerate(archive.lines(FILES), 1):
            if number > FILES_MAX:
                raise GivenError(f"{archive.directory / FILES} names more than {FILES_MAX:,} files")
            try:
                entry: dict[str, Any] = orjson.loads(line)
                self._entries.append((str(entry["name"]), _number(entry["bytes"]), str(entry["sha256"])))
                if "answers" in entry:
                    self.answers[str(entry["answers"]).removeprefix("/")] = str(entry["name"])
            except (ValueError, LookupError, TypeError):
                if self._problem_of(*self._list) is not None:
                    break  # `check` names the list
                raise GivenError(f"{archive.directory / FILES}, line {number}, does not name a file") from None

    def check(self, progress: Callable[[int, int], None]) -> list[Discovery]:
        """Compare each file with the list, and the list with the manifest; gives those that are damaged or missing. Raises
        AuditError."""
        found: list[Discovery] = []
        for number, (name, size, sha256) in enumerate([self._list, *self._entries]):
            problem = self._problem_of(name, size, sha256)
            if problem is not None:
                found.append(Discovery(Verdict.TAMPERED, name, problem))
                if name == FILES or len(found) == FOUND_MAX:
                    break  # a list that is damaged names nothing
            progress(number, len(self._entries))
        return found or self._check_sums()

    def _check_sums(self) -> list[Discovery]:
        """Compare the list for `sha256sum` with the other one, once the other one names what is there."""
        content = self._archive.kept(SUMS)
        if content is None:
            return [Discovery(Verdict.TAMPERED, SUMS, "is missing")]
        expected = {name: sha256 for name, _, sha256 in [*self._entries, self._list]} | {
            MANIFEST: self._manifest_sha256
        }
        lines = [line.partition("  ") for line in content.decode(errors="replace").splitlines()]
        stated = {name: sha256 for sha256, _, name in lines}
        wrong = [name for name in {*expected, *stated} if expected.get(name) != stated.get(name)]
        return [
            Discovery(
                Verdict.TAMPERED, name, f"has the SHA-256 {expected.get(name)}, and {SUMS} has {stated.get(name)}"
            )
            for name in sorted(wrong)[:FOUND_MAX]
        ]

    def others(self) -> list[str]:
        """Files in the directory that the list does not name, sorted."""
        known = {name for name, _, _ in self._entries} | {MANIFEST, FILES, SUMS}
        there = (
            os.path.relpath(os.path.join(folder, name), self._archive.directory)
            for folder, _, names in os.walk(self._archive.directory)
            for name in names
        )
        return sorted(name for name in there if name not in known)

    def note(self) -> str | None:
        """A sentence about files that the list does not name."""
        others = self.others()
        if not others:
            return None
        more = f" and {len(others) - OTHERS_SHOWN_MAX:,} more" if len(others) > OTHERS_SHOWN_MAX else ""
        return f"The archive's list does not name these files: {', '.join(others[:OTHERS_SHOWN_MAX])}{more}."

    def _problem_of(self, name: str, size: int, sha256: str) -> str | None:
        path = self._archive.path_of(name)
        digest = hashlib.sha256()
        try:
            with self._archive.opened(name) as file:
                found = os.fstat(file.fileno()).st_size
                if found != size:
                    return f"has {found:,} bytes, and the archive's list has {size:,}"
                while piece := file.read(PIECE_BYTES):
                    digest.update(piece)
        except FileNotFoundError:
            return "is missing"
        except OSError as error:
            raise AuditError(f"{path} cannot be read: {error.strerror}") from None
        if digest.hexdigest() != sha256:
            return f"has the SHA-256 {digest.hexdigest()}, and the archive's list has {sha256}"
        return None


def _number(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value
