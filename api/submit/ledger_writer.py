"""Appends records to the ledger. Records that come within a few milliseconds are sent together.

The batches of all partitions are sent in one request, and each partition has one batch under way at a time, because a
request costs Kafka and each consumer of the ledger as much for one record as for fifty. aiokafka's own batching delay
begins with each partition's first record, so that four partitions were four requests. Single submissions have waited for each
other before they were judged (gathering.py), so their records need only wait for the turn of the loop to end.

A record whose caller has given up is dropped unless it was already sent. So while Kafka hangs, memory is bounded by the
callers still waiting plus one batch per partition.
"""

from __future__ import annotations

import asyncio
from itertools import chain

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from runtime.kafka.clients import ordered_producer
from runtime.kafka.topics import LEDGER_BATCH_BYTES_MAX
from runtime.settings import Settings

SINGLE_SECONDS = 0.001
"""Wait of a single submission's record for those that are judged in the same turns of the loop. It is the least that a timer
of the loop can wait."""

_Waiting = dict[asyncio.Future[int], tuple[bytes, bytes]]
"""Key and record by the future of their caller, in the order in which they came."""


class _Queue:
    """The records that wait for one partition: single submissions, and behind them the lines of batches."""

    def __init__(self) -> None:
        self.single: _Waiting = {}
        self.batches: _Waiting = {}

    def __len__(self) -> int:
        return len(self.single) + len(self.batches)


class LedgerWriter:
    """One event loop owns it."""

    def __init__(self, settings: Settings, topic: str, partitions: int) -> None:
        self._topic = topic
        self._gather_seconds = settings.gather_ms / 1000
        # With aiokafka's usual 16 kB, eight records fill a batch, and callers that wait for the next batch lose their turn.
        self._producer: AIOKafkaProducer = ordered_producer(settings, max_batch_size=LEDGER_BATCH_BYTES_MAX)
        self._waiting = [_Queue() for _ in range(partitions)]
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._gathering: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Records that are not sent yet."""
        return sum(len(waiting) for waiting in self._waiting)

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        """Stop after what was sent has arrived."""
        if self._gathering is not None:
            self._gathering.cancel()
        await self._producer.stop()
        await asyncio.gather(*self._sending.values())

    def append(self, partition: int, key: bytes, record: bytes, *, is_batch: bool = False) -> asyncio.Future[int]:
        """A future with the record's offset, once Kafka has the record (acks=all), or with a KafkaError. A caller that cancels
        the future does not know whether the record will be in the ledger. Single submissions are sent before the lines of
        batches."""
        queue = self._waiting[partition]
        waiting = queue.batches if is_batch else queue.single
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting[future] = (key, record)
        future.add_done_callback(lambda done: waiting.pop(done, None))
        self._gather(self._gather_seconds if is_batch else SINGLE_SECONDS)
        return future

    def _gather(self, seconds: float) -> None:
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(seconds, self._send_all)

    def _send_all(self) -> None:
        self._gathering = None
        for partition, waiting in enumerate(self._waiting):
            if waiting and partition not in self._sending:
                self._sending[partition] = asyncio.create_task(self._send(partition))

    async def _send(self, partition: int) -> None:
        """Send a batch of the records that wait. Where the batch was full, send the next at once."""
        waiting = self._waiting[partition]
        is_full = True
        try:
            while is_full and waiting:
                batch, futures, is_full = self._take(waiting)
                try:
                    # Awaited twice: until aiokafka has accepted the batch, and until Kafka has.
                    written = await (await self._producer.send_batch(batch, self._topic, partition=partition))
                    if written.offset < 0:
                        raise KafkaError("Kafka has the records already, and does not know their offsets any more")
                except Exception as error:  # also a bug, because the callers would wait for ever
                    for future in futures:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for index, future in enumerate(futures):
                        if not future.done():
                            future.set_result(written.offset + index)
                finally:
                    # An error's traceback holds this frame, and the frame would hold the futures that hold the error.
                    del futures
        finally:
            del self._sending[partition]
            if waiting:
                self._gather(SINGLE_SECONDS if waiting.single else self._gather_seconds)

    def _take(self, waiting: _Queue) -> tuple[object, list[asyncio.Future[int]], bool]:
        """A batch of the first records that wait, their futures, and whether the batch is full."""
        batch = self._producer.create_batch()
        futures = []
        for future, (key, record) in chain(waiting.single.items(), waiting.batches.items()):
            if batch.append(key=key, value=record, timestamp=None) is None:
                break
            futures.append(future)
        assert futures, f"a record of {len(record)} bytes does not fit into a batch"
        for future in futures:
            waiting.single.pop(future, None)
            waiting.batches.pop(future, None)
        return batch, futures, bool(waiting)
