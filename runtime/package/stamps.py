"""Whether files of a package were changed, without reading them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[tuple[int, int] | None, ...]


def stamp_of(package: Path, names: Iterable[str]) -> Stamp:
    """When each of these files of a package, or the zip, was changed, and its size; None for a file that is not there."""
    files = [package / name for name in names] if package.is_dir() else [package]
    found: list[tuple[int, int] | None] = []
    for file in files:
        try:
            status = file.stat()
            found.append((status.st_mtime_ns, status.st_size))
        except OSError:
            found.append(None)
    return tuple(found)
