"""The part of an archive with the bulk files (docs/open-data.md), written from the same copy of the read model, in the layout
of REKAP_FILES_DIRECTORY, so that each has the path that it has in the API."""

from __future__ import annotations

import orjson

from consumers.exporter.cut_directories import newest_cut
from consumers.exporter.linked_files import Previous
from consumers.exporter.worker import cut_name
from consumers.exporter.writing import Wanted, write_files
from projections.tables.manifest import LATEST, MANIFEST
from rekap.archive.cut_writer import DIRECTORY_MODE, JSON, CutWriter
from rekap.archive.maps import no_report, write_maps
from rekap.archive.moment import ArchivedMoment
from runtime.tables.table_files import Format
from schemas.canonical import sha256_hex

FOLDER = "v1/files"


def write_bulk_files(moment: ArchivedMoment, files: CutWriter) -> None:
    """Raises OSError, PackageError."""
    cut = cut_name(moment.copied.taken_at, moment.copied.blocks)
    folder = f"{FOLDER}/{cut}"
    directory = files.directory / folder
    directory.mkdir(DIRECTORY_MODE, parents=True)
    manifest = write_files(
        moment.definition,
        moment.package,
        moment.copied,
        directory,
        Wanted(list(Format)),
        no_report,
        _previous(files),
        write_maps(moment, files, FOLDER),
    )
    for entry in (*manifest["files"], *manifest["documents"]):
        files.register(f"{folder}/{entry['name']}", entry["bytes"], entry["sha256"], entry["media_type"])
    content = (directory / MANIFEST).read_bytes()
    files.register(f"{folder}/{MANIFEST}", len(content), sha256_hex(content), JSON)
    files.add(f"{FOLDER}/{LATEST}", orjson.dumps({"cut": cut}), JSON)


def _previous(files: CutWriter) -> Previous | None:
    """The bulk files of the cut before, of which those that cannot have changed are linked."""
    if files.previous is None:
        return None
    newest = newest_cut(files.previous.directory / FOLDER)
    return None if newest is None else Previous(*newest)
