"""Offices that the roll-up has stopped, and why, for `/v1/health`: a sealed note beside a committed offset.

A roll-up has no database. It leaves its reasons as the tabulator does (consumers/tabulator/worker.py), with the offsets of a
consumer group, one note for each partition of `subtotals`, because one worker has all offices of a partition.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.groups import committed_offsets_by
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import SetAside, believed_offsets
from runtime.kafka.topics import group_of, topics_of
from runtime.settings import Settings
from schemas.definition.package import Election

ROLE = "rollup-stopped"
BYTES_MAX = 3_500
"""Limit for all reasons of a partition. Kafka accepts 4,096 bytes by default."""
REASON_BYTES_MAX = 500


async def leave_stopped(
    settings: Settings, election: Election, seals: Seals, partition: int, reasons: Mapping[str, str]
) -> None:
    """Replace the note on the offices whose blocks are in this partition of `subtotals` by these reasons; without reasons the
    note is empty. Raises KafkaError."""
    lines = [f"office {office}: {' '.join(reason.split())}" for office, reason in sorted(reasons.items())]
    lines = [line.encode()[:REASON_BYTES_MAX].decode(errors="ignore") for line in lines]
    note = "\n".join(lines).encode()[:BYTES_MAX].decode(errors="ignore")
    topic_partition = TopicPartition(topics_of(election, settings.generation).subtotals, partition)
    group = group_of(election, ROLE, settings.generation)
    consumer = plain_consumer(settings, group_id=group)
    await consumer.start()
    try:
        consumer.assign([topic_partition])
        await consumer.commit({topic_partition: (0, seals.metadata(group, topic_partition, 0, note))})
    finally:
        await stop_consumer(consumer)


async def stopped_offices(
    admin: AIOKafkaAdminClient, settings: Settings, election: Election, seals: Seals, aside: SetAside
) -> list[str]:
    """A line for each office that is stopped. Notes that no worker sealed are set aside. Raises KafkaError."""
    group = group_of(election, ROLE, settings.generation)
    believed = believed_offsets(seals, group, await committed_offsets_by(admin, group), aside)
    return [line for _, (_, note) in sorted(believed.items()) for line in note.splitlines()]
