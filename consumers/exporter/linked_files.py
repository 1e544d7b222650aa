"""Files that are the same in the cut before: they get another name in the new cut (a hard link) and are not written again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Previous(NamedTuple):
    """A cut that was written before, into the same file system."""

    directory: Path
    manifest: dict[str, Any]


class Linked(NamedTuple):
    """What the manifest lists of the files that were linked."""

    files: list[dict[str, Any]]
    left_out: list[dict[str, Any]]


def link_files(previous: Previous, directory: Path, wanted: Sequence[str]) -> Linked | None:
    """Link these files of the cut before into the directory. None, and nothing is linked, where the cut before lacks one."""
    there = {each["name"]: each for each in previous.manifest["files"]}
    left_out = {each["name"]: each for each in previous.manifest["left_out"]}
    if not there.keys() | left_out.keys() >= set(wanted):
        return None
    names = [name for name in wanted if name in there]
    try:
        for name in names:
            os.link(previous.directory / name, directory / name)
    except OSError:  # the cut before was deleted, or the file system has no hard links
        for name in names:
            (directory / name).unlink(missing_ok=True)
        return None
    return Linked([there[name] for name in names], [left_out[name] for name in wanted if name in left_out])
