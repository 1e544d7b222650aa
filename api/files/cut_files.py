"""The bulk files that the exporter has written, as the API finds them on the disk.

A cut never changes, so its manifest is read once and kept. Only files that the manifest names are served.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from api.problems import Problem
from projections.tables.manifest import LATEST, MANIFEST
from runtime.files.files_below import open_below
from schemas.codes import ELECTION_PATTERN, SHA256_PATTERN

CUT_PATTERN = r"^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,200}$"
MANIFEST_BYTES_MAX = 16 * 1024 * 1024
"""Limit for a manifest. A nation with five offices and eight levels has 700 files of 300 bytes each; the rest is for elections
with a hundred offices."""
LATEST_BYTES_MAX = 64 * 1024
KEPT_MANIFESTS = 4
CUTS_LISTED = 100
"""Cuts in the catalogue, the newest. With one each quarter of an hour these are a day and more."""


class Cut(NamedTuple):
    name: str
    manifest: Mapping[str, Any]
    manifest_bytes: bytes
    files: Mapping[str, Mapping[str, Any]]
    """Name of a file or document → its entry in the manifest."""


class CutFiles:
    def __init__(self, directory: Path, folder: str = "") -> None:
        """The cuts are in `folder` of `directory`. Only `directory` itself may be a link, because what is below it may be of
        strangers."""
        self.directory = directory
        self._folder = folder
        self._kept: OrderedDict[str, Cut] = OrderedDict()

    def path_of(self, cut: Cut, name: str) -> str:
        """Path of a file below `directory`."""
        return self._path(cut.name, name)

    def _path(self, *parts: str) -> str:
        return "/".join((self._folder, *parts) if self._folder else parts)

    async def newest(self) -> Cut:
        """The newest cut. Raises Problem where there is none."""
        name = await asyncio.to_thread(self._newest_name)
        if name is None:
            raise Problem(
                503,
                "No files yet",
                "No bulk files have been written yet. The exporter writes them within minutes of its start.",
                retry_after_s=60,
            )
        return await self.cut(name)

    async def cut(self, name: str) -> Cut:
        """Raises Problem where there is no such cut, or no longer."""
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        cut = await asyncio.to_thread(self._read, name)
        self._kept[name] = cut
        if len(self._kept) > KEPT_MANIFESTS:
            self._kept.popitem(last=False)
        return cut

    async def names(self) -> list[str]:
        """The newest cuts, the newest first."""
        return await asyncio.to_thread(self._names)

    def _newest_name(self) -> str | None:
        try:
            with open_below(self.directory, self._path(LATEST)) as file:
                name = orjson.loads(file.read(LATEST_BYTES_MAX))["cut"]
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return name if isinstance(name, str) and re.fullmatch(CUT_PATTERN, name) else None

    def _read(self, name: str) -> Cut:
        try:
            with open_below(self.directory, self._path(name, MANIFEST)) as file:
                content = file.read(MANIFEST_BYTES_MAX)
            manifest = orjson.loads(content)
            entries = _checked_entries(manifest)
        except (OSError, ValueError, LookupError, TypeError):
            raise Problem(
                404, "No such cut", f"There is no cut {name!r}, or no longer; GET /v1/files lists them.", field="cut"
            ) from None
        return Cut(name, manifest, content, {entry["name"]: entry for entry in entries})

    def _names(self) -> list[str]:
        try:
            there = (self.directory / self._folder).iterdir()
            found = [each.name for each in there if re.fullmatch(CUT_PATTERN, each.name)]
        except OSError:
            return []
        return sorted(found, reverse=True)[:CUTS_LISTED]


_MEDIA_TYPE = re.compile(r"[a-z0-9.+\-]{1,100}/[a-z0-9.+\-]{1,100}(; ?[a-z0-9\-]{1,40}=[A-Za-z0-9.\-]{1,40}){0,4}")


def _checked_entries(manifest: Any) -> list[Mapping[str, Any]]:
    """The entries of a manifest. Raises ValueError, LookupError, TypeError where one is not fit for an answer."""
    entries = [*manifest["files"], *manifest["documents"]]
    if not re.fullmatch(ELECTION_PATTERN, manifest["election"]):
        raise ValueError("the election is not an id")
    if not all(map(is_fit, entries)):
        raise ValueError("an entry does not have the shape of a file")
    return entries


def is_fit(entry: Mapping[str, Any]) -> bool:
    """Whether the texts of a file's entry may be written into the header fields of an answer: a line end in one of them would
    begin a header field, or an answer, of a stranger's choice. Raises LookupError, TypeError."""
    return bool(
        re.fullmatch(NAME_PATTERN, entry["name"])
        and re.fullmatch(SHA256_PATTERN, entry["sha256"])
        and _MEDIA_TYPE.fullmatch(entry["media_type"])
    )
