"""Writing an election package as a directory or a zip, and the digest of its files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runtime.files.atomic_write import replace_file
from runtime.package.descriptor import column_names, descriptor
from runtime.package.file_names import DESCRIPTOR_FILE, ELECTION_FILE, FILES, READ_FILES, file_of
from runtime.package.sources import open_source
from runtime.package.texts import JSON_BYTES_MAX, PACKAGE_BYTES_MAX
from schemas.definition.package import TABLES, ElectionPackage
from schemas.definition.profiles import PROFILE_TABLES, Profiles
from schemas.definition.rows import Row

ROWS_AT_ONCE = 5_000
"""Rows written in one piece, about 300 kB. At 5,000 the cost of a piece does not show."""


def write_package(package: ElectionPackage, directory: Path, profiles: Profiles | None = None) -> None:
    """Write all files of the package, each whole or not at all, and make the directory where it is missing. The same package
    gives the same bytes. Files of profiles are written where there are profiles."""
    rows_of = {} if profiles is None else profiles.tables()
    directory.mkdir(parents=True, exist_ok=True)
    stated = package.election.model_dump(mode="json", exclude_defaults=True)
    # The licence also where it is the default: readers of the file should see it.
    _write_json(directory / ELECTION_FILE, {**stated, "licence": package.election.licence})
    _write_json(directory / DESCRIPTOR_FILE, descriptor(package, rows_of))
    for name, rows in package.tables().items():
        replace_file(directory / file_of(name), _csv_pieces(TABLES[name], rows), mode=0o666)
    for name, rows in rows_of.items():
        replace_file(directory / file_of(name), _csv_pieces(PROFILE_TABLES[name], rows), mode=0o666)


def _csv_pieces(model: type[Row], rows: Sequence[Row]) -> Iterator[bytes]:
    names = column_names(model, rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        # csv writes None as an empty cell, and an enumeration as its text.
        writer.writerows(
            [_cell(row, *column) for column in names.values()] for row in rows[begin : begin + ROWS_AT_ONCE]
        )
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    yield text.getvalue().encode()


def _cell(row: Row, field: str, language: str | None) -> Any:
    value = getattr(row, field)
    return value if language is None or value is None else value.root.get(language)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    replace_file(path, [json.dumps(value, ensure_ascii=False, indent=2).encode(), b"\n"], mode=0o666)


def pack(path: Path) -> bytes:
    """The files of a package as a zip; same files, same bytes. Raises UnreadablePackageError."""
    source = open_source(path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted({DESCRIPTOR_FILE, *READ_FILES} & set(source.names())):
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
