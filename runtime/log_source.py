"""Reads an election's transparency log from a server's files, a directory of such files, or Kafka. Verifies nothing.

The address of a source is `https://…` of a Rekap API, `kafka://HOST:PORT`, or else a directory, either the one of all logs
(REKAP_LOG_DIRECTORY) or one that has a folder for each partition.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from proofs.notes import NOTE_BYTES_MAX, NoteError, parse_checkpoint, parse_note
from proofs.tiles import CHECKPOINT, TILE_WIDTH, TileError, entries_files, read_bundle, tile_width
from runtime.error_words import in_words
from runtime.errors import OutsideError
from runtime.files.tile_store import FILE_BYTES_MAX, TileStore, TileStoreError
from runtime.http_client import AddressError, AwayError, ask, base_url, client_for
from runtime.kafka.clients import plain_consumer
from runtime.kafka.topics import topics_of
from runtime.settings import Settings
from schemas.definition.package import Election
from schemas.served.logs import folder_of

AHEAD_BUNDLES = 16
"""Bundles fetched at once: about 6 MB. At half, a server 50 ms away gives 40,000 entries/s."""
KAFKA_SECONDS_MAX = 30
HTTP_SECONDS_MAX = 30
KAFKA_PREFIX = "kafka://"


class LogSourceError(OutsideError):
    """A log cannot be read; the message states where and why."""


class LogSource(Protocol):
    async def size(self, partition: int) -> int:
        """How many entries the partition has in this source. Raises LogSourceError."""

    def entries(self, partition: int, begin: int, end: int) -> AsyncIterator[list[bytes]]:
        """The entries from `begin` up to but not including `end`, in order and in lists. Raises LogSourceError."""


@asynccontextmanager
async def open_log(address: str, election: Election, settings: Settings) -> AsyncIterator[LogSource]:
    """The log of an election at an address. Raises LogSourceError."""
    if address.startswith(KAFKA_PREFIX):
        consumer = plain_consumer(replace(settings, kafka=address.removeprefix(KAFKA_PREFIX)))
        try:
            await consumer.start()
            yield await KafkaLog.assigned(consumer, topics_of(election).ledger, election.partitions)
        except KafkaError as error:
            raise LogSourceError(f"{address}: {in_words(error)}") from None
        finally:
            await consumer.stop()
    elif address.startswith(("http://", "https://")):
        try:
            url = base_url(address)
            client = client_for(url, seconds_max=HTTP_SECONDS_MAX)
        except AddressError as error:
            raise LogSourceError(str(error)) from None
        async with client:
            yield TiledLog(url, lambda partition, path: _fetch(client, url, partition, path))
    else:
        yield TiledLog(address, _directory(Path(address), election))


class TiledLog:
    """A log in the file layout of C2SP tlog-tiles. `read` takes a partition and a path, and gives None where no such file
    exists."""

    def __init__(self, address: str, read: Callable[[int, str], Awaitable[bytes | None]]) -> None:
        self._address = address
        self._read = read

    async def size(self, partition: int) -> int:
        note = await self._read(partition, CHECKPOINT)
        if note is None:
            raise LogSourceError(f"{self._address}: partition {partition} has no checkpoint there")
        try:
            return parse_checkpoint(parse_note(note).text).size
        except NoteError as error:
            raise LogSourceError(f"{self._address}: the checkpoint of partition {partition}: {error}") from None

    async def entries(self, partition: int, begin: int, end: int) -> AsyncIterator[list[bytes]]:
        size = await self.size(partition)
        indices = range(begin // TILE_WIDTH, -(-end // TILE_WIDTH))
        for start in range(0, len(indices), AHEAD_BUNDLES):
            wanted = indices[start : start + AHEAD_BUNDLES]
            bundles = await asyncio.gather(*(self._bundle(partition, index, size) for index in wanted))
            for index, bundle in zip(wanted, bundles, strict=True):
                first = index * TILE_WIDTH
                yield bundle[max(begin - first, 0) : end - first]

    async def _bundle(self, partition: int, index: int, size: int) -> list[bytes]:
        files = entries_files(index, tile_width(0, index, size))
        for path, width in files:
            data = await self._read(partition, path)
            if data is not None:
                try:
                    return read_bundle(data, width)
                except TileError as error:
                    raise LogSourceError(f"{self._address}: partition {partition}, {path}: {error}") from None
        raise LogSourceError(f"{self._address}: partition {partition} has no file {files[0].path}")


async def _fetch(client: httpx.AsyncClient, url: str, partition: int, path: str) -> bytes | None:
    whole = f"{url}/log/{partition}/{path}"
    bytes_max = FILE_BYTES_MAX if path != CHECKPOINT else NOTE_BYTES_MAX
    try:
        answer = await ask(client, "GET", whole, bytes_max=bytes_max, seconds_max=HTTP_SECONDS_MAX)
    except AwayError as error:
        raise LogSourceError(f"{whole}: {error}") from None
    if answer.status == httpx.codes.NOT_FOUND:
        return None
    if answer.status != httpx.codes.OK:
        raise LogSourceError(f"{whole}: the answer is {answer.status}")
    return answer.body


def _directory(root: Path, election: Election) -> Callable[[int, str], Awaitable[bytes | None]]:
    """A `read` for TiledLog. Raises LogSourceError where the directory has no log of this election."""
    of_all_logs = root / folder_of(election, 0).parent
    folder = of_all_logs if of_all_logs.is_dir() else root
    if not (folder / "0").is_dir():
        raise LogSourceError(f"{root} holds no log of election {election.id} ({election.mode.value})")

    async def read(partition: int, path: str) -> bytes | None:
        try:
            return TileStore(folder / str(partition)).read(path)
        except TileStoreError as error:
            raise LogSourceError(str(error)) from None

    return read


class KafkaLog:
    """The ledger topic as a log. Its partitions are assigned once and then paused, because a consumer that is stopped just
    after another `assign` never ends (aiokafka 0.14.0, `_fetch_requests_routine` mistakes its own cancellation for that of a
    fetch)."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str) -> None:
        self._consumer = consumer
        self._topic = topic

    @classmethod
    async def assigned(cls, consumer: AIOKafkaConsumer, topic: str, partitions: int) -> KafkaLog:
        """The log of a topic, whose partitions the consumer is assigned. Raises LogSourceError."""
        if topic not in await consumer.topics():
            raise LogSourceError(f"Kafka has no topic {topic}")
        topic_partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
        consumer.assign(topic_partitions)
        consumer.pause(*topic_partitions)
        return cls(consumer, topic)

    async def size(self, partition: int) -> int:
        topic_partition = TopicPartition(self._topic, partition)
        try:
            async with asyncio.timeout(KAFKA_SECONDS_MAX):
                ends: dict[TopicPartition, int] = await self._consumer.end_offsets([topic_partition])
        except TimeoutError:
            raise LogSourceError(f"Kafka does not answer where {self._topic}/{partition} ends") from None
        return ends[topic_partition]

    async def entries(self, partition: int, begin: int, end: int) -> AsyncIterator[list[bytes]]:
        topic_partition = TopicPartition(self._topic, partition)
        self._consumer.seek(topic_partition, begin)
        self._consumer.resume(topic_partition)
        while begin < end:
            messages = (await self._consumer.getmany(timeout_ms=KAFKA_SECONDS_MAX * 1000)).get(topic_partition, [])
            if not messages:
                raise LogSourceError(f"Kafka gives nothing of {self._topic}/{partition} from offset {begin} on")
            if messages[0].offset != begin:
                raise LogSourceError(f"{self._topic}/{partition} has no offset {begin}: a ledger is kept for ever")
            values = [message.value or b"" for message in messages[: end - begin]]
            begin += len(values)
            yield values
        self._consumer.pause(topic_partition)
