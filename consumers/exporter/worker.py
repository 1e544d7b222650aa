"""The exporter: writes the bulk files anew where the cut has moved, one cut at a time, in this order:

    1. the watermarks are read; where they and the maps are those of the newest cut, nothing is done. Maps that have changed in
       the package are built before (map_directories.py)
    2. the results of all stations are copied in one transaction (cut.py)
    3. the files are written from the copy; tables that cannot have changed are linked (writing.py)
    4. the directory gets its name, and `latest.json` names it
    5. old cuts are deleted

An exporter that is killed anywhere begins again at 1, and no reader sees half a cut. It is a process of its own, so that the
API answers while it works.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from consumers.exporter.cut import CopiedCut, copy_cut
from consumers.exporter.cut_directories import CutDirectories, FilesInUseError
from consumers.exporter.linked_files import Previous
from consumers.exporter.map_directories import MapDirectories
from consumers.exporter.map_files import BuiltMaps
from consumers.exporter.profiles import ProfilesDigest
from consumers.exporter.writing import Wanted, made_by, write_files
from projections.definition.compiled import Definition
from projections.readmodel.queries import BLOCK_WATERMARKS, schema_of
from runtime import metrics
from runtime.error_words import in_words
from runtime.logs import log_line
from runtime.package.errors import PackageError
from runtime.settings import Settings
from runtime.tables.table_files import Format
from schemas.times import name_of_time

logger = logging.getLogger("rekap.exporter")

CONNECT_SECONDS_MAX = 10.0
BEHIND_SECONDS_MAX = 600.0
"""How long the read model may be behind the newest cut, as after a loss of the database, until it is exported all the same. A
recorder stores a nation's night again in less."""
RETRY_SECONDS = 5.0
OUTSIDE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError, PackageError)
Blocks = Mapping[tuple[str, int], int]


class StoppedError(Exception):
    """The exporter was asked to stop in the middle of a cut."""


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    """Export until `stop`. While the database, the disk or the directory cannot be used, it is tried again."""
    directories = CutDirectories(settings.files_directory)
    while not stop.is_set():
        try:
            with directories.held():
                await Exporter(settings, definition, directories, stop).run()
        except (FilesInUseError, *OUTSIDE_ERRORS) as error:
            logger.warning(log_line("not-exported", error=in_words(error)))
            await _wait(stop, RETRY_SECONDS)


