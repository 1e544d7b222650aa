"""Export of the ledger into files, and import of these files.

    DIR/ledger.json          election, mode, definition, and of each partition its size and RFC 6962 root
    DIR/<partition>.ledger   the records in offset order, each after its length in two bytes (as in C2SP tlog-tiles)

The files keep the value of each record. Kafka's keys and times are not kept, because no fold reads them. A record without a
value is imported with an empty value, which has the same leaf. Everything else (subtotals, results, the read model, the logs'
files) is made again from the ledger.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka import TopicPartition

from projections.definition.compiled import Definition
from projections.fold.genesis import genesis_problem
from proofs.growing_log import GrowingLog
from proofs.tiles import entry_bundle
from rekap.errors import UnusableError
from runtime.files.atomic_write import replace_file
from runtime.kafka.clients import ordered_producer, plain_consumer
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import Settings

MANIFEST = "ledger.json"
MANIFEST_BYTES_MAX = 256 * 1024
"""Limit for the manifest. That of 256 partitions has 30 kB."""
POLL_MS = 1_000
UNACKNOWLEDGED_MAX = 1_000
"""Records that are sent and not acknowledged, 64 MB at most."""


class LedgerFilesError(UnusableError):
    """The files are not what their manifest states, or cannot be written into the topic; the message states which and why."""


class Head(NamedTuple):
    """The number of records of a partition, and their RFC 6962 root in hexadecimal."""

    size: int
    root: str


async def export_ledger(settings: Settings, definition: Definition, directory: Path) -> list[Head]:
    """Write the records of each partition up to its present end. The manifest is written last, so that a directory with a
    manifest is complete. Raises LedgerFilesError if the directory has one already."""
    if (directory / MANIFEST).exists():
        raise LedgerFilesError(f"{directory / MANIFEST} exists already; export into an empty directory")
    directory.mkdir(parents=True, exist_ok=True)
    heads = []
    for partition in range(definition.partitions):
        log = GrowingLog()
        with (directory / f"{partition}.ledger").open("wb") as file:
            async for record in records_of(settings, definition, partition):
                file.write(entry_bundle([record]))
                _append(log, record)
            file.flush()
            os.fsync(file.fileno())
        heads.append(_head(log))
    manifest = {**_election(definition), "partitions": [head._asdict() for head in heads]}
    replace_file(directory / MANIFEST, [json.dumps(manifest, indent=1).encode(), b"\n"], mode=0o666)
    return heads


async def import_ledger(settings: Settings, definition: Definition, directory: Path) -> list[Head]:
    """Write the files into the ledger's empty topic, in this order:

        1. check that each file has the size and root of the manifest, and begins with the genesis of this election
        2. create the topic, and check that it is empty
        3. append each record, which then has its offset again (acks=all)
        4. read the records back, and check that their roots are the same

    Raises LedgerFilesError, TopicMismatchError."""
    heads = checked_manifest(definition, directory)
    for partition, head in enumerate(heads):  # 1
        log = GrowingLog()
        for record in _entries(directory / f"{partition}.ledger"):
            if log.size == 0 and (problem := genesis_problem(definition, record)) is not None:
                raise LedgerFilesError(
                    f"{partition}.ledger does not begin with the genesis of this election: {problem}"
                )
            _append(log, record)
            if log.size > head.size:
                raise LedgerFilesError(f"{partition}.ledger has more records than the {head.size} of {MANIFEST}")
        _compare(f"{partition}.ledger", _head(log), head)
    topic = (await create_topics(settings, definition.election)).ledger  # 2
    topic_partitions = [TopicPartition(topic, partition) for partition in range(definition.partitions)]
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(topic_partitions)
    finally:
        await consumer.stop()
    if any(ends.values()):
        raise LedgerFilesError(
            f"topic {topic} is not empty: it has {sum(ends.values())} records; a ledger is imported into an empty topic "
            "only, so that every record keeps its offset"
        )
    for partition, head in enumerate(heads):
        await _send(settings, topic, partition, head, directory)  # 3
        log = GrowingLog()
        async for record in records_of(settings, definition, partition):
            _append(log, record)
        _compare(f"{topic}/{partition}", _head(log), head)  # 4
    return heads


async def _send(settings: Settings, topic: str, partition: int, head: Head, directory: Path) -> None:
    producer = ordered_producer(settings)
    await producer.start()
    unacknowledged: list[asyncio.Future[Any]] = []
    last = -1
    try:
        for record in _entries(directory / f"{partition}.ledger"):
            unacknowledged.append(await producer.send(topic, record, partition=partition))
            if len(unacknowledged) >= UNACKNOWLEDGED_MAX:
                last = (await asyncio.gather(*unacknowledged))[-1].offset
                unacknowledged.clear()
        if unacknowledged:
            last = (await asyncio.gather(*unacknowledged))[-1].offset
    finally:
        await producer.stop()
    if last != head.size - 1:
        raise LedgerFilesError(
            f"{topic}/{partition}: the last record has offset {last}, expected {head.size - 1}; another producer writes "
            "into this topic: delete the topic, stop the gateways, and import again"
        )


async def records_of(settings: Settings, definition: Definition, partition: int) -> AsyncGenerator[bytes]:
    """The values of a ledger partition, up to its present end. Raises KafkaError, LedgerFilesError."""
    topic_partition = TopicPartition(topics_of(definition.election).ledger, partition)
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        consumer.assign([topic_partition])
        consumer.seek(topic_partition, 0)
        end = (await consumer.end_offsets([topic_partition]))[topic_partition]
        expected = 0
        while expected < end:
            for message in (await consumer.getmany(timeout_ms=POLL_MS)).get(topic_partition, []):
                if message.offset != expected:
                    raise LedgerFilesError(
                        f"{topic_partition.topic}/{partition}: expected offset {expected}, got {message.offset}; "
                        "records are missing"
                    )
                if expected < end:
                    yield message.value or b""
                expected += 1
    finally:
        await consumer.stop()


def _entries(path: Path) -> Iterator[bytes]:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a read from a pipe could wait for ever
            raise LedgerFilesError(f"{path} is not a regular file")
        with path.open("rb") as file:
            while length := file.read(2):
                entry = file.read(int.from_bytes(length, "big"))
                if len(length) < 2 or len(entry) < int.from_bytes(length, "big"):
                    raise LedgerFilesError(f"{path} breaks off at byte {file.tell()}")
                yield entry
    except OSError as error:
        raise LedgerFilesError(f"{path} cannot be read: {error.strerror}") from None


def checked_manifest(definition: Definition, directory: Path) -> list[Head]:
    """The heads of an exported ledger of this election. Raises LedgerFilesError where the directory has none."""
    path = directory / MANIFEST
    if not directory.is_dir():
        raise LedgerFilesError(f"there is no directory {directory}; `rekap ledger export` writes one")
    try:
        with path.open("rb") as file:
            text = file.read(MANIFEST_BYTES_MAX + 1)
        if len(text) > MANIFEST_BYTES_MAX:
            raise LedgerFilesError(f"{path} has more than {MANIFEST_BYTES_MAX:,} bytes, so it is not a manifest")
        manifest = orjson.loads(text)
        heads = [_head_of(each) for each in manifest["partitions"]]
        found = {name: manifest[name] for name in _election(definition)}
    except OSError as error:
        raise LedgerFilesError(
            f"{path} cannot be read: {error.strerror}; `rekap ledger export` writes it last, so {directory} is not a "
            "finished export"
        ) from None
    except KeyError as error:
        raise LedgerFilesError(f"{path} is not the manifest of an exported ledger: {error} is missing") from None
    except (ValueError, TypeError):
        raise LedgerFilesError(f"{path} is not the manifest of an exported ledger") from None
    for name, expected in _election(definition).items():
        if found[name] != expected:
            raise LedgerFilesError(f"{path}: {name} is {found[name]}, but the package's is {expected}")
    if len(heads) != definition.partitions:
        raise LedgerFilesError(f"{path} has {len(heads)} partitions, but the package has {definition.partitions}")
    return heads


def _head_of(entry: Any) -> Head:
    """Raises KeyError, TypeError, ValueError where `entry` is not a head."""
    size, root = entry["size"], entry["root"]
    if type(size) is not int or size < 0 or not isinstance(root, str):
        raise ValueError
    return Head(size, root)


def _election(definition: Definition) -> dict[str, str]:
    election = definition.election
    return {"election": election.id, "mode": election.mode.value, "definition": definition.hash}


def _append(log: GrowingLog, record: bytes) -> None:
    log.append(record)
    log.take_full()  # only the root is needed


def _head(log: GrowingLog) -> Head:
    return Head(log.size, log.root().hex())


def _compare(what: str, got: Head, expected: Head) -> None:
    if got != expected:
        raise LedgerFilesError(
            f"{what} has {got.size} records with root {got.root}, expected {expected.size} with root {expected.root}: it was "
            "changed or damaged; take another copy"
        )
