"""Reads back, when the feed begins, what the newest messages of `results` and `subtotals` changed. Clients that come back with
a cursor of the last minutes, also to another replica or after a restart, then get the changes that they missed and not a gap.

The numbers themselves come from the read model, as of the positions at which the feed begins. What is read back is which
message was the last to change each row. For that a second state follows the topics from some minutes earlier up to these
positions, by the same rules as the feed itself: for each office it begins with the first keyframe that it meets. A client
whose cursor lies before that keyframe gets a snapshot without a gap.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from api.feed.applying import in_slices
from api.feed.state import FeedState
from runtime.kafka.set_aside import Opener
from runtime.logs import log_line
from schemas.served.feed_cursors import Positions

logger = logging.getLogger("rekap.live")

WINDOWS_SECONDS = (360, 120)
"""How far back, and where that takes too long, how far at least. Clients come back within seconds, a page of a phone that was
locked within minutes, and keyframes of `results` are a minute apart. At half, the first minutes are snapshots after a restart
that took a minute; at double, a feed at full load begins only after the second try."""
SECONDS_MAX = 3.0
"""Limit for each try, in which no client is served. Both tries together are shorter than a request for the stream is held while
the feed begins (api/feed/admission.py)."""
BYTES_MAX = 64 * 1024 * 1024
"""Limit for each try, which is what one core opens and parses in SECONDS_MAX. The stations of half of these blocks are kept
(api/feed/recent.py)."""
POLL_MS = 100


async def read_back(
    state: FeedState, consumer: AIOKafkaConsumer, opener: Opener, sources: Sequence[TopicPartition]
) -> None:
    """Let a state that has just begun know what changed before. `sources` in the order of its positions. The consumer is
    assigned and read; the caller assigns it anew. Raises KafkaError."""
    for seconds in WINDOWS_SECONDS:
        since = await _offsets_of(consumer, sources, state.positions, seconds)
        earlier = FeedState(state.definition, len(sources) - 1)
        earlier.begin(Positions(since[0], tuple(since[1:])))
        size = await _follow_up(earlier, state.positions, consumer, opener, sources)
        read = [number for number, _ in enumerate(sources) if earlier.positions[number] >= state.positions[number]]
        state.remember(earlier, read)
        logger.info(log_line("feed-read-back", seconds=seconds, bytes=size, sources=f"{len(read)} of {len(sources)}"))
        if len(read) == len(sources):
            return


async def _offsets_of(
    consumer: AIOKafkaConsumer, sources: Sequence[TopicPartition], newest: Sequence[int], seconds: int
) -> list[int]:
    """First offset of each source within the last `seconds` seconds, by the broker's time."""
    since_ms = int((time.time() - seconds) * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(sources, since_ms))
    return [
        min(newest[number], offset.offset) if (offset := found[source]) is not None else newest[number]
        for number, source in enumerate(sources)
    ]


async def _follow_up(
    earlier: FeedState,
    newest: Sequence[int],
    consumer: AIOKafkaConsumer,
    opener: Opener,
    sources: Sequence[TopicPartition],
) -> int:
    """Apply all messages up to the newest positions, as far as SECONDS_MAX and BYTES_MAX allow. Returns how many bytes."""
    number_of = {source: number for number, source in enumerate(sources)}
    wanted = [source for source, number in number_of.items() if earlier.positions[number] < newest[number]]
    consumer.assign(wanted)
    for source in wanted:
        consumer.seek(source, earlier.positions[number_of[source]])
    size, ends = 0, time.monotonic() + SECONDS_MAX
    while any(earlier.positions[number_of[source]] < newest[number_of[source]] for source in wanted):
        if time.monotonic() > ends or size > BYTES_MAX:
            break
        batches = await consumer.getmany(timeout_ms=POLL_MS)
        messages = [
            message
            for source, batch in batches.items()
            for message in batch
            if message.offset < newest[number_of[source]]
        ]
        size += sum(len(message.value or b"") for message in messages)
        async for message in in_slices(await opener.believed(messages)):
            if message.topic == sources[0].topic:
                earlier.apply_result(message.offset, message.value)
            else:
                earlier.apply_block(message.partition, message.offset, message.value)
        for source, batch in batches.items():
            number = number_of[source]
            earlier.pass_over(number - 1, min(batch[-1].offset, newest[number] - 1))
    return size
