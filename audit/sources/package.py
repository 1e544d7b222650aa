"""The election package as the auditor reads it: plain rows, and the hash that the genesis event must name.

DESIGN 4 describes the files. The definition hash is SHA-256 over the canonical JSON (RFC 8785) of `election.json`,
every field with its default, and for each table the sorted list of its rows' hashes, each row likewise.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from audit.sources.package_files import DIGITS_MAX, PackageError, json_object, read_files, rows

ELECTION = "election.json"
DEFAULT_LICENCE = "CC-BY-4.0"
"""Licence of a package that names none."""
PARTITIONS_MAX = 256

TEXT, NUMBER, TEXTS = "text", "number", "texts"
"""Kinds of columns. Texts have a column for each language: `name_en` is `name` in `en`."""
REQUIRED = object()
"""The default of a column that has none: an empty cell is a mistake."""

COLUMNS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "areas": (
        ("code", TEXT, REQUIRED),
        ("name", TEXT, REQUIRED),
        ("level", TEXT, REQUIRED),
        ("parent", TEXT, None),
    ),
    "stations": (
        ("code", TEXT, REQUIRED),
        ("name", TEXT, REQUIRED),
        ("area", TEXT, REQUIRED),
        ("registered_men", NUMBER, None),
        ("registered_women", NUMBER, None),
        ("registered_voters", NUMBER, None),
    ),
    "offices": (
        ("id", TEXT, REQUIRED),
        ("name", TEXTS, REQUIRED),
        ("blank_ballots", TEXT, "with-invalid"),
    ),
    "contests": (
        ("id", TEXT, REQUIRED),
        ("office", TEXT, REQUIRED),
        ("electorate", TEXT, REQUIRED),
        ("seats", NUMBER, 1),
        ("votes_per_ballot", NUMBER, 1),
        ("method", TEXT, "plurality"),
        ("name", TEXTS, None),
    ),
    "districts": (("district", TEXT, REQUIRED), ("name", TEXT, REQUIRED), ("area", TEXT, REQUIRED)),
    "parties": (
        ("id", TEXT, REQUIRED),
        ("name", TEXT, REQUIRED),
        ("short_name", TEXT, None),
        ("number", NUMBER, None),
    ),
    "choices": (
        ("contest", TEXT, REQUIRED),
        ("id", TEXT, REQUIRED),
        ("name", TEXT, REQUIRED),
        ("kind", TEXT, "candidate"),
        ("party", TEXT, None),
        ("order", NUMBER, 0),
    ),
    "keys": (
        ("key_id", TEXT, REQUIRED),
        ("public_key", TEXT, REQUIRED),
        ("role", TEXT, REQUIRED),
        ("scope", TEXT, REQUIRED),
        ("holder", TEXT, None),
    ),
}
"""Table → (column, kind, default)."""
MAY_BE_MISSING = frozenset({"districts", "parties"})


@dataclass(frozen=True)
class Package:
    """The tables of one election, rows in the order of their files."""

    election: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]
    definition: str

    @property
    def id(self) -> str:
        return str(self.election["id"])

    @property
    def mode(self) -> str:
        return str(self.election["mode"])

    @property
    def partitions(self) -> int:
        return int(self.election["partitions"])

    @property
    def offices_with_blank_ballots(self) -> frozenset[str]:
        """Offices that count blank ballots apart from invalid ones."""
        return frozenset(row["id"] for row in self.tables["offices"] if row["blank_ballots"] == "apart")

    @cached_property
    def lineage(self) -> dict[str, list[str]]:
        """Area → the area and those above it, up to the root."""
        parents = {row["code"]: row["parent"] for row in self.tables["areas"]}
        lineage = {}
        for code in parents:
            lineage[code] = line = [code]
            while (parent := parents[line[-1]]) is not None:
                line.append(parent)
        return lineage

    @cached_property
    def station_order(self) -> dict[str, int]:
        """Station → its rank in lists: area by area, areas of one area by code, and in each the stations by code."""
        lineage = {code: tuple(reversed(line)) for code, line in self.lineage.items()}
        in_order = sorted(self.tables["stations"], key=lambda row: (lineage[row["area"]], row["code"]))
        return {row["code"]: rank for rank, row in enumerate(in_order)}

    def origin(self, partition: int) -> str:
        """The name of a partition's log."""
        return f"rekap/{self.mode}/{self.id}/{partition}"

    def partition_of(self, shard_area: str) -> int:
        """The ledger partition of an area at the shard level: CRC-32 of its code, modulo the number of partitions."""
        return zlib.crc32(shard_area.encode()) % self.partitions


