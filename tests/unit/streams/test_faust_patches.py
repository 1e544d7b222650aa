"""Each patch of Faust still meets the version that it was written for."""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import version
from typing import Any

import faust
import pytest
from faust.transport.drivers import aiokafka as driver

from runtime.foreign_libraries import LibraryChangedError
from streams import faust_patches

TOPIC_PARTITION = driver._TopicPartition("subtotals", 0)


class FakeKafkaConsumer:
    """aiokafka's consumer, as far as Faust's uses it at its start, to fetch and at its end."""

    _max_poll_records = None
    _closed = False

    def __init__(self) -> None:
        self._fetcher = self._subscriptions = self
        self.calls: list[tuple[str, int]] = []

    def _note(self, call: str) -> None:
        self.calls.append((call, threading.get_ident()))

    async def start(self) -> None:
        self._note("start")

    async def stop(self) -> None:
        self._note("stop")

    def subscribe(self, **_: Any) -> None:
        self._note("subscribe")

    def fetch_context(self) -> Any:
        return threading.Lock()

    async def fetched_records(self, _: Any, **__: Any) -> dict[Any, list[str]]:
        self._note("fetch")
        return {TOPIC_PARTITION: ["a block"]}


def test_the_patches_were_checked_against_this_version() -> None:
    assert version("faust-streaming") == faust_patches.VERSION, (
        "check each reason in streams/faust_patches.py against the new source of Faust, then change VERSION"
    )


async def test_the_consumer_starts_fetches_and_stops_in_the_loop_of_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = FakeKafkaConsumer()
    monkeypatch.setattr(faust_patches._NoThread, "_create_consumer", lambda *_, **__: kafka)
    app = faust.App("a test", broker="aiokafka://localhost", store="memory://")
    app.loop = asyncio.get_running_loop()
    faust_patches.consume_in_one_loop(app)
    thread = app.consumer._thread
    app.consumer.flow_active = True
    threads = threading.active_count()
    assert await thread.maybe_start()
    assert not await thread.maybe_start()
    await thread.subscribe(["subtotals"])
    assert await thread.getmany({TOPIC_PARTITION}, 1.0) == {TOPIC_PARTITION: ["a block"]}
    assert threading.active_count() == threads
    await asyncio.wait_for(thread.stop(), 5)
    own = threading.get_ident()
    assert kafka.calls == [("start", own), ("subscribe", own), ("fetch", own), ("stop", own)]


def test_a_faust_without_the_attribute_is_named() -> None:
    class App:
        transport = object()

    with pytest.raises(LibraryChangedError, match="object has no Consumer"):
        faust_patches.consume_in_one_loop(App())
