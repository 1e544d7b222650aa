"""Names of the files of an election package (DESIGN 4)."""

from __future__ import annotations

from schemas.definition.package import TABLES
from schemas.definition.profiles import PROFILE_TABLES

ELECTION_FILE = "election.json"
DESCRIPTOR_FILE = "datapackage.json"
OPTIONAL_TABLES = frozenset({"districts", "parties", *PROFILE_TABLES})
"""Tables that an election may not need: their file may be missing."""
UNREAD_FILES = frozenset({DESCRIPTOR_FILE})
UNREAD_FOLDERS = frozenset({"maps"})
"""Parts of a package that do not affect the count. They are served, and not read with its tables (DESIGN 4); maps.py reads the
maps."""


def file_of(table: str) -> str:
    return f"{table}.csv"


FILES = (ELECTION_FILE, *map(file_of, TABLES))
"""The files that define the election, in the order in which their problems are listed."""
PROFILE_FILES = tuple(map(file_of, PROFILE_TABLES))
"""Files of profiles, which are checked and served, and not part of the definition hash. Each may be missing."""
READ_FILES = (*FILES, *PROFILE_FILES)
