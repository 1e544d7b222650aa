"""The Faust agent: drives projections/rollup.py from `subtotals` to `results`.

The agent only folds; a task beside it publishes what has changed, at most every few milliseconds, so that a burst of blocks
becomes one message. Output goes through a producer of our own, which is idempotent and waits for
acknowledgement: Faust only logs a failed send. Faust's committed offset is a gauge and decides nothing. An exception ends
the process, since Faust would acknowledge and skip the message on which an agent raised.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from collections import Counter
from contextlib import suppress
from typing import Any, NoReturn

import faust
from aiokafka import AIOKafkaProducer

from projections.definition import Definition
from projections.rollup import Applied, Rollup
from runtime import metrics
from runtime.kafka import MessageKeys, ordered_producer, plain_consumer, stop_consumer, topics_of
from runtime.logs import event
from runtime.seals import Seals
from runtime.set_aside import Opener, SetAside
from runtime.settings import Settings
from schemas.blocks import BlockRange
from schemas.results import Result
from streams.app import create_app

log = logging.getLogger("rekap.rollup")

SETTLE_SECONDS = 0.002
"""From the first block after a pause until it is published. At half, the blocks that were fetched with it would miss the
message and wait for the next; at double, all would wait for nothing."""
EXIT_BUG = 70
"""EX_SOFTWARE of sysexits.h."""


class Publisher:
    """What the agent and the publishing task share. Both run in one event loop, and neither waits between reading and
    changing the fold, so it needs no lock."""

    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._election = definition.election
        self._rollup = Rollup(definition)
        self._topic = topics_of(definition.election, settings.generation).results
        self._message_keys = MessageKeys()
        self._seals = Seals(settings.workers_key, definition.hash)
        self._opener: Opener | None = None
        self._can_ask = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self.applied: Counter[Applied] = Counter()
        self._has_read = asyncio.Event()

    async def take(self, message: Any) -> None:
        """Raises KafkaError where Kafka does not say where the ledger ends."""
        await self._can_ask.wait()
        assert self._opener is not None
        for believed in await self._opener.believed([message]):
            self._apply(believed.value)

    def _apply(self, value: bytes) -> None:
        said = BlockRange.from_bytes(value)
        applied = self._rollup.apply_message(said, value)
        if applied is Applied.GAP and not self.applied[Applied.GAP]:
            log.info(event("gap", office=said.office, partition=said.partition, through=said.through))
        # Also where it told nothing new: it may have been the keyframe after which what is known may be published.
        self._has_read.set()
        self.applied[applied] += 1
        metrics.ROLLUP_BLOCKS.labels(applied.value).inc()

    def doubt(self) -> None:
        """Another worker had some of the blocks: publish nothing before the next keyframes."""
        log.info(event("partitions-revoked", then="silent until each partition has sent a keyframe"))
        self._rollup.doubt()

    async def run(self) -> None:
        """Publish changes, at most every `publish_ms`, and keyframes every `results_keyframe_ms`. Raises what Kafka raises."""
        self._producer = ordered_producer(self._settings)
        await self._producer.start()
        # Of its own: Faust's consumer runs in another thread.
        ledger = plain_consumer(self._settings)
        await ledger.start()
        self._opener = Opener(
            self._seals,
            self._election,
            self._settings.generation,
            list(self._rollup.offices),
            ledger,
            SetAside(metrics.ROLLUP_SET_ASIDE),
        )
        self._can_ask.set()
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
                offices = self._rollup.offices.values()
                results = [office.take_change() for office in offices]
                if now >= keyframes_due:
                    keyframes_at = now
                    # After the change: who has followed knows all that a keyframe says, and skips it.
                    results += [office.keyframe() for office in offices]
                await self._send([result for result in results if result is not None])
        finally:
            await stop_consumer(ledger)
            await self._producer.stop()

    async def _send(self, results: list[Result]) -> None:
        assert self._producer is not None
        sent = []
        for result in results:
            for key, value in self._message_keys.messages(result):
                headers = self._seals.headers(self._topic, 0, key, value)
                sent.append(await self._producer.send(self._topic, value, key=key, partition=0, headers=headers))
        if sent:
            await asyncio.gather(*sent)
            metrics.ROLLUP_RESULTS.inc(len(sent))


def run_worker(settings: Settings, definition: Definition) -> NoReturn:
    """Run the Faust worker until a signal. Ends the process."""
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
            except Exception:
                log.critical(event("fold-stopped", stage="rollup"), exc_info=True)
                os._exit(EXIT_BUG)

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
        except Exception:
            log.critical(event("publish-stopped", stage="rollup"), exc_info=True)
            os._exit(EXIT_BUG)

    @app.task
    async def say_ready() -> None:
        log.info(event("started", subtotals=subtotals.get_topic_name()))

    worker: Any = faust.Worker(app, loglevel="WARNING", override_logging=False, quiet=True)
    try:
        worker.execute_from_commandline()
    finally:
        shutil.rmtree(str(app.conf.datadir), ignore_errors=True)
    raise SystemExit(0)
