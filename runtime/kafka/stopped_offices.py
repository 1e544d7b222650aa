"""Which offices the roll-up has stopped, and why, where `/v1/health` finds it: as what Kafka keeps beside a committed offset.

A roll-up has no database. As the tabulator's reasons are (consumers/tabulator/worker.py), its own are left with a
consumer group's offsets, sealed: one entry for each partition of `subtotals`, because the offices in it are one worker's.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import SetAside, believed_offsets
from runtime.kafka.topics import group_of, topics_of
from runtime.settings import Settings
from schemas.definition.package import Election

ROLE = "rollup-stopped"
BYTES_MAX = 3_500
"""Limit for all reasons in a partition: Kafka takes 4,096 bytes by default."""
REASON_BYTES_MAX = 500


async def leave_stopped(
    settings: Settings, election: Election, seals: Seals, partition: int, reasons: Mapping[str, str]
) -> None:
    """Leave what is stopped of the offices whose blocks are in this partition of `subtotals`; nothing, where none is. Raises
    KafkaError."""
    lines = [f"office {office}: {' '.join(reason.split())}" for office, reason in sorted(reasons.items())]
    lines = [line.encode()[:REASON_BYTES_MAX].decode(errors="ignore") for line in lines]
    note = "\n".join(lines).encode()[:BYTES_MAX].decode(errors="ignore")
    place = TopicPartition(topics_of(election, settings.generation).subtotals, partition)
    group = group_of(election, ROLE, settings.generation)
    consumer = plain_consumer(settings, group_id=group)
    await consumer.start()
    try:
        consumer.assign([place])
        await consumer.commit({place: (0, seals.place(group, place.topic, partition, 0, note))})
    finally:
        await stop_consumer(consumer)


async def stopped_offices(
    admin: AIOKafkaAdminClient, settings: Settings, election: Election, seals: Seals, aside: SetAside
) -> list[str]:
    """A line for each office that is stopped; what no worker left is set aside. Raises KafkaError."""
    group = group_of(election, ROLE, settings.generation)
    committed = await admin.list_consumer_group_offsets(group)
    left = {place: (each.offset, each.metadata or "") for place, each in committed.items()}
    believed = believed_offsets(seals, group, left, aside)
    return [line for place in sorted(believed) for line in believed[place][1].splitlines()]
