"""Files that spare a tabulator work when it starts, and that may all be deleted:

    generation-N/<partition>/<offset>.state     the state of a partition's fold up to that offset
    checked/<partition>.signatures              which signatures of a partition's records have been found to hold

A file is written beside its place and renamed, so what stands there is whole; that it is right is its hash's to say. Two
workers may write at once (one of them a zombie): each file is complete in itself, so neither can spoil the other's.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

KEPT = 2
"""States of a partition. The newest may be ahead of what was told, when a worker died between the two."""
_SUFFIX = ".state"


class StateFiles:
    """The states of one generation."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self, partition: int, *, at_most: int) -> Path | None:
        """The one that goes farthest, but not past the offset `at_most`."""
        fitting = [(offset, path) for offset, path in self._of(partition) if offset <= at_most]
        return max(fitting)[1] if fitting else None

    def write(self, partition: int, next_offset: int, pieces: Iterable[bytes]) -> int:
        """Write a state and delete those that it makes needless. Gives its bytes. Raises OSError; then nothing changed."""
        size = _write_whole(self._place(partition) / f"{next_offset:020}{_SUFFIX}", pieces)
        older = sorted((offset, path) for offset, path in self._of(partition) if offset <= next_offset)
        for _, path in older[:-KEPT]:
            path.unlink(missing_ok=True)
        return size

    def drop_unfinished(self, partition: int) -> None:
        """Delete what a worker that died was writing. What another is writing now it will write again."""
        for path in self._place(partition).glob("*.part"):
            path.unlink(missing_ok=True)

    def _of(self, partition: int) -> list[tuple[int, Path]]:
        found = []
        for path in self._place(partition).glob(f"*{_SUFFIX}"):
            with suppress(ValueError):
                found.append((int(path.stem), path))
        return found

    def _place(self, partition: int) -> Path:
        return self._directory / str(partition)


class CheckedFiles:
    """What is remembered of checked signatures (proofs/checked_signatures.py): of the election, for all generations."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, partition: int) -> bytes:
        """Nothing where there is no file."""
        try:
            return self._path(partition).read_bytes()
        except OSError:
            return b""

    def write(self, partition: int, content: bytes) -> None:
        """Raises OSError; then nothing changed."""
        _write_whole(self._path(partition), [content])

    def _path(self, partition: int) -> Path:
        return self._directory / f"{partition}.signatures"


def _write_whole(path: Path, pieces: Iterable[bytes]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    written = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(piece) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    return size


DECIDING_LIBRARIES = ("pydantic", "pydantic-core", "msgspec", "orjson", "cryptography")
"""What is a form, and whose signature holds, is theirs to say too."""


def hash_of_code(*packages: str) -> str:
    """SHA-256 over the sources of these packages (or modules of one, as "proofs.signatures") and the versions of what they
    decide with: another version of the rules is another hash, without anybody having to think of it."""
    digest = hashlib.sha256()
    for library in DECIDING_LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for name in sorted(packages):
        package, _, module = name.partition(".")
        sources = [
            (path, source)
            for path, source in _sources(files(package), package)
            if not module or path == f"{package}/{module}.py"
        ]
        assert sources, f"{name}: there is no such code"
        for path, source in sources:
            digest.update(f"{path} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def _sources(directory: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    for each in sorted(directory.iterdir(), key=lambda entry: entry.name):
        path = f"{name}/{each.name}"
        if each.is_dir() and each.name != "__pycache__":
            yield from _sources(each, path)
        elif each.name.endswith(".py"):
            yield path, each.read_bytes()