def read_package(path: Path) -> Package:
    """Read a package from a directory or a zip. Raises PackageError."""
    files = read_files(path, frozenset({ELECTION, *(f"{name}.csv" for name in COLUMNS)}))
    if ELECTION not in files:
        raise PackageError(f"{ELECTION}: the file is missing")
    try:
        election = _election(json_object(ELECTION, files.pop(ELECTION)))
    except KeyError as error:
        raise PackageError(f"{ELECTION}: {error} is missing") from None
    except (TypeError, AttributeError):
        raise PackageError(f"{ELECTION}: a value is of another kind than the description asks for") from None
    tables = {name: _table(name, files.pop(f"{name}.csv", None)) for name in COLUMNS}
    try:
        package = Package(election, tables, _definition(election, tables))
    except TypeError as error:  # half of a character, or a number that no JSON reader keeps
        raise PackageError(f"a text or number cannot be written as JSON: {error}") from None
    _check_references(package)
    return package


_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_ELECTION = re.compile(r"[a-z0-9][a-z0-9\-]{0,47}")
_CODES = {
    "areas": ("code", "level", "parent"),
    "stations": ("code", "area"),
    "offices": ("id",),
    "contests": ("id", "office", "electorate"),
    "districts": ("district", "area"),
    "parties": ("id",),
    "choices": ("contest", "id", "party"),
    "keys": ("key_id", "scope"),
}
"""What addresses and file names are made of."""


def _check_references(package: Package) -> None:
    """What the audit looks up has to be there. Whether the package makes sense is the server's to check."""
    election, tables = package.election, package.tables
    if election["mode"] not in ("rehearsal", "live") or type(election["partitions"]) is not int:
        raise PackageError(f"{ELECTION}: mode or partitions have no shape")
    if not 1 <= election["partitions"] <= PARTITIONS_MAX:
        raise PackageError(f"{ELECTION}: {election['partitions']} partitions, expected 1 to {PARTITIONS_MAX}")
    for table, columns in _CODES.items():
        for row in tables[table]:
            for column in columns:
                if row[column] is not None and not _CODE.fullmatch(row[column]):
                    raise PackageError(f"{table}.csv: {column} {row[column][:80]!r} is not a code")
    if not isinstance(election["id"], str) or not _ELECTION.fullmatch(election["id"]):
        raise PackageError(f"{ELECTION}: the id has no shape")
    levels = [level["id"] for level in election["levels"]]
    if election["shard_level"] not in levels[:-1]:
        raise PackageError(f"{ELECTION}: shard_level is none of the levels of areas")
    level_of = {row["code"]: row["level"] for row in tables["areas"]}
    for row in tables["areas"]:
        above = levels.index(row["level"]) - 1 if row["level"] in levels[:-1] else None
        parent = row["parent"]
        if above is None or (parent is None) != (above < 0) or (parent and level_of.get(parent) != levels[above]):
            raise PackageError(f"areas.csv: {row['code']!r} does not lie in an area of the level above")
    known = {name: {row["id"] for row in tables[name]} for name in ("offices", "contests")}
    electorates = level_of.keys() | {row["district"] for row in tables["districts"]}
    stations = {row["code"] for row in tables["stations"]}
    for table, column, there in (
        ("stations", "area", {code for code, level in level_of.items() if level == levels[-2]}),
        ("contests", "office", known["offices"]),
        ("contests", "electorate", electorates),
        ("districts", "area", level_of.keys() | stations),
        ("choices", "contest", known["contests"]),
        ("keys", "scope", level_of.keys() | stations),
    ):
        for row in tables[table]:
            if row[column] not in there:
                raise PackageError(f"{table}.csv: {column} {row[column]!r} is not there")
    if sum(row["parent"] is None for row in tables["areas"]) != 1:
        raise PackageError("areas.csv: expected one area without a parent")


