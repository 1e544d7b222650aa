"""Kafka clients with the settings that the invariants need."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError

from runtime.kafka import aiokafka_patches
from runtime.kafka.security import client_options
from runtime.kafka.topics import MESSAGE_BYTES_MAX
from runtime.settings import Settings

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)
"""Errors with which Kafka's client and broker refuse one message for its size. Other errors are not about one message."""

aiokafka_patches.apply()  # for all clients of the process, Faust's too (streams/app.py imports this module)


def ordered_producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """A producer whose retries cannot overtake each other: idempotent, acks=all (DESIGN 2)."""
    return AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        acks="all",
        max_request_size=MESSAGE_BYTES_MAX,
        **options,
    )


def plain_consumer(settings: Settings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer that commits only when asked, and starts at the beginning of a partition that has no committed offset."""
    return AIOKafkaConsumer(
        *topics,
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
        fetch_max_bytes=4 * MESSAGE_BYTES_MAX,
        **options,
    )


def admin_client(settings: Settings) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**client_options(settings))


@contextmanager
def at_rest(consumer: AIOKafkaConsumer) -> Iterator[None]:
    """Pause a consumer while records gather at Kafka. To be entered before anything is awaited after `getmany`.

    A consumer that is not paused (aiokafka 0.14.0) fetches again at once, receives the first record that comes, and sends no
    other fetch until that record is taken. A reader that sleeps between two calls would then receive the record late, and the
    records after it one sleep later."""
    paused = consumer.assignment() - consumer.paused()
    consumer.pause(*paused)
    try:
        yield
    finally:
        # A consumer of a group may have lost some meanwhile.
        consumer.resume(*paused & consumer.assignment())


async def let_gather(consumer: AIOKafkaConsumer, seconds: float) -> None:
    with at_rest(consumer):
        await asyncio.sleep(seconds)


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also while Kafka is away.

    `Fetcher.close` (aiokafka 0.14.0) cancels its own fetch. Where the fetch only waits to try again, `close` lets the
    cancellation out before the connections are closed. That cancellation looks like one of this task: no `except Exception`
    catches it, and it replaces the error because of which the consumer is stopped.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await aiokafka_patches.close_connections(consumer)
    else:
        stopping.result()
