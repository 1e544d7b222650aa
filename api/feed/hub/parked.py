"""Subscriptions whose cursor is ahead of this replica: they wait until the replica has followed its topics that far.

A client that connects again after a restart has seen what the read model, with which the feed begins, may not have yet. Kafka
has it: where the cursor lies before the ends that the topics had when the feed began, the wait ends when these messages have
been read, however long Kafka takes. The client keeps its newer numbers meanwhile. A cursor beyond these ends may be of another
replica or made up, so its subscription waits for heartbeats and then gets this replica's state, behind a gap.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from api.feed.state import FeedState
from api.feed.subscribers import Subscription
from schemas.served.feed_cursors import Positions

PARKED_ENDED_MAX = 64
"""Entries of the heaps whose subscriptions wait no more, beyond as many as wait. At 0 each end sorts the heaps anew."""
PARKED_HEARTBEATS_MAX = 1
"""Heartbeats for which a subscription waits whose cursor lies beyond the ends. With more, a client that was connected to a
replica far ahead sees nothing for longer; with none, each client that changes replicas gets a whole snapshot."""


class ParkedSubscriptions:
    def __init__(self, state: FeedState) -> None:
        self._state = state
        self._parked: dict[Subscription, None] = {}
        self._heaps: list[list[tuple[int, int, Subscription]]] = [[] for _ in state.positions]
        """Subscriptions that wait, by the source that they wait for, as (offset, number, subscription). A subscription waits
        for one source at a time; when this source has reached its offset, the next source that lags is looked up."""
        self._numbers = 0
        self._ends: list[int] = [0] * len(state.positions)

    def begin(self, ends: Positions) -> None:
        """Set the ends of the topics, which this replica is about to read up to."""
        self._ends = [ends.results, *ends.subtotals]

    @property
    def heap_entries(self) -> int:
        return sum(map(len, self._heaps))

    def lagging(self, wanted: Positions) -> int | None:
        """The first source that this replica has followed less far than these positions."""
        for source, (own, theirs) in enumerate(zip(self._state.positions, (wanted[0], *wanted[1]), strict=True)):
            if own < theirs:
                return source
        return None

    def park(self, subscription: Subscription, wanted: Positions, source: int) -> None:
        """Let a subscription wait for a source that lags behind the wanted positions."""
        if subscription.parked is None:
            subscription.parked = wanted
            subscription.subscriber.parked += 1
            self._parked[subscription] = None
        self._numbers += 1
        offset = wanted.results if source == 0 else wanted.subtotals[source - 1]
        heappush(self._heaps[source], (offset, self._numbers, subscription))
        if self.heap_entries > 2 * len(self._parked) + PARKED_ENDED_MAX:
            for heap in self._heaps:
                heap[:] = [entry for entry in heap if entry[2].parked is not None]
                heapify(heap)

    def unpark(self) -> None:
        """Make those due whose positions have been reached. Looks at no others, however many wait."""
        for source, heap in enumerate(self._heaps):
            while heap and heap[0][0] <= self._state.positions[source]:
                subscription = heappop(heap)[2]
                if (wanted := subscription.parked) is None:
                    continue
                if (lagging := self.lagging(wanted)) is not None:
                    self.park(subscription, wanted, lagging)
                    continue
                self.end(subscription)
                subscription.subscriber.owe(subscription, wanted)

    def give_up_at_heartbeat(self) -> None:
        """Count a heartbeat for each that waits for what may never come. Those that have waited too long are due from the
        beginning."""
        for subscription in list(self._parked):
            if self._will_come(subscription.parked):
                continue
            subscription.heartbeats += 1
            if subscription.heartbeats > PARKED_HEARTBEATS_MAX:
                self.end(subscription)
                subscription.gap = "cursor-ahead"
                subscription.subscriber.owe(subscription, None)

    def _will_come(self, wanted: Positions | None) -> bool:
        """Whether Kafka has all that a subscription waits for, and this replica has still to read it."""
        return wanted is not None and all(
            theirs <= max(own, end)
            for own, theirs, end in zip(self._state.positions, (wanted[0], *wanted[1]), self._ends, strict=True)
        )

    def end(self, subscription: Subscription) -> None:
        """End the wait of a subscription, if it waits."""
        if subscription.parked is not None:
            subscription.parked = None
            subscription.subscriber.parked -= 1
            del self._parked[subscription]