def _election(raw: dict[str, Any]) -> dict[str, Any]:
    """`election.json` with every default written out."""
    return {
        "id": raw["id"],
        "title": raw["title"],
        "date": raw["date"],
        "time_zone": raw["time_zone"],
        "mode": raw["mode"],
        "levels": [{"id": level["id"], "name": level["name"]} for level in raw["levels"]],
        "shard_level": raw["shard_level"],
        "partitions": raw["partitions"],
        "rules": [
            {
                "id": rule["id"],
                "severity": rule["severity"],
                "tolerance": rule.get("tolerance", 0),
                "offices": rule.get("offices", []),
                "parameters": rule.get("parameters", {}),
            }
            for rule in raw.get("rules", [])
        ],
        "licence": raw.get("licence", DEFAULT_LICENCE),
        "source": raw.get("source"),
        **({} if raw.get("finance") is None else {"finance": _finance(raw["finance"])}),
    }


def _finance(raw: dict[str, Any]) -> dict[str, Any]:
    """Campaign finance with every default written out. A package without it has no such field, also not with null."""
    return {
        "currency": raw["currency"],
        "decimals": raw.get("decimals", 0),
        "reports": [
            {
                "id": kind["id"],
                "name": kind["name"],
                "due": kind.get("due"),
                "audited": kind.get("audited", False),
            }
            for kind in raw["reports"]
        ],
        "donors": [
            {
                "id": kind["id"],
                "name": kind["name"],
                "limit": kind.get("limit"),
                "limits": kind.get("limits", {}),
            }
            for kind in raw["donors"]
        ],
        "spending": [{"id": kind["id"], "name": kind["name"]} for kind in raw["spending"]],
    }


def _table(name: str, data: bytes | None) -> list[dict[str, Any]]:
    if data is None:
        if name in MAY_BE_MISSING:
            return []
        raise PackageError(f"{name}.csv: the file is missing")
    found = []
    seen: dict[str, str] = {}
    for number, cells in rows(f"{name}.csv", data):
        row = {}
        for column, kind, default in COLUMNS[name]:
            if kind == TEXTS:
                row[column] = _texts(column, cells) or default
                if row[column] is REQUIRED:
                    raise PackageError(f"{name}.csv, row {number}: {column} is empty in every language")
                continue
            cell = cells.get(column) or ""
            if not cell and default is REQUIRED:
                raise PackageError(f"{name}.csv, row {number}: {column} is empty")
            if cell and kind == NUMBER and not (cell.isascii() and cell.isdecimal() and len(cell) <= DIGITS_MAX):
                raise PackageError(f"{name}.csv, row {number}: {column} is not a number: {cell[:80]!r}")
            # Each text once: the stations of a nation name their area and their number 800,000 times.
            row[column] = default if not cell else int(cell) if kind == NUMBER else seen.setdefault(cell, cell)
        found.append(row)
    return found


def _texts(column: str, cells: dict[str, Any]) -> dict[str, str]:
    """Language → text, of a row that has a column for each language."""
    found = {name.partition("_"): cell for name, cell in cells.items() if isinstance(cell, str) and cell}
    return {language: cell for (field, _, language), cell in found.items() if field == column and language}


def _definition(election: dict[str, Any], tables: dict[str, list[dict[str, Any]]]) -> str:
    hashes = {name: sorted(_sha256(canonical(row)) for row in rows) for name, rows in tables.items()}
    return _sha256(canonical({"election": election, **hashes}))


def canonical(value: Any) -> bytes:
    """RFC 8785 for values without fractions and with ASCII keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
