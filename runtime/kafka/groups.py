"""Consumer groups: committed offsets with their metadata, and members."""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, KafkaError

from runtime.kafka.aiokafka_patches import DescribeGroups, send_request
from runtime.kafka.clients import admin_client
from runtime.settings import Settings

COORDINATOR_SECONDS_MAX = 20.0
"""A new Kafka has coordinators after one to three seconds. At half, a busy machine might not be in time; whether it is or not,
workers try again by themselves."""
COORDINATOR_PAUSE_S = 0.2


async def committed_offsets(settings: Settings, group: str) -> dict[TopicPartition, tuple[int, str]]:
    """The committed offset of each partition of a consumer group, with its metadata. Raises KafkaError."""
    admin = admin_client(settings)
    await admin.start()
    try:
        return await committed_offsets_by(admin, group)
    finally:
        await admin.close()


async def committed_offsets_by(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, tuple[int, str]]:
    """`committed_offsets`, by a client that is connected already. Raises KafkaError."""
    committed = await admin.list_consumer_group_offsets(group)
    return {topic_partition: (each.offset, each.metadata or "") for topic_partition, each in committed.items()}


async def group_members(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many members a consumer group has. Raises KafkaError."""
    node = await admin.find_coordinator(group)
    answer = await send_request(admin, DescribeGroups([group]), node)
    [(_, _, _, _, _, members)] = answer.groups
    return len(members)


async def await_coordinator(settings: Settings, group: str) -> None:
    """Wait until Kafka has a coordinator for a group. A new Kafka makes its coordinators at the first request for one, and the
    worker whose request is the first would log an error at a healthy start."""
    admin = admin_client(settings)
    await admin.start()
    try:
        async with asyncio.timeout(COORDINATOR_SECONDS_MAX):
            while not await _has_coordinator(admin, group):
                await asyncio.sleep(COORDINATOR_PAUSE_S)
    except (TimeoutError, KafkaError):
        pass  # nothing depends on it: this user need not be one who may ask for the group
    finally:
        await admin.close()


async def _has_coordinator(admin: AIOKafkaAdminClient, group: str) -> bool:
    try:
        await admin.find_coordinator(group)
    except (GroupCoordinatorNotAvailableError, GroupLoadInProgressError):
        return False
    return True
