"""The gateway's way into the ledger: records that come within a few milliseconds leave together.

All partitions' batches leave in one request, and one for each partition is under way at a time: a request costs Kafka, and
everybody who reads the ledger, as much for one record as for fifty. aiokafka's own gathering counts from each partition's
first record, so that four partitions were four requests.

What nobody waits for any more is forgotten, unless it is on its way; so while Kafka hangs, memory holds no more than those
who wait, and one batch of each partition.
"""

from __future__ import annotations

import asyncio
from itertools import chain

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from runtime.kafka.clients import ordered_producer
from runtime.kafka.topics import LEDGER_BATCH_BYTES_MAX
from runtime.settings import Settings

_Waiting = dict[asyncio.Future[int], tuple[bytes, bytes]]
"""Who waits → key and record; the first come first."""


class _Queue:
    """What waits for one partition: single records, and behind them the lines of batches."""

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
        # Of the usual 16 kB eight records fill a batch, and who waits for the next one is not served in turn.
        self._producer: AIOKafkaProducer = ordered_producer(settings, max_batch_size=LEDGER_BATCH_BYTES_MAX)
        self._waiting = [_Queue() for _ in range(partitions)]
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._gathering: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Records that are not on their way yet."""
        return sum(len(waiting) for waiting in self._waiting)

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        """What is on its way arrives first."""
        if self._gathering is not None:
            self._gathering.cancel()
        await self._producer.stop()
        await asyncio.gather(*self._sending.values())

    def append(self, partition: int, key: bytes, record: bytes, *, is_batch: bool = False) -> asyncio.Future[int]:
        """Gives the record's offset, once Kafka has it (acks=all). Fails with KafkaError; whoever cancels it does not know
        whether the record will be in the ledger. What is not a line of a batch goes before those that are."""
        queue = self._waiting[partition]
        waiting = queue.batches if is_batch else queue.single
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiting[future] = (key, record)
        future.add_done_callback(lambda done: waiting.pop(done, None))
        self._gather()
        return future

    def _gather(self) -> None:
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._gather_seconds, self._send_all)

    def _send_all(self) -> None:
        self._gathering = None
        for partition, waiting in enumerate(self._waiting):
            if waiting and partition not in self._sending:
                self._sending[partition] = asyncio.create_task(self._send(partition))

    async def _send(self, partition: int) -> None:
        """All that waits, or as much as a batch takes, and then the next batch at once."""
        waiting = self._waiting[partition]
        is_full = True
        try:
            while is_full and waiting:
                batch, futures, is_full = self._take(waiting)
                try:
                    # Twice: until aiokafka has taken the batch, and until Kafka has.
                    written = await (await self._producer.send_batch(batch, self._topic, partition=partition))
                    if written.offset < 0:
                        raise KafkaError("Kafka has the records already, and does not know their offsets any more")
                except Exception as error:  # a bug too is told to those who wait
                    for future in futures:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for place, future in enumerate(futures):
                        if not future.done():
                            future.set_result(written.offset + place)
                finally:
                    # An error's traceback holds this frame: without this, it would hold all whom the error is told.
                    del futures
        finally:
            del self._sending[partition]
            if waiting:
                self._gather()

    def _take(self, waiting: _Queue) -> tuple[object, list[asyncio.Future[int]], bool]:
        """A batch of the first who wait, and whether it is full."""
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
