"""Stage 7 of national.py: what is on disk, the largest messages, and the most memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nation.run import (
    Run,
    gigabytes,
    size,
)
from runtime.kafka.clients import plain_consumer
from runtime.settings import variable
from schemas.derived.blocks import BlockRange
from schemas.derived.bundles import blocks_in
from schemas.derived.results import ResultRange


async def sizes(run: Run) -> None:
    kafka = run.directory / "data" / "kafka" / "log"
    for name, topic in (
        ("ledger", run.topics.ledger),
        ("subtotals", run.topics.subtotals),
        ("results", run.topics.results),
    ):
        run.show(f"disk: {name}", gigabytes(sum(size(path) for path in kafka.glob(f"{topic}-*"))))
    await messages(run)
    run.show("disk: PostgreSQL", gigabytes(size(run.directory / "data" / "postgres")))
    run.show("disk: states", gigabytes(size(Path(run.stack.environment[variable("state_directory")]))))
    run.show("disk: public log", gigabytes(size(Path(run.stack.environment[variable("log_directory")]))))


async def messages(run: Run) -> None:
    """The largest message of each kind, and the largest whole that was cut into parts. A bundle is several messages."""
    topic_partitions = run.topics.derived_partitions()
    ends = await run.ends(topic_partitions)
    largest: dict[str, int] = {}
    wholes: dict[tuple[str, str], tuple[int, int]] = {}
    consumer = plain_consumer(run.settings)
    await consumer.start()
    try:
        consumer.assign(topic_partitions)
        await consumer.seek_to_beginning()
        left = {each for each in topic_partitions if ends[each]}
        while left:
            for topic_partition, messages in (await consumer.getmany(timeout_ms=500)).items():
                for message in messages:
                    is_result = topic_partition.topic == run.topics.results
                    for number, value in enumerate([message.value] if is_result else blocks_in(message.value)):
                        head: Any = (ResultRange if is_result else BlockRange).from_bytes(value)
                        largest[head.kind] = max(largest.get(head.kind, 0), len(value))
                        name = head.part.message if head.part else f"{topic_partition}/{message.offset}/{number}"
                        parts, total = wholes.get((head.kind, name), (0, 0))
                        wholes[head.kind, name] = parts + 1, total + len(value)
            left -= {each for each in left if await consumer.position(each) >= ends[each]}
    finally:
        await consumer.stop()
    for kind, length in sorted(largest.items()):
        parts, total = max((each for (of, _), each in wholes.items() if of == kind), key=lambda each: each[1])
        run.show(f"messages: largest {kind}", f"{length:,} bytes; whole {total:,} bytes in {parts} parts")


def memory(run: Run) -> None:
    for name, peak in sorted(run.meter.peak.items()):
        run.show(f"memory, most: {name}", gigabytes(peak))
