"""The public log beside the log of a fresh fold: its heads, tiles and entry bundles."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import asyncpg

from projections.definition.compiled import Definition
from projections.loghead import queries as loghead
from proofs.notes import NoteError, parse_checkpoint, parse_note
from proofs.tiles import full_path
from rekap.operate.database import connected
from rekap.operate.doctor.report import CHECKPOINT_FILE, LOG_FILE, LOG_HEAD, PUBLIC_LOG, Report
from runtime.files.tile_store import TileStore
from runtime.settings import Settings
from schemas.served.logs import folder_of


class LogHead(NamedTuple):
    """A size and root that the database (LOG_HEAD) or the published file (CHECKPOINT_FILE) has."""

    kind: str
    size: int
    root: bytes


async def log_heads(settings: Settings, definition: Definition, report: Report) -> dict[int, list[LogHead]]:
    """Heads of the log by partition, in the database and in the published file. Raises DatabaseAwayError."""
    election = definition.election
    found: dict[int, list[LogHead]] = {}
    connection = await connected(settings, loghead.schema_of(election))
    try:
        for row in await connection.fetch(loghead.HEADS):
            found.setdefault(row["partition"], []).append(LogHead(LOG_HEAD, row["size"], bytes.fromhex(row["root"])))
    except asyncpg.UndefinedTableError:
        report.miss(PUBLIC_LOG, "its heads in the database")
    finally:
        await connection.close()
    for partition in range(definition.partitions):
        path = settings.log_directory / folder_of(election, partition) / "checkpoint"
        try:
            checkpoint = parse_checkpoint(parse_note(path.read_bytes()).text)
        except FileNotFoundError:
            report.miss(PUBLIC_LOG, str(path))
        except (NoteError, OSError, ValueError) as error:
            report.compare(CHECKPOINT_FILE, path, "a checkpoint", str(error))
        else:
            found.setdefault(partition, []).append(LogHead(CHECKPOINT_FILE, checkpoint.size, checkpoint.root))
    return found


def compare_files(report: Report, store: TileStore, expected: Mapping[str, bytes]) -> None:
    """Compare tiles and entry bundles of the public log. The notary deletes a partial file once the full one is written."""
    for path, data in expected.items():
        found = store.read(path)
        if found is None and store.read(full_path(path)) is not None:
            continue
        file = store.path_of(path)
        if found is None:
            report.compare(LOG_FILE, file, f"{len(data)} bytes", None)
        else:
            report.compare(LOG_FILE, file, _summary(data), _summary(found))


def _summary(data: bytes) -> str:
    return f"{len(data)} bytes with SHA-256 {hashlib.sha256(data).hexdigest()}"