class Exporter:
    def __init__(
        self, settings: Settings, definition: Definition, directories: CutDirectories, stop: asyncio.Event
    ) -> None:
        self._settings = settings
        self._definition = definition
        self._directories = directories
        self._stop = stop
        self._behind_since: float | None = None
        self._maps = MapDirectories(directories.directory, definition, settings.package)
        self._profiles = ProfilesDigest(settings.package)

    async def run(self) -> None:
        """Raises OSError where the directory cannot be used."""
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                await self._export()
            except StoppedError:
                return
            except OUTSIDE_ERRORS as error:
                metrics.EXPORTER_FAILED.inc()
                logger.warning(log_line("not-exported", error=in_words(error)))
                await _wait(self._stop, RETRY_SECONDS)
                continue
            await _wait(self._stop, max(0.0, began + self._settings.files_every_s - time.monotonic()))

    async def _export(self) -> None:
        settings, definition = self._settings, self._definition
        maps = await asyncio.to_thread(self._maps.current, self._raise_if_stopped)
        profiles = await asyncio.to_thread(self._profiles.current)
        schema = f'"{schema_of(definition.election, settings.generation)}"'
        connection: Any = await asyncpg.connect(
            settings.database, timeout=CONNECT_SECONDS_MAX, server_settings={"search_path": schema}
        )
        try:
            rows = await connection.fetch(BLOCK_WATERMARKS, timeout=CONNECT_SECONDS_MAX)  # 1
            blocks = {(row["office"], row["partition"]): row["through"] for row in rows}
            newest = self._directories.newest()
            if newest is not None and (
                self._is_of(newest[1], blocks, maps, profiles) or self._waits_for(newest[1], blocks)
            ):
                return
            self._make_room(newest)
            name = cut_name(datetime.now(UTC), blocks)
            with self._directories.unfinished(name) as (files, copy):
                cut = await self._unless_stopped(
                    copy_cut(connection, definition, definition.ballots.offices, copy)
                )  # 2
                name = cut_name(cut.taken_at, cut.blocks)
                previous = None if newest is None else Previous(*newest)
                began = time.process_time()
                manifest = await asyncio.to_thread(self._write, cut, files, previous, name, maps)  # 3
                self._directories.publish(files, name, manifest)  # 4
        finally:
            connection.terminate()
        kept = self._directories.prune(self._oldest_name(), settings.files_mb_max * 1_000_000)  # 5
        written = sum(each["bytes"] for each in manifest["files"])
        metrics.EXPORTER_CUTS.inc()
        metrics.EXPORTER_TAKEN_AT.set(cut.taken_at.timestamp())
        metrics.EXPORTER_BYTES.set(kept)
        seconds = f"{time.process_time() - began:.1f}"
        logger.info(
            log_line("exported", cut=name, files=len(manifest["files"]), bytes=written, cpu_s=seconds, kept=kept)
        )

    def _write(
        self, cut: CopiedCut, files: Any, previous: Previous | None, name: str, maps: BuiltMaps | None
    ) -> dict[str, Any]:
        public, package = self._settings.public_url.rstrip("/"), self._settings.package
        wanted = Wanted(list(Format), address=f"{public}/v1/files/{name}/" if public else None)
        return write_files(self._definition, package, cut, files, wanted, self._raise_if_stopped, previous, maps)

    def _raise_if_stopped(self, step: str, done: int, total: int) -> None:
        if self._stop.is_set():
            raise StoppedError

    def _is_of(self, manifest: Mapping[str, Any], blocks: Blocks, maps: BuiltMaps | None, profiles: str) -> bool:
        """Whether the newest cut is that of these watermarks, of this definition, with these maps and profiles, and was written
        by this code."""
        digest = None if maps is None else maps.index["digest"]
        if (manifest.get("maps"), manifest.get("profiles")) != (digest, profiles):
            return False
        is_same = manifest["definition"] == self._definition.hash and manifest["made_by"] == made_by()
        return is_same and _offsets(manifest) == {
            key: through for key, through in blocks.items() if through >= 0 and key[0] in manifest["as_of"]
        }

    def _waits_for(self, manifest: Mapping[str, Any], blocks: Blocks) -> bool:
        """Whether the read model is behind the newest cut, and not yet for long."""
        if all(blocks.get(key, -1) >= through for key, through in _offsets(manifest).items()):
            self._behind_since = None
            return False
        now = time.monotonic()
        if self._behind_since is None:
            self._behind_since = now
        logger.warning(log_line("not-exported", error="the read model is behind the newest cut"))
        return now - self._behind_since < BEHIND_SECONDS_MAX

    def _make_room(self, newest: tuple[Any, Mapping[str, Any]] | None) -> None:
        """Delete old cuts until one more of the size of the newest fits. Raises OSError where it cannot fit."""
        size = 0 if newest is None else sum(each["bytes"] for each in newest[1]["files"])
        bytes_max = self._settings.files_mb_max * 1_000_000
        kept = self._directories.prune(self._oldest_name(), max(0, bytes_max - size))
        if kept + size > bytes_max:
            raise OSError(f"a cut has {size:,} bytes, and REKAP_FILES_MB_MAX allows {bytes_max:,} for all of them")

    def _oldest_name(self) -> str:
        """Cuts with a name below this one have been there for long enough."""
        return name_of_time(datetime.now(UTC) - timedelta(seconds=self._settings.files_keep_s))

    async def _unless_stopped(self, copying: Any) -> Any:
        task = asyncio.ensure_future(copying)
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
                raise StoppedError
            return task.result()
        finally:
            stopping.cancel()


def cut_name(taken_at: datetime, blocks: Blocks) -> str:
    """A name of the cut that sorts by time, such as 20290214T130000Z-9f86d081."""
    digest = hashlib.sha256(orjson.dumps(sorted((*key, through) for key, through in blocks.items()))).hexdigest()
    return f"{name_of_time(taken_at)}-{digest[:8]}"


def _offsets(manifest: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    """(office, ledger partition) → the last offset in the cut of a manifest."""
    return {
        (office, int(partition)): offset
        for office, offsets in manifest["as_of"].items()
        for partition, offset in offsets.items()
    }


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
