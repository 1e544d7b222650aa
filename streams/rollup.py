"""The Faust agent: drives projections/fold/rollup.py from `subtotals` to `results`.

The agent only folds. A task beside it publishes changes, at most every few milliseconds, so that a burst of blocks becomes one
message. Results go through a producer of this module, which is idempotent and waits for acknowledgement, because Faust only
logs a send that failed. Faust's committed offset is a gauge, on which no decision depends.

A bug that concerns one office, where its blocks are applied or its result is made, sized or sent, stops that office only. Its
sums are dropped, and the reason is left for `/v1/health` (runtime/kafka/stopped_offices.py). After `fold_retry_s` the office
begins again, and publishes once each partition has sent a keyframe. Faust has acknowledged the message on which the office
stopped, but nothing is lost, because keyframes repeat all tallies. An error that concerns no single office, such as a Kafka
that is away, ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from projections.definition.compiled import Definition
from projections.fold.chain import Applied
from projections.fold.rollup import Rollup
from runtime import metrics
from runtime.error_words import in_words
from runtime.kafka.clients import TOO_LARGE, ordered_producer, plain_consumer, stop_consumer
from runtime.kafka.message_keys import MessageKeys
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import Opener, SetAside
from runtime.kafka.stopped_offices import leave_stopped
from runtime.kafka.topics import topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.codes import OfficeId
from schemas.derived.blocks import BlockRange
from schemas.derived.bundles import blocks_in
from streams.app import create_app

logger = logging.getLogger("rekap.rollup")

SETTLE_SECONDS = 0.002
"""Wait between the first block after a pause and its publication. At half, some blocks that were fetched together with the
first would miss its message and wait for the next; at double, each block would wait 2 ms longer for nothing."""
EndedBy = Callable[[Exception], int]
"""Logs the error that ends the process, and gives the exit code."""


class _Stop(NamedTuple):
    """Why an office is stopped, and until when."""

    reason: str
    until: float


class Publisher:
    """State that the agent and the publishing task share. Both run in one event loop, and neither awaits between reading and
    changing the fold, so no lock is needed."""

    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._definition = definition
        self._rollup = Rollup(definition)
        self._topics = topics_of(definition.election, settings.generation)
        self._message_keys = MessageKeys()
        self._seals = Seals(settings.workers_key, definition.hash)
        self._opener: Opener | None = None
        self._is_connected = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self.applied: Counter[Applied] = Counter()
        self._has_read = asyncio.Event()
        self._stopped: dict[OfficeId, _Stop] = {}
        """Offices that have not published since they were stopped."""
        self._left: dict[int, dict[str, str]] = {}
        """Reasons of stopped offices that this worker has left in Kafka, by partition of `subtotals`."""

    async def take(self, message: Any) -> None:
        """Fold a message. Raises KafkaError where Kafka does not state the end of the ledger."""
        await self._is_connected.wait()
        assert self._opener is not None
        for believed in await self._opener.believed([message]):
            for block in blocks_in(believed.value):
                self._apply(block)

    def _apply(self, value: bytes) -> None:
        head = BlockRange.from_bytes(value)
        if (stop := self._stopped.get(head.office)) is not None and time.monotonic() < stop.until:
            return
        try:
            applied = self._rollup.apply_message(head, value)
        except Exception as error:
            if head.office not in self._rollup.offices:
                raise
            self._stop(head.office, error, f"ledger partition {head.partition} through {head.through}")
            self._has_read.set()
            return
        if applied is Applied.GAP and not self.applied[Applied.GAP]:
            logger.info(log_line("gap", office=head.office, partition=head.partition, through=head.through))
        # Also after a message without news, because it may be the keyframe after which the office may publish.
        self._has_read.set()
        self.applied[applied] += 1
        metrics.ROLLUP_BLOCKS.labels(applied.value).inc()

    def doubt(self) -> None:
        """Publish nothing before the next keyframes, because another worker may have received some of the blocks."""
        logger.info(log_line("partitions-revoked", then="silent until each partition has sent a keyframe"))
        self._rollup.doubt()

    def _stop(self, office: OfficeId, error: BaseException, what: str) -> None:
        reason = f"{type(error).__name__}: {error} ({what})"
        logger.critical(log_line("office-stopped", office=office, error=reason), exc_info=error)
        metrics.ROLLUP_OFFICE_STOPS.labels(office).inc()
        self._stopped[office] = _Stop(reason, time.monotonic() + self._settings.fold_retry_s)
        self._rollup.begin_again(office)

    async def run(self) -> None:
        """Publish changes, at most every `publish_ms`, and keyframes every `results_keyframe_ms`. Raises what Kafka raises."""
        self._producer = ordered_producer(self._settings)
        await self._producer.start()
        # With a connection of its own, because a request behind a fetch of Faust's consumer is answered after the fetch.
        ledger = plain_consumer(self._settings)
        await ledger.start()
        self._opener = Opener(
            self._seals,
            self._definition.election,
            self._settings.generation,
            list(self._rollup.offices),
            ledger,
            SetAside(metrics.ROLLUP_SET_ASIDE),
        )
        self._is_connected.set()
        published_at = keyframes_at = float("-inf")
        try:
            while True:
                keyframes_due = keyframes_at + self._settings.results_keyframe_ms / 1000
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0, keyframes_due - time.monotonic())):
                        await self._has_read.wait()
                soonest = published_at + self._settings.publish_ms / 1000 - time.monotonic()
                await asyncio.sleep(max(SETTLE_SECONDS, soonest))
                self._has_read.clear()
                now = published_at = time.monotonic()
                with_keyframes = now >= keyframes_due
                if with_keyframes:
                    keyframes_at = now
                await self._publish(with_keyframes)
                await self._leave_stopped()
        finally:
            await stop_consumer(ledger)
            await self._producer.stop()

    async def _publish(self, with_keyframes: bool) -> None:
        """Send the results of one office after the other, so that only one is in memory as bytes; then wait until all are
        acknowledged. Raises what Kafka raises. The exception is a message that is too large, which stops its office."""
        topic, partition = self._topics.results_partition()
        sent: list[asyncio.Future[Any]] = []
        of: list[OfficeId] = []
        for office in list(self._rollup.offices):
            for key, value in self._records_of(office, with_keyframes):
                assert self._producer is not None
                headers = self._seals.headers(topic, partition, key, value)
                try:
                    sent.append(await self._producer.send(topic, value, key=key, partition=partition, headers=headers))
                except TOO_LARGE as error:
                    self._stop(office, error, f"sending a message of {len(value):,} bytes")
                    break
                of.append(office)
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        for office, outcome in zip(of, outcomes, strict=True):
            if isinstance(outcome, TOO_LARGE):
                if office not in self._stopped:
                    self._stop(office, outcome, "publishing")
            elif isinstance(outcome, BaseException):
                raise outcome
        metrics.ROLLUP_RESULTS.inc(len(sent))
        refused = {office for office, outcome in zip(of, outcomes, strict=True) if isinstance(outcome, BaseException)}
        for office in set(of) - refused:
            stop = self._stopped.get(office)
            if stop is not None and self._rollup.offices[office].is_complete:
                del self._stopped[office]
                logger.info(log_line("office-resumed", office=office))

    def _records_of(self, office: OfficeId, with_keyframes: bool) -> list[tuple[bytes, bytes]]:
        """Key and value of each message of an office. A stopped office has none, because its sums are not complete before
        keyframes have come."""
        rollup = self._rollup.offices[office]
        try:
            # The keyframe comes after the change, so that readers which have followed skip the keyframe.
            results = [rollup.take_change(), rollup.keyframe() if with_keyframes else None]
            return [each for result in results if result is not None for each in self._message_keys.messages(result)]
        except Exception as error:
            self._stop(office, error, "making its result")
            return []

    async def _leave_stopped(self) -> None:
        """Leave the reasons of stopped offices in Kafka, where they have changed. Offices that are neither stopped nor complete
        may be another worker's."""
        reasons: dict[int, dict[str, str]] = {}
        for office, rollup in self._rollup.offices.items():
            stop = self._stopped.get(office)
            if stop is not None or rollup.is_complete:
                of_partition = reasons.setdefault(self._topics.subtotals_partition_of(office).partition, {})
                if stop is not None:
                    of_partition[office] = stop.reason
        for partition, of_partition in reasons.items():
            if self._left.get(partition) != of_partition:
                try:
                    await leave_stopped(self._settings, self._definition.election, self._seals, partition, of_partition)
                except KafkaError as error:
                    logger.warning(log_line("reason-not-written", error=in_words(error)))
                else:
                    self._left[partition] = of_partition


