"""Where this program changes Faust.

Written for faust-streaming 0.15.3. With another version tests/unit/streams/test_faust_patches.py fails, so that each reason is
checked again. Kafka requests of Faust go through aiokafka, which runtime/kafka/aiokafka_patches.py changes.
"""

from __future__ import annotations

import faust

from runtime.foreign_libraries import attribute_of

VERSION = "0.15.3"
POLL_SECONDS = 0.05
"""At half, an idle worker asks forty times a second; at double, a lost wake-up alone would use up the aim of 100 ms."""


def poll_often(app: faust.App) -> None:
    """Shorten the deadline with which Faust asks its consumer for records, from one second to POLL_SECONDS.

    Faust's consumer runs in another thread. About once in ten thousand times its wake-up is lost between the threads, and Faust
    then sleeps until the deadline although records are there (bench/latency.py). Raises LibraryChangedError."""
    consumer = attribute_of(app, "consumer")
    getmany = attribute_of(consumer, "getmany", parameter="timeout")
    consumer.getmany = lambda timeout: getmany(timeout=min(timeout, POLL_SECONDS))
