"""Changes to Faust.

Written for faust-streaming 0.15.3. With another version tests/unit/streams/test_faust_patches.py fails, so that each reason is
checked again. Kafka requests of Faust go through aiokafka, which runtime/kafka/aiokafka_patches.py changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from mode import Service
from mode.utils.futures import maybe_async

from runtime.foreign_libraries import attribute_of

VERSION = "0.15.3"


def consume_in_one_loop(app: faust.App) -> None:
    """Have Faust's consumer run in the event loop of the app. Raises LibraryChangedError.

    Faust runs its consumer in a thread with a loop of its own, so that heartbeats reach Kafka while an agent works. Each call
    of the consumer then wakes up both threads. About once in ten thousand times a wake-up was lost between the threads, and
    records waited for a deadline. The roll-up's agent and publisher work for a second at most before other tasks have their
    turn, and Kafka waits six for a heartbeat (streams/app.py, broker_session_timeout).

    Upstream: AIOKafkaConsumerThread in faust/transport/drivers/aiokafka.py, over MethodQueue in mode/threads.py. Not
    reported."""
    transport = app.transport
    attribute_of(transport, "Consumer")
    transport.Consumer = ConsumerInOneLoop


class ConsumerInOneLoop(Consumer):  # type: ignore[misc]  # Faust ships no types
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _NoThread(self, loop=self.loop, thread_loop=self.loop, beacon=self.beacon)


class _NoThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's thread of the consumer without a thread: it starts, works and stops as any other service of the app."""

    wait_for_shutdown = False
    start = Service.start
    maybe_start = Service.maybe_start
    stop = Service.stop
    crash = Service.crash
    _stopped_set = Service._stopped_set
    set_shutdown = Service.set_shutdown
    _stop_children = Service._stop_children
    _stop_futures = Service._stop_futures
    _stop_exit_stacks = Service._stop_exit_stacks

    async def on_stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def call_thread(self, fun: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return await maybe_async(fun(*arguments, **options))
