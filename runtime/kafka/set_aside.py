"""Messages that a reader of Kafka does not believe. The reader sets them aside, with an alarm, and reads the next message.

A message of `subtotals` or `results` is believed where

    1. its seal holds                                                            (runtime/kafka/seals.py)
    2. its head can be read, and names an office and partitions of this election
    3. the ledger has every record up to its watermarks

Only a worker with a key passes 1. So 2 and 3 detect a worker that counts another election or another ledger. A message that is
set aside does not make a gap, because the watermarks of honest messages follow each other, whatever lies between the messages
in the topic.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import Counter

from runtime.kafka.seals import SealError, Seals
from runtime.kafka.topics import topics_of
from runtime.logs import log_line
from schemas.definition.package import Election
from schemas.derived.blocks import WITHOUT_VOTES, BlockRange
from schemas.derived.bundles import blocks_in
from schemas.derived.results import ResultRange

logger = logging.getLogger("rekap.set_aside")

ALARM_SECONDS = 3600.0
"""How long health shows a message that was set aside. At half, an operator who looks once an hour can miss it."""
ENDS_SECONDS_MAX = 30.0
"""Limit for Kafka to state where the ledger ends. After it the reader stops, and is started again."""
UNREADABLE = "not readable"
OTHER_ELECTION = "of another election"
BEYOND_THE_LEDGER = "a watermark beyond the end of the ledger"


class SetAsideMessages(NamedTuple):
    """Messages of one partition that were set aside for one reason."""

    topic: str
    partition: int
    reason: str
    messages: int
    first: int
    last: int

    def sentence(self) -> str:
        where = f"offset {self.first}" if self.first == self.last else f"offsets {self.first} to {self.last}"
        what = "message was" if self.messages == 1 else "messages were"
        return f"{self.topic}/{self.partition}: {self.messages} {what} set aside at {where}: {self.reason}"


class SetAside:
    """Messages that one reader has set aside, and the alarm. Memory is bounded by one entry for each partition and reason."""

    def __init__(self, counter: Counter | None = None, *, is_quiet: bool = False) -> None:
        """A reader that reads the same messages again and again is quiet, and writes no log lines."""
        self._counter = counter
        self._is_quiet = is_quiet
        self._by_reason: dict[tuple[str, int, str], SetAsideMessages] = {}
        self._seen_at: dict[tuple[str, int, str], float] = {}

    def add(self, topic: str, partition: int, offset: int, reason: str) -> None:
        key = (topic, partition, reason)
        before = self._by_reason.get(key, SetAsideMessages(*key, 0, offset, offset))
        found = before._replace(
            messages=before.messages + 1, first=min(before.first, offset), last=max(before.last, offset)
        )
        self._by_reason[key] = found
        self._seen_at[key] = time.monotonic()
        if self._counter is not None:
            self._counter.labels(topic, reason).inc()
        # The first of a kind, then the 10th, the 100th …, so that a million forged messages do not fill the disk with lines.
        if not self._is_quiet and str(found.messages).rstrip("0") == "1":
            logger.error(
                log_line(
                    "set-aside", topic=topic, partition=partition, offset=offset, why=reason, messages=found.messages
                )
            )

    def by_reason(self) -> list[SetAsideMessages]:
        """Messages that health shows, by partition and reason."""
        since = time.monotonic() - ALARM_SECONDS
        return [found for key, found in self._by_reason.items() if self._seen_at[key] > since]

    def take(self) -> list[SetAsideMessages]:
        """Messages that were set aside since the last call, for a caller that stores them."""
        taken, self._by_reason, self._seen_at = list(self._by_reason.values()), {}, {}
        return taken


class LedgerEnds:
    """Ends of the ledger's partitions, as Kafka answered last. An end only grows, so Kafka is asked again only where a
    watermark lies beyond a known end: once for each batch of messages about new records."""

    def __init__(self, consumer: AIOKafkaConsumer, ledger: str, partitions: int) -> None:
        self._consumer = consumer
        self._topic_partitions = [TopicPartition(ledger, number) for number in range(partitions)]
        self._ends: list[int] = [0] * partitions

    def have(self, through: Mapping[int, int]) -> bool:
        return all(offset < self._ends[partition] for partition, offset in through.items())

    async def ask(self) -> None:
        """Raises KafkaError, TimeoutError."""
        async with asyncio.timeout(ENDS_SECONDS_MAX):
            ends = await self._consumer.end_offsets(self._topic_partitions)
        self._ends = [ends[each] for each in self._topic_partitions]


class Opener:
    """Opens the messages of one reader of `subtotals` and `results`."""

    def __init__(
        self,
        seals: Seals,
        election: Election,
        generation: int,
        offices: Collection[str],
        consumer: AIOKafkaConsumer,
        aside: SetAside,
    ) -> None:
        """`consumer` asks Kafka where the ledger ends. It may be the consumer that reads the messages."""
        self._seals = seals
        self._topics = topics_of(election, generation)
        self._offices = {*offices, *WITHOUT_VOTES}
        self._partitions = election.partitions
        self._ends = LedgerEnds(consumer, topics_of(election).ledger, election.partitions)
        self._aside = aside

    async def believed(self, messages: Iterable[Any]) -> list[Any]:
        """Messages (of aiokafka or Faust) that are believed, in their order. Raises KafkaError, TimeoutError."""
        opened: list[tuple[Any, Mapping[int, int]]] = []
        for message in messages:
            try:
                self._seals.check(message)
                opened.append((message, self._through(message)))
            except SealError as error:
                self._aside.add(message.topic, message.partition, message.offset, str(error))
        if not all(self._ends.have(through) for _, through in opened):
            await self._ends.ask()
        believed = []
        for message, through in opened:
            if self._ends.have(through):
                believed.append(message)
            else:
                self._aside.add(message.topic, message.partition, message.offset, BEYOND_THE_LEDGER)
        return believed

    def _through(self, message: Any) -> Mapping[int, int]:
        """The message's watermark in each ledger partition. Raises SealError."""
        try:
            if message.topic == self._topics.results:
                result = ResultRange.from_bytes(message.value)
                return self._of_this_election(str(result.office), enumerate(result.as_of), result.from_, message)
            through: dict[int, int] = {}
            for each in blocks_in(message.value):
                block = BlockRange.from_bytes(each)
                cut = [(block.partition, max(block.through, through.get(block.partition, block.through)))]
                through |= self._of_this_election(str(block.office), cut, [block.from_], message)
            return through
        except (ValueError, TypeError, KeyError, AttributeError):
            raise SealError(UNREADABLE) from None

    def _of_this_election(
        self, office: str, through: Iterable[tuple[int, int]], since: Sequence[int], message: Any
    ) -> Mapping[int, int]:
        cut = dict(through)
        if message.topic == self._topics.results:
            fits = set(cut) == set(range(self._partitions)) and len(since) == self._partitions
        else:
            fits = self._topics.subtotals_partition_of(office).partition == message.partition
        if not fits or office not in self._offices or not set(cut) <= set(range(self._partitions)):
            raise SealError(OTHER_ELECTION)
        return cut


def believed_offsets(
    seals: Seals, group: str, committed: Mapping[TopicPartition, tuple[int, str]], aside: SetAside
) -> dict[TopicPartition, tuple[int, str]]:
    """Committed offsets of a group (`committed_offsets`) that a worker sealed, each with the note beside it. Others are set
    aside."""
    believed = {}
    for topic_partition, (offset, metadata) in committed.items():
        try:
            believed[topic_partition] = (offset, seals.note(group, topic_partition, offset, metadata))
        except SealError as error:
            aside.add(f"{group} (committed)", topic_partition.partition, offset, str(error))
    return believed
