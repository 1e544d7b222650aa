"""The election package as the auditor reads it: plain rows, and the hash that the genesis event must name.

DESIGN 4 says what the files are. The definition hash is SHA-256 over the canonical JSON (RFC 8785) of `election.json`,
every field with its default, and for each table the sorted list of its rows' hashes, each row likewise.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

FILE_BYTES_MAX = 512 * 1024 * 1024

TEXT, NUMBER, TEXTS = "text", "number", "texts"
"""Kinds of columns. Texts stand in a column for each language: `name_en` is `name` in `en`."""
REQUIRED = object()
"""Stands where a column has no default: an empty cell is a mistake."""

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


class PackageError(Exception):
    """The package cannot be read; the sentence names the file and the place."""


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
        """Those that count blank ballots apart from invalid ones."""
        return frozenset(row["id"] for row in self.tables["offices"] if row["blank_ballots"] == "apart")

    def origin(self, partition: int) -> str:
        """The name of a partition's log."""
        return f"rekap/{self.mode}/{self.id}/{partition}"

    def partition_of(self, shard_area: str) -> int:
        """The ledger partition of an area at the shard level: CRC-32 of its code, modulo the number of partitions."""
        return zlib.crc32(shard_area.encode()) % self.partitions


def read_package(path: Path) -> Package:
    """Read a package from a directory or a zip. Raises PackageError."""
    files = _files(path)
    try:
        election = _election(json.loads(files["election.json"]))
    except KeyError as error:
        raise PackageError(f"election.json: {error} is missing") from None
    except ValueError as error:
        raise PackageError(f"election.json: {error}") from None
    tables = {name: _table(name, files.get(f"{name}.csv")) for name in COLUMNS}
    return Package(election, tables, _definition(election, tables))


def _files(path: Path) -> dict[str, bytes]:
    wanted = {"election.json", *(f"{name}.csv" for name in COLUMNS)}
    if path.is_dir():
        return {name: (path / name).read_bytes() for name in wanted if (path / name).is_file()}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename.rpartition("/")[2]: entry for entry in archive.infolist() if not entry.is_dir()}
            found = {name: entry for name, entry in entries.items() if name in wanted}
            if sum(entry.file_size for entry in found.values()) > FILE_BYTES_MAX:
                raise PackageError(f"{path}: more than {FILE_BYTES_MAX:,} bytes unpacked")
            return {name: archive.read(entry) for name, entry in found.items()}
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise PackageError(f"{path}: neither a directory nor a zip that can be read ({error})") from None


def _election(raw: dict[str, Any]) -> dict[str, Any]:
    """`election.json` with every default said."""
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
        "licence": raw["licence"],
        "source": raw.get("source"),
    }


def _table(name: str, data: bytes | None) -> list[dict[str, Any]]:
    if data is None:
        if name in MAY_BE_MISSING:
            return []
        raise PackageError(f"{name}.csv: the file is missing")
    rows = []
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        lines = list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise PackageError(f"{name}.csv: {error}") from None
    for number, cells in enumerate(lines, 2):
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
            try:
                row[column] = default if not cell else int(cell) if kind == NUMBER else cell
            except ValueError:
                raise PackageError(f"{name}.csv, row {number}: {column} is no number: {cell!r}") from None
        rows.append(row)
    return rows


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
