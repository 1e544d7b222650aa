"""Kafka: the topics of an election, and clients with the settings that the invariants need.

Topic names carry mode and election id, so that a rehearsal's record cannot stand in a live topic (invariant 9).
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partialmethod, wraps
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.protocol.admin import DescribeGroupsRequest_v0, DescribeGroupsRequest_v1
from aiokafka.protocol.api import Request
from aiokafka.protocol.metadata import MetadataRequest

from runtime.kafka.security import client_options
from runtime.settings import Settings
from schemas.definition.package import Election
from schemas.derived.blocks import Block
from schemas.derived.results import Result
from schemas.ledger.envelope import RECORD_BYTES_MAX

LEDGER_BATCH_BYTES_MAX = RECORD_BYTES_MAX + 65
"""What Kafka takes into the ledger at once: a batch has 61 bytes of its own and a record at least 7, so that no larger
record can stand in it, whoever writes it. That needs a topic that keeps nothing compressed: Kafka measures what it keeps."""
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""What `subtotals` and `results` take, and what a fetch of one partition may bring. Blocks are cut at 1 MB or so
(projections/fold/tabulation.py), keyframes and results in parts of half a megabyte (schemas/derived/parts.py); the rest
is for the worst that one record and long numbers can add. A reader of all five partitions holds 40 MB of what was fetched
ahead; at double, 80."""
SUBTOTALS_PARTITIONS = 4
FIRST_GENERATION = 1


class Topics(NamedTuple):
    ledger: str
    subtotals: str
    results: str


class TopicMismatchError(Exception):
    """A topic is there, but is not what this election needs; the sentence says which and how."""


def topics_of(election: Election, generation: int = FIRST_GENERATION) -> Topics:
    """The ledger is the same in every generation (runtime/kafka/generations.py)."""
    prefix, suffix = _prefix(election), _suffix(generation)
    return Topics(f"{prefix}.ledger", f"{prefix}.subtotals{suffix}", f"{prefix}.results{suffix}")


def generations_topic(election: Election) -> str:
    return f"{_prefix(election)}.generations"


def group_of(election: Election, role: str, generation: int = FIRST_GENERATION) -> str:
    return f"{_prefix(election)}.{role}{_suffix(generation)}"


def _prefix(election: Election) -> str:
    return f"rekap.{election.mode.value}.{election.id}"


def _suffix(generation: int) -> str:
    assert generation >= FIRST_GENERATION, f"generation {generation}: expected one that was looked up or fixed"
    return "" if generation == FIRST_GENERATION else f".{generation}"


def partition_of_office(office: str) -> int:
    """The partition of `subtotals` in which all blocks of an office stand, in order: Kafka's own choice for that key."""
    partitions = list(range(SUBTOTALS_PARTITIONS))
    return int(DefaultPartitioner()(office.encode(), partitions, partitions))


class MessageKeys:
    """Keys for the compacted topics, where Kafka keeps of all messages with one key the newest: every change has a key
    that no other message has, also when it says what was said before, because readers need it in its place. A keyframe's
    parts have the keys of the parts of the keyframe before: what is left of an older, larger one is of no message that
    can be put together (projections/fold/parts.py)."""

    def __init__(self) -> None:
        own = secrets.token_hex(8)
        self._numbers = (f"{own}-{number}" for number in itertools.count())

    def messages(self, message: Block | Result) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each Kafka record in which a message is published. Raises TooManyPartsError."""
        name = next(self._numbers)
        if message.kind == "keyframe":
            partition = f"/{message.partition}" if isinstance(message, Block) else ""
            key = f"{message.office}{partition}/keyframe"
        else:
            key = name
        for number, value in enumerate(message.to_parts(name)):
            yield (f"{key}/{number}" if number else key).encode(), value


def ordered_producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    """A producer whose retries cannot overtake: idempotent, acks=all (DESIGN 2)."""
    return AIOKafkaProducer(
        **client_options(settings),
        enable_idempotence=True,
        acks="all",
        max_request_size=MESSAGE_BYTES_MAX,
        **options,
    )


def plain_consumer(settings: Settings, *topics: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself and starts at the beginning where it has no place."""
    return AIOKafkaConsumer(
        *topics,
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=MESSAGE_BYTES_MAX,
        fetch_max_bytes=4 * MESSAGE_BYTES_MAX,
        **options,
    )


@contextmanager
def at_rest(consumer: AIOKafkaConsumer) -> Iterator[None]:
    """While records gather at Kafka. To be entered before anything is awaited after `getmany`.

    Left alone, aiokafka (0.14.0) asks for more at once, is given the first record that comes, and asks for nothing until
    that is taken: whoever sleeps between two calls gets it late, and what came after it a sleep later."""
    places = consumer.assignment()
    consumer.pause(*places)
    try:
        yield
    finally:
        consumer.resume(*places)


async def let_gather(consumer: AIOKafkaConsumer, seconds: float) -> None:
    with at_rest(consumer):
        await asyncio.sleep(seconds)


def _closed_is_no_bug(send: Callable[..., Any]) -> Callable[..., Any]:
    """aiokafka (0.14.0, `AIOKafkaConnection.send`) tries again after an OSError. But uvloop says with a RuntimeError that a
    connection has just been cut: for a consumer that ended its fetching, silently and for good, for a producer its sending."""

    @wraps(send)
    def send_or_say_that_it_is_closed(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return send(self, *arguments, **options)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error

    return send_or_say_that_it_is_closed


AIOKafkaConnection.send = _closed_is_no_bug(AIOKafkaConnection.send)  # of all clients, Faust's too

# Nor does any of them make a topic by asking for it: where a broker allows that, one that somebody deletes would come back with
# the broker's partitions and retention.
MetadataRequest.__init__ = partialmethod(MetadataRequest.__init__, allow_auto_topic_creation=False)


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also while Kafka is away.

    aiokafka (0.14.0, `Fetcher.close`) cancels its own fetch and, where that just waits to try again, lets the cancellation
    out, before its connections are closed. It looks like ours: past any `except Exception`, and in place of the error on
    whose account the consumer is stopped.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()
    else:
        stopping.result()


def admin_client(settings: Settings) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**client_options(settings))


async def committed_places(settings: Settings, group: str) -> dict[TopicPartition, tuple[int, str]]:
    """The committed offset of each partition of a consumer group, and what was left beside it. Raises KafkaError."""
    admin = admin_client(settings)
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {place: (each.offset, each.metadata or "") for place, each in committed.items()}


class _DescribeGroups(Request[DescribeGroupsRequest_v0 | DescribeGroupsRequest_v1]):  # type: ignore[misc]
    """As aiokafka's own, but for versions whose answer it can read: of version 3 it cannot (0.14.0)."""

    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._groups)


async def group_members(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many members a consumer group has. Raises KafkaError."""
    node = await admin.find_coordinator(group)
    answer = await admin._send_request(_DescribeGroups([group]), node)
    [(_, _, _, _, _, members)] = answer.groups
    return len(members)
