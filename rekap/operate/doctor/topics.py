"""The topics beside their required settings, and the recorder's positions beside the ends of the topics."""

from __future__ import annotations

from typing import Any

from aiokafka import TopicPartition

from projections.definition.compiled import Definition
from projections.readmodel import queries
from rekap.operate.doctor.report import Report
from runtime.kafka.clients import plain_consumer
from runtime.kafka.set_aside import SetAsideMessages
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import topic_flaws, wanted_topics
from runtime.settings import Settings

EVER_SECONDS = 1e9


async def compare_topics(settings: Settings, definition: Definition, connection: Any, report: Report) -> None:
    """Compare the topics with their required settings, and note the messages that were set aside. Raises KafkaError."""
    election, generation = definition.election, settings.generation
    wrong = await topic_flaws(settings, election, generation)
    for name in wanted_topics(settings, election, generation):
        about = "; ".join(each for each in wrong if name in each.replace("/", " ").split())
        report.compare("topic", name, "as it must be", about or "as it must be")
    for row in await connection.fetch(queries.SET_ASIDE, EVER_SECONDS):
        report.notes.append(SetAsideMessages(*row).sentence())


async def compare_positions(settings: Settings, definition: Definition, connection: Any, report: Report) -> None:
    """Compare the recorder's positions with the ends of the topics that it reads. With a position after the end, the recorder
    would skip messages to come. Raises KafkaError."""
    topics = topics_of(definition.election, settings.generation)
    positions = {
        TopicPartition(row["topic"], row["partition"]): row["next_offset"]
        for row in await connection.fetch(queries.POSITIONS)
    }
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        ends = await consumer.end_offsets(topics.derived_partitions())
    finally:
        await consumer.stop()
    for topic_partition, position in positions.items():
        end = ends.get(topic_partition, 0)
        report.compare(
            "topic_position", f"{topic_partition.topic}/{topic_partition.partition}", min(position, end), position
        )
