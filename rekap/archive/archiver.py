"""Writes an archive of the newest cut, once or until it is stopped. It follows the generation that is served.

In this order:

    1. what an archive depends on is looked at; where it is that of the newest archive, nothing is done
    2. the read model is copied at one moment, in one transaction (moment.py)
    3. the checkpoint of each log has to cover the moment (logs.py)
    4. the parts write their files (parts.py), and the manifest names them
    5. the directory gets its name, and `latest` names it
    6. old cuts are deleted

A process that is killed anywhere begins again at 1, and nothing that a reader sees has a part missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from aiokafka.errors import KafkaError

from projections.definition.compiled import Definition
from projections.readmodel import queries
from projections.shown.published import as_of, shard_as_of
from projections.tables.manifest import about_election
from proofs.tiles import CHECKPOINT
from rekap.archive.cut_writer import CutWriter
from rekap.archive.directory import ArchiveDirectory
from rekap.archive.logs import wait_until_covered
from rekap.archive.moment import ArchivedMoment, copied_moment
from rekap.archive.parts import write_parts
from rekap.errors import NotReachedError
from rekap.operate.database import connected
from runtime.error_words import in_words
from runtime.errors import OutsideError
from runtime.kafka.generations import current_generation
from runtime.logs import log_line
from runtime.settings import Settings
from runtime.witnesses import parse_witnesses
from schemas.served.logs import folder_of
from schemas.times import name_of_time, time_text

logger = logging.getLogger("rekap.archive")

LOOK_SECONDS_MAX = 10.0
PASSING_ERRORS = (
    asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, NotReachedError, OutsideError, OSError, TimeoutError,
)  # fmt: skip
"""Errors after which the next archive is tried all the same. A bug ends the process."""


class Archiver:
    def __init__(self, settings: Settings, definition: Definition, archives: ArchiveDirectory) -> None:
        self._settings = settings
        self._definition = definition
        self._archives = archives

    async def run(self, stop: asyncio.Event, every_seconds: float) -> None:
        """Write an archive where anything has moved, `every_seconds` after the last one, until `stop`. What is being written
        then is finished. While the database, Kafka, the logs or the disk cannot be used, it is tried again."""
        while not stop.is_set():
            try:
                await self.once()
            except PASSING_ERRORS as error:
                logger.warning(log_line("not-archived", error=in_words(error)))
            try:
                await asyncio.wait_for(stop.wait(), every_seconds)
            except TimeoutError:
                continue

    async def once(self) -> Path:
        """Write an archive unless the newest one has everything; gives the directory of the newest. Raises what Kafka,
        PostgreSQL and the disk raise, LogUnfitError, PackageError."""
        settings, definition = self._settings, self._definition
        number = settings.generation or await current_generation(settings, definition.election, definition.hash)
        connection = await connected(settings, queries.schema_of(definition.election, number))
        try:
            rows = await connection.fetch(queries.WATERMARKS, timeout=LOOK_SECONDS_MAX)
            state = await asyncio.to_thread(self._state, rows)  # 1
            previous = await asyncio.to_thread(self._archives.newest)
            if previous is not None and previous.directory.name.endswith(state):
                return previous.directory
            name = f"{name_of_time(datetime.now(UTC))}-{state}"
            with self._archives.unfinished(name) as (directory, copy):
                files = CutWriter(directory, previous)
                copied = copied_moment(connection, definition, settings.package, settings.log_directory, copy)
                async with copied as moment:  # 2
                    await wait_until_covered(moment)  # 3
                    manifest = await asyncio.to_thread(self._write, name, moment, files)  # 4
                await asyncio.to_thread(self._archives.publish, directory, name)  # 5
        finally:
            connection.terminate()
        pruned = await asyncio.to_thread(self._archives.prune)  # 6
        size = sum(part["bytes"] for part in manifest["parts"])
        logger.info(log_line("archived", cut=name, files=manifest["files"]["files"], bytes=size, pruned=pruned))
        return self._archives.cuts / name

    def _write(self, name: str, moment: ArchivedMoment, files: CutWriter) -> dict[str, Any]:
        titles = write_parts(moment, files)
        return files.finish(self._head(name, moment), titles)

    def _head(self, name: str, moment: ArchivedMoment) -> dict[str, Any]:
        definition = self._definition
        offices = definition.ballots.offices
        return {
            **about_election(definition),
            "cut": name,
            "taken_at": time_text(moment.copied.taken_at),
            "as_of": {office.id: as_of(moment.shown, office) for office in offices},
            "shard_as_of": {office.id: shard_as_of(definition, moment.shown, office) for office in offices},
            "witnesses": [str(witness.key) for witness in parse_witnesses(self._settings.witnesses)],
        }

    def _state(self, rows: Any) -> str:
        """Eight digits of a hash of what an archive depends on: the watermarks of the read model, the records of the logs, and
        the files of the package."""
        election, package = self._definition.election, self._settings.package
        cuts = sorted((row["office"], row["partitions"] or [], row["offsets"]) for row in rows)
        logs = []
        for partition in range(self._definition.partitions):
            note = self._settings.log_directory / folder_of(election, partition) / CHECKPOINT
            # The second line is the size. Signatures change with each heartbeat.
            logs.append(note.read_bytes().split(b"\n")[1].decode() if note.exists() else "")
        stamps = [
            (str(each.relative_to(package)), each.stat().st_mtime_ns, each.stat().st_size)
            for each in sorted(package.rglob("*") if package.is_dir() else [package])
            if each.is_file()
        ]
        return hashlib.sha256(orjson.dumps([cuts, logs, stamps])).hexdigest()[:8]
