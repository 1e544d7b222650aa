"""The notary: publishes each ledger partition as a transparency log, in files that anyone can serve and check (DESIGN 5).

Leaf n is the record at offset n. For each batch, in this order:

    1. write and fsync tiles and entry bundles, full and partial; a file that exists must have the same bytes
    2. store the new size and root in PostgreSQL, in place of a head that this log contains; from here on the root is promised
    3. request cosignatures, and use those that come in time
    4. sign and write the checkpoint file

After a crash the steps are repeated, and those that were done change nothing. Two notaries write the same files and agree at
step 2. A notary that finds another root there, or other bytes in a file, stops, so that no second history is ever signed.
Without new records it signs a checkpoint with the present time every `heartbeat_s`, which states that nothing new has come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consumers.errors import WorkerError
from projections.definition.compiled import Definition
from projections.loghead import queries
from proofs.growing_log import GrowingLog
from proofs.merkle import consistency_proof, root_hash
from proofs.notes import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    cosign,
    parse_checkpoint,
    parse_note,
    sign,
)
from proofs.tiles import CHECKPOINT, TileHashes, read_first, tile_files
from runtime import metrics
from runtime.files.tile_store import TileStore
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.topics import topics_of
from runtime.log_key import log_key
from runtime.logs import log_line
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings
from runtime.witnesses import WitnessClient, parse_witnesses
from schemas.served.logs import KEYS_FILE, clock_name, folder_of, origin_of

logger = logging.getLogger("rekap.notary")

POLL_MS = 100
FETCH_BYTES_MIN = 256 * 1024
"""Kafka answers a fetch once it has this many bytes, or after POLL_MS. The log is signed once a second, so a fetch for every
few records would cost as much as the tabulator's without being needed."""
BATCH_RECORDS_MAX = 10_000


class HistoryError(WorkerError):
    """The ledger has another root than the one that was promised. Nothing may be signed (DESIGN 5)."""


@dataclass(slots=True)
class _Partition:
    number: int
    origin: str
    store: TileStore
    log: GrowingLog
    promised: tuple[int, str] = (0, "")
    """A head (size and root) of which this log is known to be a continuation."""
    published_size: int = -1
    published_at: float = float("-inf")


