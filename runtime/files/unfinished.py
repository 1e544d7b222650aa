"""The directories of a cut while it is written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILES_MODE = 0o755
"""Everybody may read the files of a cut."""
COPY_MODE = 0o700


@contextmanager
def unfinished_directories(parent: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """Two new directories, for the files of a cut and for the copy of the read model, with names that begin with a dot. They
    are deleted at the end, unless the first one was renamed. Raises OSError."""
    files, copy = parent / f".{name}", parent / f".{name}.copy"
    try:
        files.mkdir(FILES_MODE)
        copy.mkdir(COPY_MODE)
        yield files, copy
    finally:
        shutil.rmtree(files, ignore_errors=True)
        shutil.rmtree(copy, ignore_errors=True)
