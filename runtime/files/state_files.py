"""Files that spare a tabulator work when it starts, and that may all be deleted:

    generation-N/<partition>/<offset>.state     the state of a partition's fold up to that offset
    checked/<partition>.signatures              which signatures of a partition's records have been found to hold

A file is written beside its place and renamed, so what stands there is whole; that it is right is its hash's to say. Two
workers may write at once (one of them a zombie): each file is complete in itself, so neither can spoil the other's.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from runtime.files.atomic_write import PART_SUFFIX
from runtime.files.own_files import NotOwnError, make_own_directory, read_own_file, write_own_file
from runtime.logs import log_line

KEPT = 2
"""States of a partition. The newest may be ahead of what was told, when a worker died between the two."""
_SUFFIX = ".state"
_STATE_LEVELS = 4
"""Directories around a state that are ours: its partition, generation, election, and that of all states."""
_CHECKED_LEVELS = 3

logger = logging.getLogger("rekap.states")


class StateFiles:
    """The states of one generation."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self, partition: int, *, at_most: int) -> Path | None:
        """The one that goes farthest, but not past the offset `at_most`."""
        fitting = [(offset, path) for offset, path in self._of(partition) if offset <= at_most]
        return max(fitting)[1] if fitting else None

    def read(self, path: Path) -> bytes:
        """A state that only this user could have written. Raises OSError."""
        return read_own_file(path, _STATE_LEVELS)

    def write(self, partition: int, next_offset: int, pieces: Iterable[bytes]) -> int:
        """Write a state and delete those that it makes needless. Gives its bytes. Raises OSError; then nothing changed."""
        size = write_own_file(self._place(partition) / f"{next_offset:020}{_SUFFIX}", pieces)
        older = sorted((offset, path) for offset, path in self._of(partition) if offset <= next_offset)
        for _, path in older[:-KEPT]:
            path.unlink(missing_ok=True)
        return size

    def begin(self, partition: int) -> None:
        """Make the directory of the partition, and delete what a worker that died was writing. What another worker is writing
        now it will write again. Raises OSError."""
        make_own_directory(self._place(partition))
        for path in self._place(partition).glob(f"*{PART_SUFFIX}"):
            path.unlink(missing_ok=True)

    def is_begun(self, partition: int) -> bool:
        """Whether a worker on this machine has had the partition, also where it has written no state yet."""
        return self._place(partition).is_dir()

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
        """Nothing where there is no file that only this user could have written."""
        try:
            return read_own_file(self._path(partition), _CHECKED_LEVELS)
        except NotOwnError as error:
            logger.warning(log_line("checked-signatures-not-used", partition=partition, reason=error))
            return b""
        except OSError:
            return b""

    def write(self, partition: int, content: bytes) -> None:
        """Raises OSError; then nothing changed."""
        write_own_file(self._path(partition), [content])

    def _path(self, partition: int) -> Path:
        return self._directory / f"{partition}.signatures"


DECIDING_LIBRARIES = ("pydantic", "pydantic-core", "msgspec", "orjson", "cryptography")
"""What is a form, and whose signature holds, is theirs to say too."""

FOLD_CODE = (
    "proofs",
    "schemas.canonical",
    "schemas.codes",
    "schemas.definition",
    "schemas.derived",
    "schemas.findings",
    "schemas.ledger",
    "schemas.texts",
    "schemas.times",
    "projections.area",
    "projections.definition",
    "projections.fold",
    "projections.form",
    "projections.station",
)
"""The code that a kept state depends on. How results are shown is not part of it (import-linter holds these apart), so that
a change of an answer's shape does not have a nation folded again."""


def hash_of_code(*packages: str) -> str:
    """SHA-256 over the sources of these packages and modules, as "proofs.signatures", and the versions of what they
    decide with: another version of the rules is another hash, without anybody having to think of it."""
    digest = hashlib.sha256()
    for library in DECIDING_LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for name in sorted(packages):
        package, wanted = name.partition(".")[0], name.replace(".", "/")
        sources = [
            (path, source)
            for path, source in _sources(files(package), package)
            if path == f"{wanted}.py" or path.startswith(f"{wanted}/")
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
