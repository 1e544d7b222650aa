"""Writing an election package as a directory or a zip, and the digest of its files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.package.descriptor import column_names, descriptor
from runtime.package.file_names import DESCRIPTOR_FILE, ELECTION_FILE, FILES, file_of
from runtime.package.sources import open_source
from runtime.package.texts import JSON_BYTES_MAX, PACKAGE_BYTES_MAX
from schemas.definition.package import TABLES, ElectionPackage, Row


def write_package(package: ElectionPackage, directory: Path) -> None:
    """Write all files of the package, making the directory where it is missing. Same package, same bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_json(directory / ELECTION_FILE, package.election.model_dump(mode="json", exclude_defaults=True))
    _write_json(directory / DESCRIPTOR_FILE, descriptor(package))
    for name, rows in package.tables().items():
        names = column_names(TABLES[name], rows)
        with (directory / file_of(name)).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names)
            # csv writes None as an empty cell, and an enumeration as its text.
            writer.writerows([_cell(row, *column) for column in names.values()] for row in rows)


def _cell(row: Row, field: str, language: str | None) -> Any:
    value = getattr(row, field)
    return value if language is None or value is None else value.root.get(language)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def pack(path: Path) -> bytes:
    """The files of a package as a zip; same files, same bytes. Raises UnreadablePackageError."""
    source = open_source(path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({DESCRIPTOR_FILE, *FILES} & set(source.names())):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read(name, JSON_BYTES_MAX if name.endswith(".json") else PACKAGE_BYTES_MAX))
    return packed.getvalue()


def content_digest(path: Path) -> bytes:
    """SHA-256 over the files that define the election. Raises UnreadablePackageError."""
    source = open_source(path)
    digest = hashlib.sha256()
    names = set(source.names())
    for name in FILES:
        content = source.read(name, PACKAGE_BYTES_MAX + 1) if name in names else None
        digest.update(f"{name} {-1 if content is None else len(content)}\n".encode() + (content or b""))
    return digest.digest()
