"""The configuration file of a portal.

title = "Pemilu"                      # of the start page
state = "/var/lib/rekap-portal"       # directory of what the portal builds

[[election]]
id = "pemilu-2019"                    # in the portal's addresses; the id of the election
archive = "/srv/archive/2019"         # a directory that `rekap archive` writes

[[election]]
id = "pemilu-2029"
url = "https://count.example"         # the API of an election that is counted now
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rekap.errors import UnusableError
from runtime.files.bounded_file import read_bounded
from runtime.http_client import AddressError, base_url

FILE_BYTES_MAX = 1024 * 1024
"""Limit for the file. A thousand elections have 100 kB."""
ELECTIONS_MAX = 1_000
"""Elections of a portal. Each archive that is served takes the memory of its compiled definition (docs/archive.md)."""
_ID = re.compile(r"[a-z0-9][a-z0-9\-]{0,47}")
"""Pattern of an election's id, as in a package."""


class PortalConfigurationError(UnusableError):
    """The configuration file of a portal cannot be used; the message names the entry and what is wrong."""


@dataclass(frozen=True, slots=True)
class ElectionEntry:
    """One election; it has either an archive or a url."""

    id: str
    archive: Path | None
    url: str | None


@dataclass(frozen=True, slots=True)
class PortalConfiguration:
    title: str
    state: Path
    elections: tuple[ElectionEntry, ...]


def read_configuration(path: Path) -> PortalConfiguration:
    """Paths in the file are relative to its directory. Raises PortalConfigurationError."""
    content = read_bounded(path, FILE_BYTES_MAX, "the configuration of a portal", PortalConfigurationError)
    try:
        found = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PortalConfigurationError(f"{path} is not valid TOML: {error}") from None
    return _configuration(path, found)


def _configuration(path: Path, found: dict[str, Any]) -> PortalConfiguration:
    _check_names(str(path), found, {"title", "state", "election"})
    title = _text(str(path), found, "title", default="Elections")
    state = _text(str(path), found, "state")
    entries = found.get("election", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise PortalConfigurationError(f"{path}: election: expected tables that begin with [[election]]")
    if not 1 <= len(entries) <= ELECTIONS_MAX:
        raise PortalConfigurationError(f"{path}: expected 1 to {ELECTIONS_MAX:,} [[election]], got {len(entries)}")
    elections = [_election(path, number, entry) for number, entry in enumerate(entries, 1)]
    seen: set[str] = set()
    for number, each in enumerate(elections, 1):
        if each.id in seen:
            raise PortalConfigurationError(f"{path}: election {number}: id: {each.id!r} is there twice")
        seen.add(each.id)
    return PortalConfiguration(title, path.parent / state, tuple(elections))


def _election(path: Path, number: int, entry: dict[str, Any]) -> ElectionEntry:
    where = f"{path}: election {number}"
    _check_names(where, entry, {"id", "archive", "url"})
    id = _text(where, entry, "id")
    if not _ID.fullmatch(id):
        raise PortalConfigurationError(
            f"{where}: id: expected small letters, digits and hyphens, 48 at most, got {id[:60]!r}"
        )
    if ("archive" in entry) == ("url" in entry):
        raise PortalConfigurationError(f"{where}: expected either archive or url")
    if "archive" in entry:
        return ElectionEntry(id, path.parent / _text(where, entry, "archive"), None)
    try:
        return ElectionEntry(id, None, base_url(_text(where, entry, "url")))
    except AddressError as error:
        raise PortalConfigurationError(f"{where}: url: {error}") from None


def _check_names(where: str, found: dict[str, Any], known: set[str]) -> None:
    for name in found:
        if name not in known:
            raise PortalConfigurationError(f"{where}: {name[:60]!r} is not known; expected {', '.join(sorted(known))}")


def _text(where: str, found: dict[str, Any], name: str, default: str | None = None) -> str:
    value = found.get(name, default)
    if value is None:
        raise PortalConfigurationError(f"{where}: {name} is missing")
    if not isinstance(value, str) or not value.strip():
        raise PortalConfigurationError(f"{where}: {name}: expected text, got {value!r}"[:300])
    return value