class Notary:
    def __init__(self, settings: Settings, definition: Definition, key: Ed25519PrivateKey) -> None:
        self._settings = settings
        self._definition = definition
        self._topic = topics_of(definition.election).ledger
        self._key = key
        self._witnesses = WitnessClient(parse_witnesses(settings.witnesses))
        self._partitions: dict[int, _Partition] = {}
        self._pool: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises HistoryError, TileStoreError, or what Kafka and PostgreSQL raise."""
        schema = queries.schema_of(self._definition.election)
        self._pool = await open_pool(self._settings, schema, size=2)
        consumer: AIOKafkaConsumer = plain_consumer(
            self._settings, fetch_min_bytes=FETCH_BYTES_MIN, fetch_max_wait_ms=POLL_MS
        )
        try:
            await migrate(self._pool, schema, files("projections.loghead").joinpath("migrations"))
            await self._resume()
            await consumer.start()
            logs = {TopicPartition(self._topic, each.number): each for each in self._partitions.values()}
            consumer.assign(list(logs))
            for topic_partition, partition in logs.items():
                consumer.seek(topic_partition, partition.log.size)
            while not stop.is_set():
                batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS_MAX)
                for topic_partition, messages in batches.items():
                    self._append(logs[topic_partition], messages)
                now = time.monotonic()
                await asyncio.gather(
                    *(self._publish(each) for each in self._partitions.values() if self._is_due(each, now))
                )
        finally:
            await stop_consumer(consumer)
            await self._witnesses.close()
            self._pool.terminate()

    async def _resume(self) -> None:
        """Load each log as it was promised last. Where its files are gone, it begins empty and is made again from the
        ledger."""
        election = self._definition.election
        heads = {row["partition"]: (row["size"], row["root"]) for row in await self._pool.fetch(queries.HEADS)}
        for number in range(self._definition.partitions):
            store = TileStore(self._settings.log_directory / folder_of(election, number))
            size, root = heads.get(number, (0, ""))
            try:
                grown = GrowingLog.resume(size, store.read)
            except ValueError as error:
                logger.warning(
                    log_line("files-unusable", partition=number, size=size, error=error, then="from the ledger anew")
                )
                grown = GrowingLog()
            if grown.size == size and size and grown.root().hex() != root:
                raise HistoryError(_other_root(number, size, grown.root().hex(), root))
            self._partitions[number] = _Partition(number, origin_of(election, number), store, grown)
            store.replace(KEYS_FILE, self._keys(number).encode())
            logger.info(log_line("resumed", partition=number, size=grown.size, promised=size))

    def _keys(self, number: int) -> str:
        origin, public = origin_of(self._definition.election, number), self._key.public_key().public_bytes_raw()
        return f"{VerifierKey(origin, ED25519, public)}\n{VerifierKey(clock_name(origin), COSIGNATURE, public)}\n"

    def _append(self, partition: _Partition, messages: Any) -> None:
        for message in messages:
            if message.offset != partition.log.size:
                raise HistoryError(
                    f"ledger partition {partition.number}: expected offset {partition.log.size}, got {message.offset}; "
                    "a log has no holes"
                )
            partition.log.append(message.value or b"")
        self._keep_full(partition)

    def _keep_full(self, partition: _Partition) -> None:
        """Step 1 for full tiles and bundles, which never change."""
        full = partition.log.take_full()
        partition.store.keep(full)
        for path in full:
            partition.store.drop_partial(path)

    def _is_due(self, partition: _Partition, now: float) -> bool:
        since = now - partition.published_at
        if partition.log.size > partition.published_size:
            return since >= self._settings.checkpoint_ms / 1000
        return since >= self._settings.heartbeat_s

    async def _publish(self, partition: _Partition) -> None:
        size, root = partition.log.size, partition.log.root()
        if size == 0:
            return
        if size > partition.published_size:
            partition.store.keep(partition.log.partial())  # 1
            if not await self._promise(partition, size, root.hex()):  # 2
                partition.published_at = time.monotonic()
                return
        checkpoint = Checkpoint(partition.origin, size, root)
        signatures = own_signatures(checkpoint, self._key, int(time.time()))
        note = Note(checkpoint.text, tuple(signatures))
        hashes = _hashes(partition.store, size)
        signatures += await self._witnesses.cosign(  # 3
            partition.origin, size, checkpoint.text, note.to_bytes(), lambda old: consistency_proof(old, size, hashes)
        )
        if self._show(partition, checkpoint, signatures):  # 4
            partition.published_size = size
            metrics.LOG_SIZE.labels(partition.number).set(size)
            metrics.LOG_CHECKPOINT.labels(partition.number).set_to_current_time()
        partition.published_at = time.monotonic()

    async def _promise(self, partition: _Partition, size: int, root: str) -> bool:
        """Step 2: move the head forward, from one that this log contains. False where another notary is further. Raises
        HistoryError."""
        while True:
            row = await self._pool.fetchrow(queries.HEAD, partition.number)
            head = (row["size"], row["root"]) if row is not None else (0, "")
            if head[0] > size:
                return False
            if head != partition.promised:
                hashes = _hashes(partition.store, size)
                own = root if head[0] == size else root_hash(head[0], hashes).hex()
                if own != head[1]:
                    raise HistoryError(_other_root(partition.number, head[0], own, head[1]))
                partition.promised = head
            if head[0] == size:
                return True
            if await self._pool.fetchval(queries.ADVANCE, partition.number, size, root, *head) is not None:
                partition.promised = (size, root)

    def _show(self, partition: _Partition, checkpoint: Checkpoint, signatures: list[Signature]) -> bool:
        """Step 4: replace the checkpoint file, unless it has a later checkpoint. False where another notary is replacing it."""

        def is_later(known: bytes | None) -> bool:
            if known is None:
                return True
            try:
                return parse_checkpoint(parse_note(known).text).size <= checkpoint.size
            except NoteError as error:
                logger.warning(log_line("checkpoint-unreadable", partition=partition.number, error=error))
                return True

        note = Note(checkpoint.text, tuple(signatures)).to_bytes()
        return partition.store.replace_where(CHECKPOINT, note, is_later)


def own_signatures(checkpoint: Checkpoint, key: Ed25519PrivateKey, at: int) -> list[Signature]:
    """The log's own signature of a checkpoint, and its clock's cosignature at `at` (seconds since 1970)."""
    return [
        sign(checkpoint.text, checkpoint.origin, key),
        cosign(checkpoint.text, clock_name(checkpoint.origin), key, at),
    ]


def _hashes(store: TileStore, size: int) -> TileHashes:
    """The hashes of a log of this size, read from its files."""
    return TileHashes(size, lambda *tile: read_first(store.read, tile_files(*tile))[0])


def _other_root(partition: int, size: int, own: str, promised: str) -> str:
    return f"ledger partition {partition}: {size} entries give the root {own}, but {promised} was promised"


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    await Notary(settings, definition, await log_key(settings, definition.election)).run(stop)
