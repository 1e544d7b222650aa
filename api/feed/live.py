"""The live feed's shell: it consumes from Kafka, and has the hub (api/feed/hub/) decide and the delivery write.

The feed begins with the state of the read model and the topic positions of that state, both read in one transaction, and
follows `results` and `subtotals` from there. When following fails, the error is logged, connections are closed with
"service restart", and the feed begins anew; cursors remain valid.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from api.feed.admission import Admission
from api.feed.applying import in_slices
from api.feed.bulletin_reading import BulletinReading, checkpoint_reader
from api.feed.clients import Clients
from api.feed.delivery import Delivery
from api.feed.held import HELD_MAX
from api.feed.hub.hub import Hub
from api.feed.read_back import read_back
from api.readmodel.read_model import ReadModel
from projections.definition.compiled import Definition
from runtime import metrics
from runtime.kafka.clients import at_rest, plain_consumer, stop_consumer
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import Opener, SetAside
from runtime.kafka.topics import SUBTOTALS_PARTITIONS, topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.served.feed_cursors import Positions
from schemas.served.live import BulletinName

logger = logging.getLogger("rekap.live")

POLL_MS = 100
SUBSCRIPTIONS_PER_CONNECTION = 8
"""Subscriptions that an address may have, for each connection that it may have."""
BEGIN_AGAIN_SECONDS_MAX = 30.0


class LiveFeed:
    def __init__(self, settings: Settings, definition: Definition, read: ReadModel) -> None:
        self._settings = settings
        self._definition = definition
        self._read = read
        self._topics = topics_of(definition.election, settings.generation)
        self._seals = Seals(settings.workers_key, definition.hash)
        self.aside = SetAside(metrics.API_SET_ASIDE)
        """Messages of the topics that were set aside since this process began."""
        self._consumer: AIOKafkaConsumer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.heartbeat_s = settings.live_heartbeat_s
        self.admission = Admission(settings)
        self.clients = Clients(self.admission)
        self.hub: Hub | None = None
        """The hub; None while the feed begins."""
        self.bulletins = BulletinReading(self._is_awaited, self._publish)
        self.bulletins.readers["checkpoints"] = checkpoint_reader(settings, definition)
        self.delivery: Delivery | None = None
        """How the frames of `hub` are written."""

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(each) for each in (self._follow_for_ever(), self.beat(), self.bulletins.run())
        ]

    async def stop(self) -> None:
        self.end_clients()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end_clients(self) -> None:
        """Close every live connection. Clients connect again with their cursors; a process that shuts down would otherwise
        wait for connections that never end."""
        self.clients.end_all("the feed begins anew; connect again with your cursor")

    def stage(self) -> dict[str, Any]:
        """The stage in /v1/health: how many messages are not applied yet, how many clients are connected, which offices
        stopped."""
        if self.hub is None or self._consumer is None:
            return {"state": "beginning", "lag_records": None, "clients": 0}
        lag = 0
        positions = self.hub.positions
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            if end is not None:
                is_results = partition.topic == self._topics.results
                position = positions.results if is_results else positions.subtotals[partition.partition]
                lag += max(0, end - position)
        return {
            "state": "following",
            "lag_records": lag,
            "clients": self.hub.subscribers,
            "stopped": self.hub.state.stopped(),
        }

    # -- following Kafka -------------------------------------------------------------------------------------------

    async def _follow_for_ever(self) -> None:
        wait = 1.0
        while True:
            try:
                await self._begin()
                wait = 1.0
                await self._follow()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.critical(log_line("feed-stopped", error=f"{type(error).__name__}: {error}"), exc_info=True)
            finally:
                await self._end()
            await asyncio.sleep(wait)
            wait = min(2 * wait, BEGIN_AGAIN_SECONDS_MAX)

    async def _begin(self) -> None:
        state = await self._read.everything(HELD_MAX + 1)
        positions = Positions(
            state.positions.get(self._topics.results_partition(), 0),
            tuple(state.positions.get(each, 0) for each in self._topics.subtotals_partitions()),
        )
        hub = Hub(
            self._definition,
            SUBTOTALS_PARTITIONS,
            heartbeat_s=self._settings.live_heartbeat_s,
            generation=self._settings.generation,
            subscriptions_of_address=self._settings.live_clients_per_address * SUBSCRIPTIONS_PER_CONNECTION,
        )
        self._consumer = consumer = plain_consumer(self._settings)
        await consumer.start()
        sources = [self._topics.results_partition(), *self._topics.subtotals_partitions()]
        ends = await consumer.end_offsets(sources)
        hub.begin(
            positions,
            state.tallies,
            state.office_tallies,
            state.result_watermarks,
            state.block_watermarks,
            state.held,
            ends=Positions(ends[sources[0]], tuple(ends[each] for each in sources[1:])),
        )
        await read_back(hub.state, consumer, self._opener(consumer), sources)
        next_offsets = {self._topics.results_partition(): positions.results}
        next_offsets.update(zip(self._topics.subtotals_partitions(), positions.subtotals, strict=True))
        consumer.assign(list(next_offsets))
        for partition, offset in next_offsets.items():
            consumer.seek(partition, offset)
        self.show(hub)
        logger.info(log_line("feed-begins", results=positions.results, subtotals=sum(positions.subtotals)))

    def show(self, hub: Hub) -> None:
        """Serve clients from this hub from now on."""
        self.hub, self.delivery = hub, Delivery(hub)
        self.admission.open(hub)

    async def _follow(self) -> None:
        consumer = self._consumer
        assert consumer is not None
        opener = self._opener(consumer)
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS)
            if batches:
                with at_rest(consumer):
                    believed = await opener.believed(message for messages in batches.values() for message in messages)
                    await self.apply(
                        believed, {partition: messages[-1].offset for partition, messages in batches.items()}
                    )
                    await self.deliver()

    def _opener(self, consumer: AIOKafkaConsumer) -> Opener:
        return Opener(
            self._seals,
            self._definition.election,
            self._settings.generation,
            [office.id for office in self._definition.ballots.offices],
            consumer,
            self.aside,
        )

    async def apply(self, believed: Iterable[Any], through: Mapping[TopicPartition, int]) -> None:
        """Apply messages and flush. `through`: the last offset by partition, also where that message is not believed. No part
        is rendered in between, because the part would need a flush of its own."""
        assert self.hub is not None
        hub = self.hub
        self.clients.turns.hold()
        try:
            async for message in in_slices(believed):
                if message.topic == self._topics.results:
                    hub.apply_result(message.offset, message.value)
                else:
                    hub.apply_block(message.partition, message.offset, message.value)
            for partition, offset in through.items():
                hub.pass_over(-1 if partition.topic == self._topics.results else partition.partition, offset)
            hub.flush()
        finally:
            self.clients.turns.release()

    async def deliver(self) -> None:
        """Write the frames of the last flush, and wait for as long as changes are to be gathered for the next one."""
        assert self.delivery is not None
        self.delivery.begin()
        await asyncio.sleep(min(await self.delivery.finish(), self._settings.live_tick_ms / 1000))

    async def _end(self) -> None:
        self.hub = self.delivery = None
        self.admission.close()
        self.end_clients()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(Exception):
                await stop_consumer(consumer)

    def _is_awaited(self, name: BulletinName) -> bool | None:
        return None if self.hub is None else self.hub.bulletins.is_awaited(name)

    def _publish(self, name: BulletinName, rows: Mapping[int, bytes]) -> None:
        if self.hub is not None and self.delivery is not None:
            self.hub.bulletins.publish(name, rows)
            self.delivery.begin()

    async def beat(self) -> None:
        """Send a heartbeat every few seconds."""
        while True:
            await asyncio.sleep(self._settings.live_heartbeat_s)
            if self.hub is not None and self.delivery is not None:
                self.hub.heartbeat()
                self.delivery.begin()
                self.clients.keep_alive()
