"""The hub: what the shell of the live feed calls, and the frames that all live subscribers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from api.feed.frames import Frame
from api.feed.hub.bulletins import Bulletins
from api.feed.hub.channels import Channels
from api.feed.hub.commands import CommandError, selection_of, start_of
from api.feed.hub.messages import (
    MessageRows,
    error_frame,
    gap_frame,
    heartbeat_frame,
    held_members,
    hello_frame,
    unsubscribed_frame,
)
from api.feed.hub.moment import Moment
from api.feed.hub.parked import ParkedSubscriptions
from api.feed.hub.parts import PartMaker
from api.feed.hub.passes import Passes
from api.feed.hub.rows import Rows
from api.feed.slots import Slots
from api.feed.state import FRAMES, FeedState, OfficeState, PackedTally
from api.feed.subscribers import PART_BYTES, Bulletin, Channel, Outlet, Subscriber, Subscription
from api.feed.touched import Touched
from projections.definition.compiled import Definition
from projections.fold.chain import Applied
from schemas.derived.results import Cut
from schemas.served.feed_cursors import Positions
from schemas.served.live import Follow, Subscribe, Unsubscribe

SUBSCRIPTIONS_MAX = 50
"""Limit for one connection."""
SUBSCRIPTIONS_TOTAL_MAX = 16_000
"""Limit for all connections: eight for each of 2,000. Each costs a flush 3 µs when its channel changes."""


class Hub:
    def __init__(
        self,
        definition: Definition,
        subtotals_partitions: int,
        *,
        heartbeat_s: int = 10,
        generation: int = 1,
        subscriptions_of_address: int = SUBSCRIPTIONS_TOTAL_MAX,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self.definition = definition
        self._heartbeat_s = heartbeat_s
        self._generation = generation
        self._part_bytes = part_bytes
        self.state = FeedState(definition, subtotals_partitions)
        self.parked = ParkedSubscriptions(self.state)
        self._rows = Rows(definition)
        self._channels = Channels(definition, self.state, self._rows)
        self._moment = Moment(definition.hash, generation, self.positions)
        self.passes = Passes(self._frame_failed)
        self._parts = PartMaker(self.state, self._channels, self._rows, self._moment, part_bytes)
        self.bulletins = Bulletins(lambda frame, bulletin: self.passes.add(frame, list(bulletin.live)), part_bytes)
        self._slots = Slots(SUBSCRIPTIONS_TOTAL_MAX, subscriptions_of_address)
        self._subscribers: dict[Subscriber, None] = {}

    # -- messages in -----------------------------------------------------------------------------------------------

    def begin(
        self,
        positions: Positions,
        tallies: Iterable[tuple[str, str, PackedTally]] = (),
        office_tallies: Iterable[tuple[str, str, PackedTally]] = (),
        cuts: Mapping[str, Cut] | None = None,
        block_watermarks: Mapping[tuple[str, int], int] | None = None,
        held: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
        ends: Positions | None = None,
    ) -> None:
        """Begin the state (`FeedState.begin`). `ends`: the offsets behind the newest messages; None for none behind
        `positions`."""
        self.state.begin(positions, tallies, office_tallies, cuts, block_watermarks, held)
        self._moment.begin(positions)
        self.parked.begin(positions if ends is None else ends)

    def apply_result(self, offset: int, value: bytes) -> Applied:
        return self.state.apply_result(offset, value)

    def apply_block(self, source: int, offset: int, value: bytes) -> Applied:
        return self.state.apply_block(source, offset, value)

    def pass_over(self, source: int, offset: int) -> None:
        """Skip a message that was set aside (`FeedState.pass_over`)."""
        self.state.pass_over(source, offset)

    def held_stations(self) -> dict[str, int]:
        return self.state.held_stations()

    def cuts(self) -> list[Cut]:
        return self.state.cuts()

    @property
    def positions(self) -> Positions:
        return Positions(self.state.positions[0], tuple(self.state.positions[1:]))

    # -- frames that live subscribers share ------------------------------------------------------------------------

    def flush(self) -> None:
        """Make frames of what was applied since the last flush, for `deliver` to write."""
        if not self.state.has_news:
            return
        # Written first, so that all frames that are under way are of one flush, and no list of frames grows.
        self.deliver(lambda: True)
        self.state.has_news = False
        self._moment.advance(self.positions)
        self._rows.forget_patches()
        for office in self.state.offices:
            if office.touched:
                touched, office.touched = office.touched, Touched()
                try:
                    frames = sum(self._send(channel, part) for channel, part in self._channels.split(office, touched))
                except Exception as error:
                    self._office_failed(office, error)
                else:
                    if not frames:
                        office.stopped.pop(FRAMES, None)
        self.parked.unpark()

    def deliver(self, has_time: Callable[[], bool]) -> bool:
        """Write the frames of the last flush to live subscribers, for as long as there is time. Returns whether all frames are
        written."""
        return self.passes.run(has_time)

    def _send(self, channel: Channel, part: Touched) -> bool:
        """Make one frame for all live subscribers, if there are any, or make them due where the frame would be too large or the
        change is not all that they lack. Returns whether a frame was made."""
        cuts_before, channel.last_cuts = channel.last_cuts, self._moment.cuts(channel.office)
        if not channel.live:
            return False
        fields = channel.selection.fields
        size = sum(self._rows.size(channel.office, key, fields) for key in part.keys) + sum(
            map(len, (*part.stations.values(), *part.held.values()))
        )
        if part.everything or part.gap is not None or size > self._part_bytes:
            self._owe_all(channel)
            return False
        deltas = channel.selection.deltas
        frame = Frame(
            "delta" if deltas else "change",
            self._delta(channel, part, cuts_before) if deltas else self._change(channel, part),
            cursor=self._moment.cursor,
            channel=channel,
            before=self._moment.before,
            number=self._moment.number,
        )
        self.passes.add(frame, list(channel.live))
        return True

    def _owe_all(self, channel: Channel) -> None:
        for subscriber in list(channel.live):
            subscriber.owe(subscriber.subscriptions[channel], self._moment.before)

    def _office_failed(self, office: OfficeState, error: Exception) -> None:
        """Make each client of the office due for what it lacks, so that an error with one office stops no other."""
        for channel in self._channels.of_office(office.entry.number):
            self._owe_all(channel)
        office.stop(FRAMES, error, "making its frames")

    def _frame_failed(self, frame: Frame, error: Exception) -> None:
        assert isinstance(frame.channel, Channel), "the text of a bulletin is made with its frame"
        self._office_failed(frame.channel.office, error)

    def _change(self, channel: Channel, part: Touched) -> Callable[[], bytes]:
        """A function that renders the numbers as they are now. It is called when the frame is first written."""
        office = channel.office
        head, cursor = self._moment.head(office), self._moment.cursor
        rows = [(key, self._rows.newest(office, key)) for key in sorted(part.keys)]
        stations, held = list(part.stations.values()), list(part.held.values())
        more = held_members(channel, is_whole=False)

        def render() -> bytes:
            message = MessageRows()
            for key, row in rows:
                message.add(key, self._rows.render(office, key, row, channel.selection.fields))
            message.stations, message.held = stations, held
            text = message.message("change", channel, head, cursor=cursor, more=more)
            office.stopped.pop(FRAMES, None)
            return text

        return render

    def _delta(self, channel: Channel, part: Touched, cuts_before: tuple[bytes, bytes]) -> Callable[[], bytes]:
        """A function as from `_change`, with a patch of each row that is shorter as a patch. `cuts_before` are the channel's
        `last_cuts`."""
        office, fields = channel.office, channel.selection.fields
        head, cursor = self._moment.head(office), self._moment.cursor
        rows = [(key, part.before.get(key), self._rows.newest(office, key)) for key in sorted(part.keys)]
        stations, held = list(part.stations.values()), list(part.held.values())
        more = [b'"from_as_of":%b,"from_shard_as_of":%b' % cuts_before, *held_members(channel, is_whole=False)]

        def render() -> bytes:
            message = MessageRows()
            for key, before, row in rows:
                whole, patch = self._rows.patch(office, key, before, row, fields)
                if patch is None:
                    message.add(key, whole)
                else:
                    message.add_patch(key, patch)
            message.stations, message.held = stations, held
            text = message.message("delta", channel, head, cursor=cursor, more=more)
            office.stopped.pop(FRAMES, None)
            return text

        return render

    def heartbeat(self) -> None:
        """Send a heartbeat to all connections that are not behind, which states that nothing is missing up to its cursor. The
        shell calls this every few seconds."""
        self.flush()
        self.parked.give_up_at_heartbeat()
        # A pass leaves out a subscriber that is behind: where it waits for this replica to reach its cursor, the cursor of a
        # heartbeat would be a step back.
        self.passes.add(heartbeat_frame(self._moment.cursor, self.state.offices), list(self._subscribers))

    # -- what a subscriber takes -----------------------------------------------------------------------------------

    def next_part(self, subscription: Subscription) -> list[Frame]:
        """The next frames of a due subscription, with the newest state (`PartMaker.next_part`)."""
        if isinstance(subscription.channel, Bulletin):
            return self.bulletins.next_part(subscription, subscription.channel)
        self.flush()
        return self._parts.next_part(subscription, subscription.channel)

    def slow_client(self, skipped: int) -> Frame:
        return gap_frame("slow-client", None, skipped=skipped)

    # -- clients and their commands --------------------------------------------------------------------------------

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def join(self, outlet: Outlet, ready: Callable[[], None], address: str = "") -> Subscriber:
        """Add a connection. `ready` is called whenever there may be something to take."""
        subscriber = Subscriber(self, outlet, ready, address)
        self._subscribers[subscriber] = None
        subscriber.answer(hello_frame(self.definition, self._heartbeat_s))
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        for subscription in list(subscriber.subscriptions.values()):
            self._end(subscription)
        subscriber.has_left = True
        self._subscribers.pop(subscriber, None)

    def refuse(self, subscriber: Subscriber, error: CommandError) -> None:
        subscriber.answer(error_frame(error))

    def subscribe(
        self, subscriber: Subscriber, command: Subscribe, *, keeps_cursor: bool = False, is_quiet: bool = False
    ) -> None:
        """Begin a subscription, or begin that of the same channel again; `keeps_cursor` as in `start_of`, `is_quiet` as in
        `Subscription`. Raises CommandError."""
        channel = self._channels.channel(selection_of(command, self.definition))
        since, gap = start_of(
            command.cursor,
            self.definition.hash,
            self._generation,
            len(self.state.positions) - 1,
            keeps_cursor=keeps_cursor,
        )
        self._make_room(subscriber, channel)
        channel = self._channels.add_subscription(channel)
        subscription = self._add(subscriber, channel, command.id)
        subscription.gap = gap
        subscription.is_quiet = is_quiet
        if since is not None and (source := self.parked.lagging(since)) is not None:
            self.parked.park(subscription, since, source)
        else:
            subscriber.owe(subscription, since)

    def follow(self, subscriber: Subscriber, command: Follow) -> None:
        """Begin a subscription to a bulletin, or begin it again. Raises CommandError."""
        bulletin = self.bulletins.named(command.bulletin)
        self._make_room(subscriber, bulletin)
        bulletin.subscriptions += 1
        self.bulletins.begin(self._add(subscriber, bulletin, command.id), bulletin)

    def _make_room(self, subscriber: Subscriber, channel: Channel | Bulletin) -> None:
        """End the connection's subscription to the channel, if there is one; otherwise check that one more subscription may
        begin. Raises CommandError."""
        if (before := subscriber.subscriptions.get(channel)) is not None:
            self._end(before)
            return
        if len(subscriber.subscriptions) >= SUBSCRIPTIONS_MAX:
            raise CommandError(429, None, f"a connection has at most {SUBSCRIPTIONS_MAX} subscriptions; end one first")
        if (refusal := self._slots.refusal(subscriber.address)) is not None:
            raise CommandError(429, None, f"no more subscriptions here: {refusal}")

    def _add(self, subscriber: Subscriber, channel: Channel | Bulletin, id: str | None) -> Subscription:
        self._slots.take(subscriber.address)
        subscription = subscriber.subscriptions[channel] = Subscription(subscriber, channel, id)
        return subscription

    def unsubscribe(self, subscriber: Subscriber, command: Unsubscribe) -> None:
        """End the subscription with the id or the channel that the command names. Raises CommandError."""
        if command.id is None and command.channel is None:
            raise CommandError(400, "id", "is missing: name the id of the subscription, or its channel")
        for channel, subscription in subscriber.subscriptions.items():
            if (command.id is not None and subscription.id == command.id) or channel.name == command.channel:
                self._end(subscription)
                subscriber.answer(unsubscribed_frame(subscription))
                return
        field, name = ("id", command.id) if command.id is not None else ("channel", command.channel)
        raise CommandError(404, field, f"there is no subscription {name!r} on this connection")

    def _end(self, subscription: Subscription) -> None:
        subscriber, channel = subscription.subscriber, subscription.channel
        self.parked.end(subscription)
        subscriber.forget(subscription)
        self._slots.give_back(subscriber.address)
        channel.live.pop(subscriber, None)
        if isinstance(channel, Bulletin):
            self.bulletins.end(subscription, channel)
        else:
            self._channels.remove_subscription(channel)