def run_worker(settings: Settings, definition: Definition, ended_by: EndedBy) -> NoReturn:
    """Run the Faust worker until a signal or an error. Ends the process."""
    app = create_app(settings, definition.election)
    publisher = Publisher(settings, definition)
    subtotals = app.topic(
        topics_of(definition.election, settings.generation).subtotals, value_serializer="raw", key_serializer="raw"
    )

    @app.agent(subtotals)
    async def rollup(stream: faust.StreamT[bytes]) -> None:
        async for received in stream.events():
            try:
                await publisher.take(received.message)
            except Exception as error:
                os._exit(ended_by(error))

    @app.on_partitions_revoked.connect
    async def doubt(_: Any, revoked: set[Any], **__: Any) -> None:
        if revoked:
            publisher.doubt()

    @app.task
    async def publish() -> None:
        try:
            await publisher.run()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            os._exit(ended_by(error))

    @app.task
    async def log_start() -> None:
        logger.info(log_line("started", subtotals=subtotals.get_topic_name()))

    worker: Any = faust.Worker(app, loglevel="WARNING", override_logging=False, quiet=True)
    worker.spinner = None  # it would write control characters for a terminal that is not there
    try:
        worker.execute_from_commandline()
    finally:
        shutil.rmtree(str(app.conf.datadir), ignore_errors=True)
    raise SystemExit(0)
