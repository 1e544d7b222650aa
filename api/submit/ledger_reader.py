"""Reads single records of the ledger, and whether the election is open."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.settings import Settings


class LedgerReader:
    def __init__(self, settings: Settings, topic: str, partitions: int) -> None:
        self._topic = topic
        self._partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._consumer: AIOKafkaConsumer = plain_consumer(settings)
        self._lock = asyncio.Lock()
        self.is_open = False
        """Whether every partition was seen to have its genesis record."""

    async def start(self) -> None:
        await self._consumer.start()
        # Assigned once and paused, because aiokafka can hang for ever when it is stopped just after another assignment.
        self._consumer.assign(self._partitions)
        self._consumer.pause(*self._partitions)

    async def stop(self) -> None:
        await stop_consumer(self._consumer)

    async def read(self, partition: int, offset: int) -> bytes:
        """Raises what Kafka raises."""
        topic_partition = TopicPartition(self._topic, partition)
        async with self._lock:
            self._consumer.seek(topic_partition, offset)
            self._consumer.resume(topic_partition)
            try:
                message = await self._consumer.getone(topic_partition)
            finally:
                self._consumer.pause(topic_partition)
            return bytes(message.value)

    async def look_whether_open(self) -> bool:
        """Raises what Kafka raises."""
        if self.is_open:
            return True
        async with self._lock:
            if not self.is_open:  # it may have been set while this call waited for the lock
                ends = await self._consumer.end_offsets(self._partitions)
                self.is_open = min(ends.values()) >= 1
            return self.is_open
