"""The documents of a cut beside its tables: schemas of XML, catalogues, and the files of the maps."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from consumers.exporter.map_files import FILE_MODE, BuiltMaps
from projections.catalogue.documents import documents
from projections.catalogue.facts import CatalogueFacts
from runtime.files.atomic_write import create_file
from runtime.tables.table_files import written_file
from runtime.tables.xml_table import xsd
from schemas.maps.files import DOCUMENT_PREFIX
from schemas.tables.columns import Table


def write_schemas(directory: Path, tables: Iterable[Table]) -> Iterator[dict[str, Any]]:
    """The XSD of each table; gives what the manifest lists. Raises OSError."""
    for table in tables:
        yield _write(directory, f"{table.name}.xsd", xsd(table).encode(), "application/xml")


def write_catalogues(directory: Path, facts: CatalogueFacts, address: str | None) -> Iterator[dict[str, Any]]:
    """The catalogue in each format. `address` is where the files will be published, where that is known. Raises OSError."""
    for each in documents(facts, address):
        yield _write(directory, each.name, each.content, each.media_type)


def link_maps(directory: Path, maps: BuiltMaps | None) -> Iterator[dict[str, Any]]:
    """The files of the maps under another name, or copies in another file system. Raises OSError."""
    if maps is None:
        return
    for file in (file for each in maps.index["maps"] for file in each["files"]):
        path, name = maps.directory / file["name"], f"{DOCUMENT_PREFIX}{file['name']}"
        try:
            os.link(path, directory / name)
        except OSError:
            create_file(directory / name, path.read_bytes(), mode=FILE_MODE)
        yield {"name": name, **{key: file[key] for key in ("bytes", "sha256", "media_type")}}


def _write(directory: Path, name: str, content: bytes, media_type: str) -> dict[str, Any]:
    path = directory / name
    create_file(path, content, mode=FILE_MODE)
    return {**written_file(path)._asdict(), "media_type": media_type}
