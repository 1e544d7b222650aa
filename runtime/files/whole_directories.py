"""Directories that a reader sees whole or not at all: cuts of bulk files and of answers, archives, and maps.

A directory is written under a name that begins with a dot. It gets its own name by one rename, and loses it by one rename
before its files are deleted. So a name without a dot is that of a whole directory.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.files.atomic_write import sync_directory

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


def publish_directory(unfinished: Path, path: Path) -> None:
    """Give a finished directory its own name, which outlives a power cut. Its files are fsynced already. Raises OSError."""
    for directory, _, _ in os.walk(unfinished):
        sync_directory(Path(directory))
    unfinished.rename(path)
    sync_directory(path.parent)


def delete_directory(path: Path) -> None:
    """Delete a directory that readers may have open. Raises OSError."""
    going = path.with_name(f".{path.name}.old")
    path.rename(going)
    shutil.rmtree(going)


def delete_unfinished(parent: Path) -> None:
    """Delete what a process that was killed has left unfinished, in a directory that this process owns. Raises OSError."""
    for each in parent.glob(".*"):
        shutil.rmtree(each)
