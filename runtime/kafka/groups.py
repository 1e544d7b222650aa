"""Consumer groups: committed offsets with their metadata, and members."""

from __future__ import annotations

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from runtime.kafka.aiokafka_patches import DescribeGroups, send_request
from runtime.kafka.clients import admin_client
from runtime.settings import Settings


async def committed_offsets(settings: Settings, group: str) -> dict[TopicPartition, tuple[int, str]]:
    """The committed offset of each partition of a consumer group, with its metadata. Raises KafkaError."""
    admin = admin_client(settings)
    await admin.start()
    try:
        return await committed_offsets_by(admin, group)
    finally:
        await admin.close()


async def committed_offsets_by(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, tuple[int, str]]:
    """The same by a client that is connected already. Raises KafkaError."""
    committed = await admin.list_consumer_group_offsets(group)
    return {topic_partition: (each.offset, each.metadata or "") for topic_partition, each in committed.items()}


async def group_members(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many members a consumer group has. Raises KafkaError."""
    node = await admin.find_coordinator(group)
    answer = await send_request(admin, DescribeGroups([group]), node)
    [(_, _, _, _, _, members)] = answer.groups
    return len(members)
