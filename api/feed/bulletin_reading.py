"""Reads the bulletins that some client follows: the health of all stages, and the checkpoints of the logs from their files.

Each bulletin is read by a task of its own, so that health, which waits for Kafka and PostgreSQL, delays no checkpoint.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from projections.definition.compiled import Definition
from proofs.notes import NoteError, parse_checkpoint, parse_note
from proofs.tiles import CHECKPOINT
from runtime.files.tile_store import TileStore, TileStoreError
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.served.live import BulletinName
from schemas.served.logs import folder_of

logger = logging.getLogger("rekap.live")

LOOK_SECONDS = 0.2
"""Time between two looks whether a client follows a bulletin that is not read yet, and so how long a first client waits."""
EVERY_SECONDS: Mapping[BulletinName, float] = {"health": 5.0, "checkpoints": 1.0}
"""Time between two readings. A notary signs each second. Health asks Kafka and PostgreSQL; at half, a feed with one follower
asks them as often as several probers do; at double, a page shows a stopped stage after ten seconds."""
HEALTH_MEMBER_BYTES_MAX = 16 * 1024
"""A longer member of the answer is left out and named in `omitted`. The answer has some twenty, of 100 bytes each in a good
night; the longest lists sentences about stopped partitions and offices."""

Reader = Callable[[], Awaitable[Mapping[int, bytes]]]
Answer = Callable[[], Awaitable[dict[str, Any]]]


class BulletinReading:
    def __init__(
        self,
        is_awaited: Callable[[BulletinName], bool | None],
        publish: Callable[[BulletinName, Mapping[int, bytes]], None],
    ) -> None:
        """`is_awaited`: whether a client waits for a bulletin to be read; None where no client follows it."""
        self._is_awaited = is_awaited
        self._publish = publish
        self.readers: dict[BulletinName, Reader] = {}
        """A bulletin without a reader stays unread, and its followers wait."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for name in EVERY_SECONDS:
                tasks.create_task(self._read_for_ever(name))

    async def _read_for_ever(self, name: BulletinName) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            is_awaited, reader = self._is_awaited(name), self.readers.get(name)
            if is_awaited is None or reader is None or (loop.time() < next_at and not is_awaited):
                continue
            next_at = loop.time() + EVERY_SECONDS[name]
            try:
                self._publish(name, await reader())
            except Exception as error:  # also a bug, because the feed of results shall continue
                logger.error(
                    log_line("bulletin-not-read", bulletin=name, error=f"{type(error).__name__}: {error}"),
                    exc_info=True,
                )
                await asyncio.sleep(EVERY_SECONDS[name])


def health_reader(answer: Answer) -> Reader:
    async def read() -> Mapping[int, bytes]:
        return {0: _short(await answer())}

    return read


def _short(answer: dict[str, Any]) -> bytes:
    """The answer as JSON, without members that are too long."""
    members = {name: orjson.dumps(value) for name, value in answer.items()}
    omitted = [name for name, value in members.items() if len(value) > HEALTH_MEMBER_BYTES_MAX]
    if omitted:
        members = {name: value for name, value in members.items() if name not in omitted}
        members["omitted"] = orjson.dumps(omitted)
    return orjson.dumps({name: orjson.Fragment(value) for name, value in members.items()})


def checkpoint_reader(settings: Settings, definition: Definition) -> Reader:
    """Reads the files in another thread, because a disk may hang."""
    directories = [
        settings.log_directory / folder_of(definition.election, partition) for partition in range(definition.partitions)
    ]
    named: dict[int, str] = {}
    """Last reason why a checkpoint could not be read, by partition. Each reason is logged once."""

    def read_all() -> Mapping[int, bytes]:
        rows = {}
        for partition, directory in enumerate(directories):
            try:
                data = TileStore(directory).read(CHECKPOINT)
                if data is not None:
                    rows[partition] = _row(partition, data)
                named.pop(partition, None)
            except (TileStoreError, NoteError) as error:
                if named.get(partition) != str(error):
                    logger.error(log_line("checkpoint-not-read", partition=partition, error=error))
                named[partition] = str(error)
        return rows

    return lambda: asyncio.to_thread(read_all)


def _row(partition: int, data: bytes) -> bytes:
    """Raises NoteError."""
    checkpoint = parse_checkpoint(parse_note(data).text)
    return orjson.dumps(
        {
            "partition": partition,
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "note": data.decode(),
        }
    )
