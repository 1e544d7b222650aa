"""The ledger itself as a source: records from Kafka, written as the files of a log, with a root of our own.

For an auditor with access to the brokers: whether the public log is what Kafka holds. What the server signed is then
compared with the tree made here, as a checkpoint from elsewhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from audit.findings import AuditError, TamperedError
from audit.logs.heads import Head
from audit.sources.archive import Archive
from audit.sources.package import Package
from proofs.growing_log import GrowingLog

FETCH_BYTES = 8 * 1024 * 1024
SILENT_SECONDS_MAX = 30


def copy_ledger(
    brokers: str,
    client: Mapping[str, Any],
    package: Package,
    archive: Archive,
    progress: Callable[[int, int], None],
) -> list[Head]:
    """Write all records of the ledger topic as logs into the archive's directory. `client` is how Kafka is reached, by
    aiokafka's options. Raises AuditError, TamperedError."""
    return asyncio.run(_copy(brokers, client, package, archive, progress))


async def _copy(
    brokers: str,
    client: Mapping[str, Any],
    package: Package,
    archive: Archive,
    progress: Callable[[int, int], None],
) -> list[Head]:
    topic = f"rekap.{package.mode}.{package.id}.ledger"
    consumer = AIOKafkaConsumer(
        **{"bootstrap_servers": brokers, **client},
        enable_auto_commit=False,
        max_partition_fetch_bytes=FETCH_BYTES,
        isolation_level="read_uncommitted",
    )
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        await consumer.stop()
        raise AuditError(f"Kafka at {brokers} cannot be reached: {error}") from None
    try:
        cluster = await consumer._client.fetch_all_metadata()
        if topic not in cluster.topics():
            raise AuditError(f"Kafka at {brokers} has no topic {topic}; is this the package of that election?")
        found = cluster.partitions_for_topic(topic) or set()
        if found != set(range(package.partitions)):
            raise TamperedError(
                f"topic {topic}", f"it has {len(found)} partitions, and the package has {package.partitions}"
            )
        topic_partitions = [TopicPartition(topic, partition) for partition in range(package.partitions)]
        for each, first in (await consumer.beginning_offsets(topic_partitions)).items():
            if first != 0:
                raise TamperedError(
                    f"log {each.partition}, record 0",
                    f"the topic begins at offset {first}: the records before are gone",
                )
        consumer.assign(topic_partitions)
        await consumer.seek_to_beginning(*topic_partitions)
        ends = await consumer.end_offsets(topic_partitions)
        logs = {each: GrowingLog() for each in topic_partitions}
        received_at = time.monotonic()
        while any(logs[each].size < ends[each] for each in topic_partitions):
            batches = await consumer.getmany(timeout_ms=500)
            for each, messages in batches.items():
                _append(archive, each.partition, logs[each], messages, ends[each])
                received_at = time.monotonic()
            progress(sum(log.size for log in logs.values()), sum(ends.values()))
            if time.monotonic() - received_at > SILENT_SECONDS_MAX:
                raise AuditError(f"Kafka at {brokers} has sent nothing for {SILENT_SECONDS_MAX} s")
    finally:
        await consumer.stop()
    heads = []
    for each, log in logs.items():
        _keep(archive, each.partition, log.take_full() | log.partial())
        heads.append(Head(each.partition, package.origin(each.partition), log.size, log.root(), {}))
    return heads


def _append(archive: Archive, partition: int, log: GrowingLog, messages: list, end: int) -> None:  # type: ignore[type-arg]
    for message in messages:
        if message.offset >= end:
            break
        if message.offset != log.size:
            raise TamperedError(
                f"log {partition}, record {log.size}",
                f"the topic continues at offset {message.offset}: records are missing",
            )
        log.append(message.value or b"")
    _keep(archive, partition, log.take_full())


def _keep(archive: Archive, partition: int, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        archive.keep(f"log/{partition}/{path}", data)
