"""Files that spare a tabulator work when it starts, and that may all be deleted:

    generation-N/<partition>/<offset>.state     the state of a partition's fold up to that offset
    checked/<partition>.signatures              which signatures of a partition's records are valid

Files are replaced whole (atomic_write.py), and each has a hash, which shows whether its content is right. Two workers may write
at once, for example a worker and the one that has replaced it. Each file is complete in itself, so neither can damage the
other's.
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
"""States that are kept of a partition. The newest may be ahead of the published blocks, where a worker died before it published
them."""
_SUFFIX = ".state"
_STATE_LEVELS = 4
"""Directories around a state that only this user may write: those of its partition, generation and election, and that of all
states."""
_CHECKED_LEVELS = 3

logger = logging.getLogger("rekap.states")


class StateFiles:
    """Files with the states of one generation."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def newest(self, partition: int, *, at_most: int) -> Path | None:
        """The state with the largest offset that is not after `at_most`."""
        usable = [(offset, path) for offset, path in self._states_of(partition) if offset <= at_most]
        return max(usable)[1] if usable else None

    def read(self, path: Path) -> bytes:
        """The content of a state that only this user could have written. Raises OSError."""
        return read_own_file(path, _STATE_LEVELS)

    def write(self, partition: int, next_offset: int, pieces: Iterable[bytes]) -> int:
        """Write a state, and delete older ones but KEPT. Returns its size. Raises OSError, and then nothing has changed."""
        size = write_own_file(self._directory_of(partition) / f"{next_offset:020}{_SUFFIX}", pieces)
        older = sorted((offset, path) for offset, path in self._states_of(partition) if offset <= next_offset)
        for _, path in older[:-KEPT]:
            path.unlink(missing_ok=True)
        return size

    def begin(self, partition: int) -> None:
        """Make the directory of the partition, and delete the parts of files that a dead worker was writing. If a living worker
        was writing one, its write fails, and it writes a later state. Raises OSError."""
        make_own_directory(self._directory_of(partition))
        for path in self._directory_of(partition).glob(f"*{PART_SUFFIX}"):
            path.unlink(missing_ok=True)

    def is_begun(self, partition: int) -> bool:
        """Whether a worker on this machine has had the partition before, also where it has not written a state yet."""
        return self._directory_of(partition).is_dir()

    def _states_of(self, partition: int) -> list[tuple[int, Path]]:
        found = []
        for path in self._directory_of(partition).glob(f"*{_SUFFIX}"):
            with suppress(ValueError):
                found.append((int(path.stem), path))
        return found

    def _directory_of(self, partition: int) -> Path:
        return self._directory / str(partition)


class CheckedFiles:
    """Files with the checked signatures of an election (proofs/checked_signatures.py), for all generations."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, partition: int) -> bytes:
        """The content of the file; empty where there is no file that only this user could have written."""
        try:
            return read_own_file(self._path(partition), _CHECKED_LEVELS)
        except NotOwnError as error:
            logger.warning(log_line("checked-signatures-not-used", partition=partition, reason=error))
            return b""
        except OSError:
            return b""

    def write(self, partition: int, content: bytes) -> None:
        """Raises OSError, and then nothing has changed."""
        write_own_file(self._path(partition), [content])

    def _path(self, partition: int) -> Path:
        return self._directory / f"{partition}.signatures"


DECIDING_LIBRARIES = ("pydantic", "pydantic-core", "msgspec", "orjson", "cryptography")
"""Libraries that also decide what a form is and whether a signature is valid."""

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
    "projections.finance",
    "projections.fold",
    "projections.form",
    "projections.station",
)
"""The code that a kept state depends on. The code that shows results is not part of it (import-linter keeps the two apart), so
that after a change of an answer's shape a nation need not be folded again."""


def hash_of_code(*packages: str) -> str:
    """SHA-256 over the sources of these packages and modules, named like "proofs.signatures", and over the versions of
    DECIDING_LIBRARIES. So another version of the rules has another hash, without a version number that must be raised."""
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
        assert sources, f"{name}: there is no such package or module"
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
