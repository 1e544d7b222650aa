"""The live feed without a socket and without a clock: what is newest, who wants what of it, and what each still lacks.

In    messages of `results` and `subtotals` with their offsets (`apply_result`, `apply_block`); wishes of clients
Out   frames: made once for each channel and flush, shared by all its live subscribers; or parts, for one that lacks more

What is applied becomes visible with the next `flush`, which the shell calls once a tick: a district that changed forty
times since then is sent once. One event loop owns a hub; nothing here awaits.

A subscription begins as *due* (subscribers.py): whenever its client has read what came before, `next_part` flushes, looks
up what it still lacks, and makes a frame of about `PART_BYTES` of it with the newest numbers. What changes behind the
place that was reached is looked up again, until nothing is lacking: the part that says so has no `more`, and from the
next flush on the subscription is live. So no change is missed, none is sent twice, no state is kept for a client, and one
that reads slowly costs a part and no more. Each part is exact at its own `as_of`; when one without `more` has come, all
that the client has of the channel is exact at that part's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import orjson

from api.feed.places import Places
from api.feed.rendered import Rendered
from api.feed.state import FRAMES, FeedState, OfficeState, PackedTally
from api.feed.subscribers import (
    PART_BYTES,
    QUEUE_BYTES_MAX,
    Channel,
    Frame,
    Round,
    Selection,
    Subscriber,
    Subscription,
)
from api.feed.touched import OF_OFFICE, WHOLE, Key, StationKey, Touched
from projections.area.tally import empty_tally
from projections.definition.compiled import Definition
from projections.fold.chain import Applied
from projections.shown.published import published_office, published_tally
from schemas.derived.results import Cut
from schemas.served.live import (
    CursorError,
    GapReason,
    OtherGenerationError,
    Positions,
    Subscribe,
    Unsubscribe,
    cursor_of,
    positions_of,
)

SUBSCRIPTIONS_MAX = 50
"""Limit for one connection."""
SUBSCRIPTIONS_TOTAL_MAX = 16_000
"""Limit for all connections: eight for each of 2,000. Each costs a flush 3 µs when its channel changes."""
CHANNEL_ROWS_MAX = 40_000
"""Tallies in one channel: Indonesia's 7,277 districts pass, in each of their contests and their office. A client that is
due has them looked through, 0.1 µs each."""
CHANNEL_BYTES_MAX = 128 * 1024 * 1024
"""Limit for a whole channel. The 7,277 districts with 234 rows each are 87 MB; at half they would be refused, at double
a reader takes minutes over what is minutes old by then."""
QUEUED_BYTES_MAX = 32 * 1024 * 1024
"""Frames that wait, over all clients, each counted for every one it waits for: past this, the client with most of them
falls behind. It is 128 full queues; clients that read have empty ones."""
PARKED_ENDED_MAX = 64
"""Subscriptions that wait for a position no more and are still in the heaps, beyond as many as wait."""
PARKED_HEARTBEATS_MAX = 1
"""Heartbeats that a subscription waits for this replica to reach its cursor."""


class Wrong(Exception):
    """A wish that cannot be followed: which field, and why. `id` is the client's own for the wish, where it has one."""

    def __init__(self, status: int, field: str | None, sentence: str) -> None:
        super().__init__(sentence)
        self.id: str | None = None
        self.status = status
        self.field = field
        self.sentence = sentence


class Hub:
    def __init__(
        self,
        definition: Definition,
        subtotals_partitions: int,
        *,
        heartbeat_s: int = 10,
        generation: int = 1,
        subscriptions_of_one: int = SUBSCRIPTIONS_TOTAL_MAX,
        part_bytes: int = PART_BYTES,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
        queued_bytes_max: int = QUEUED_BYTES_MAX,
    ) -> None:
        self.definition = definition
        self._heartbeat_s = heartbeat_s
        self._generation = generation
        self._part_bytes = part_bytes
        self._queue_bytes_max = queue_bytes_max
        self._queued_bytes_max = queued_bytes_max
        self.queued_bytes = 0
        """Sum over all subscribers' queues."""
        self.state = FeedState(definition, subtotals_partitions)
        self._rendered = Rendered()
        self._places = Places(SUBSCRIPTIONS_TOTAL_MAX, subscriptions_of_one)
        self._channels: dict[Selection, Channel] = {}
        self._by_area: dict[Key, list[Channel]] = {}
        """(office, area) → channels that show the area, as their own or as a child."""
        self._by_level: dict[Key, list[Channel]] = {}
        self._by_office: dict[int, dict[Channel, None]] = {}
        self._subscribers: dict[Subscriber, None] = {}
        self._parked: dict[Subscription, None] = {}
        self._parked_at: list[list[tuple[int, int, Subscription]]] = [[] for _ in range(1 + subtotals_partitions)]
        """For each source a heap of those that wait for it: (offset, number, subscription). Others are looked up when it
        gets there."""
        self._parkings = 0
        self._before = self._now = self.positions
        """At the flush before the last, and at the last."""
        self._cursor = ""
        self._heads: dict[int, bytes] = {}
        """By office what each message of this flush says of its moment."""
        self._sizes: dict[Key, int] = {}
        """About how many bytes a tally has: by (office, contest), and (office, OF_OFFICE)."""
        self._of_level: dict[Selection, Channel] = {}
        """Channels of whole levels, kept for the next who asks: it takes 10 ms to find what they show."""
        self._areas_of_level: dict[int, list[int]] = {}
        for area, level in enumerate(definition.area_level):
            self._areas_of_level.setdefault(level, []).append(area)
        self._contests_at: dict[Key, list[int]] = {}
        """(office, area) → contests whose electorate has stations there."""
        for contest, area in sorted(definition.denominators):
            office = definition.contests[contest].office_number
            self._contests_at.setdefault((office, area), []).append(contest)

    # -- messages in -----------------------------------------------------------------------------------------------

    def begin(
        self,
        positions: Positions,
        tallies: Iterable[tuple[str, str, PackedTally]] = (),
        office_tallies: Iterable[tuple[str, str, PackedTally]] = (),
        cuts: Mapping[str, Cut] | None = None,
        block_watermarks: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        """`FeedState.begin`."""
        self.state.begin(positions, tallies, office_tallies, cuts, block_watermarks)
        self._before = self._now = positions
        self._cursor = ""
        self._heads.clear()

    def apply_result(self, offset: int, value: bytes) -> Applied:
        return self.state.apply_result(offset, value)

    def apply_block(self, source: int, offset: int, value: bytes) -> Applied:
        return self.state.apply_block(source, offset, value)

    def pass_over(self, source: int, offset: int) -> None:
        """A message that is not believed: of `results` (-1) or of a partition of `subtotals`."""
        self.state.pass_over(source, offset)

    def held_stations(self) -> dict[str, int]:
        return self.state.held_stations()

    def cuts(self) -> list[Cut]:
        return self.state.cuts()

    @property
    def positions(self) -> Positions:
        return Positions(self.state.positions[0], tuple(self.state.positions[1:]))

    # -- frames for those who are live -----------------------------------------------------------------------------

    def flush(self) -> None:
        """Send the live subscribers what was applied since the last flush."""
        if not self.state.has_news:
            return
        self.state.has_news = False
        self._before, self._now = self._now, self.positions
        self._cursor = ""
        self._heads.clear()
        for office in self.state.offices:
            if office.touched:
                touched, office.touched = office.touched, Touched()
                try:
                    for channel, part in self._parts(office, touched):
                        if channel.live:
                            self._send(channel, part)
                except Exception as error:
                    # Its clients are due what they lack, each by itself.
                    for channel in self._by_office.get(office.entry.number, {}):
                        for subscriber in list(channel.live):
                            subscriber.owe(subscriber.subscriptions[channel], self._before)
                    office.stop(FRAMES, error, "making its frames")
                else:
                    office.stopped.pop(FRAMES, None)
        self._unpark()

    def _send(self, channel: Channel, part: Touched) -> None:
        """One frame to all who are live. Where it would be too large, or more than changes is to be sent, they are due."""
        size = sum(self._size_of(channel.office, key) for key in part.keys) + sum(map(len, part.stations.values()))
        if part.everything or part.gap is not None or size > self._part_bytes:
            for subscriber in list(channel.live):
                subscriber.owe(subscriber.subscriptions[channel], self._before)
            return
        frame = Frame(
            "change",
            self._change(channel, part),
            cursor=self.cursor,
            channel=channel,
            before=self._before,
            size=size,
        )
        for subscriber in list(channel.live):
            subscriber.push(frame)
            if self.queued_bytes > self._queued_bytes_max:
                max(self._subscribers, key=lambda each: each.queued_bytes).fall_behind()

    def _change(self, channel: Channel, part: Touched) -> Callable[[], bytes]:
        """The numbers as they are now, to be rendered when the first client takes them."""
        office = channel.office
        head, cursor = self._head(office), self.cursor
        rows = [(key, self._row(office, key)) for key in sorted(part.keys)]
        stations = list(part.stations.values())

        def render() -> bytes:
            groups = _Groups()
            for key, row in rows:
                groups.add(key, self._render(office, key, row))
            groups.stations = stations
            return groups.message("change", channel, head, cursor=cursor)

        return render

    def _parts(self, office: OfficeState, touched: Touched) -> Iterator[tuple[Channel, Touched]]:
        """What of it each channel of the office shows."""
        number = office.entry.number
        channels = self._by_office.get(number, {})
        if touched.everything or touched.gap is not None:
            for channel in channels:
                yield channel, touched
            return
        parts: dict[Channel, Touched] = {}
        wholes = []
        for key in touched.keys:
            if key[1] == WHOLE:
                wholes.append(key)
                continue
            for channel in self._channels_of(number, key[1]):
                _part_of(parts, channel).keys.add(key)
        for channel in channels if wholes else ():
            reached = [key for key in wholes if self._reaches(channel.selection, key[0])]
            if reached:
                _part_of(parts, channel).keys.update(reached)
        for station_key, row in touched.stations.items():
            for area in self._areas_of_station(station_key[0]):
                for channel in self._by_area.get((number, area), ()):
                    if channel.selection.stations and channel.selection.area == area:
                        _part_of(parts, channel).stations[station_key] = row
        yield from parts.items()

    def _areas_of_station(self, code: str) -> tuple[int, ...]:
        return self.definition.lineage[self.definition.station_area[self.definition.station_number[code]]]

    def _channels_of(self, office: int, area: int) -> list[Channel]:
        found = self._by_area.get((office, area), [])
        of_level = self._by_level.get((office, self.definition.area_level[area]))
        if of_level:
            found = found + of_level
        parent = self.definition.area_parent[area]
        above = self._by_area.get((office, parent)) if parent >= 0 else None
        return found + above if above else found

    def _reaches(self, selection: Selection, contest: int) -> bool:
        if selection.level is not None:
            return self.definition.contests[contest].office_number == selection.office
        return (contest, selection.area) in self.definition.denominators

    # -- parts for those who are due -------------------------------------------------------------------------------

    def next_part(self, subscription: Subscription) -> list[Frame]:
        """What a due subscription gets next: markers of gaps, and a frame with the newest of what it lacks; nothing where
        it lacks nothing. After the last part it is live."""
        self.flush()
        subscriber, channel = subscription.subscriber, subscription.channel
        office = channel.office
        frames: list[Frame] = []
        groups = _Groups()
        seen: set[Key] = set()
        is_complete = False
        while groups.size < self._part_bytes:
            if (round := subscription.round) is None:
                round = subscription.round = self._round(subscription, frames)
            self._fill(office, round, groups, seen)
            if not round.is_over:
                break
            subscription.since, subscription.round = round.since, None
            if round.since == self._now:
                is_complete = True
                break
        kind = subscription.kind
        lacks_nothing = groups.is_empty and kind == "change" and is_complete
        if lacks_nothing and not (subscription.is_new or subscription.has_begun or frames):
            self._is_complete(subscription)
            return []
        more: list[bytes] = []
        if kind == "snapshot":
            more.append(b'"below_complete":%b' % (b"true" if self._below_complete(channel) else b"false"))
        if not is_complete:
            more.append(b'"more":true')
        cursor = self.cursor if is_complete else None
        id = subscription.id if subscription.is_new else None
        text = groups.message(kind, channel, self._head(office), cursor=cursor, id=id, more=more)
        frames.append(Frame(kind, text.decode(), cursor=cursor, channel=channel))
        if is_complete:
            self._is_complete(subscription)
        else:
            subscription.has_begun = True
            subscriber.put_off(subscription)
        return frames

    def _is_complete(self, subscription: Subscription) -> None:
        subscription.is_new = subscription.has_begun = False
        subscription.kind = ""
        subscription.subscriber.settle(subscription)

    def _round(self, subscription: Subscription, frames: list[Frame]) -> Round:
        """All that a subscription lacks now. What its client must know of gaps is added to the frames."""
        channel = subscription.channel
        gap, subscription.gap = subscription.gap, None
        stations_lost = False
        keys: Sequence[Key] = channel.keys
        rows: Sequence[bytes] = ()
        is_whole = subscription.since is None
        if subscription.since is not None:
            since = [subscription.since.results, *subscription.since.subtotals]
            if any(offset < floor for offset, floor in zip(since, self.state.floors, strict=True)):
                is_whole, stations_lost = True, channel.selection.stations
                gap = gap or "cursor-too-old"
            else:
                gap = gap or channel.office.gap_since(since)
                is_whole = channel.office.is_everything_since(since)
                if not is_whole:
                    marks = channel.office.changed
                    keys = [
                        key
                        for key in keys
                        if (mark := marks.get(key)) is not None and mark.offset >= since[mark.source]
                    ]
                if channel.selection.stations:
                    found = self.state.recent_stations.since(since, channel.selection.office)
                    if found is None:
                        stations_lost = True
                        gap = gap or ("cursor-too-old" if subscription.is_new else "slow-client")
                    else:
                        rows = self._of_channel(channel, found)
        elif gap is not None:
            stations_lost = channel.selection.stations
        if not subscription.kind:
            subscription.kind = "snapshot" if is_whole else "change"
        if gap is not None:
            id = subscription.id if subscription.is_new else None
            frames.append(_gap(gap, channel, id=id, stations_lost=stations_lost or gap == "subtotals-gap"))
        return Round(keys, rows, self._now)

    def _of_channel(self, channel: Channel, stations: dict[StationKey, bytes]) -> list[bytes]:
        area = channel.selection.area
        return [row for key, row in stations.items() if area in self._areas_of_station(key[0])]

    def _fill(self, office: OfficeState, round: Round, groups: _Groups, seen: set[Key]) -> None:
        """Put what comes next in the round into a part, until that is full. What is in it already is the newest."""
        while round.place < len(round.keys) and groups.size < self._part_bytes:
            key = round.keys[round.place]
            round.place += 1
            if key not in seen and self._is_known(office, key):
                seen.add(key)
                groups.add(key, self._render(office, key, self._row(office, key)))
        while round.row_place < len(round.rows) and groups.size < self._part_bytes:
            groups.add_station(round.rows[round.row_place])
            round.row_place += 1

    def slow_client(self, skipped: int) -> Frame:
        return _gap("slow-client", None, skipped=skipped)

    # -- rows ------------------------------------------------------------------------------------------------------

    @property
    def cursor(self) -> str:
        if not self._cursor:
            self._cursor = cursor_of(self._now, self.definition.hash, self._generation)
        return self._cursor

    def _head(self, office: OfficeState) -> bytes:
        number = office.entry.number
        head = self._heads.get(number)
        if head is None:
            head = self._heads[number] = b'"office":%b,"as_of":%b,"shard_as_of":%b' % (
                orjson.dumps(office.entry.id),
                office.as_of(),
                office.shard_as_of(),
            )
        return head

    def _row(self, office: OfficeState, key: Key) -> PackedTally | bytes | None:
        if key[1] == WHOLE:
            return office.standings.get(key[0])
        return office.parties.get(key[1]) if key[0] == OF_OFFICE else office.areas.get(key)

    def _render(self, office: OfficeState, key: Key, row: PackedTally | bytes | None) -> bytes:
        if isinstance(row, bytes):
            return row
        return self._rendered.get(office.entry.number, key, row, lambda: self._dumps(office, key, row))

    def _dumps(self, office: OfficeState, key: Key, row: PackedTally | None) -> bytes:
        if key[0] == OF_OFFICE:
            tally = orjson.loads(row) if row else empty_tally(len(office.entry.lines))
            return orjson.dumps(published_office(office.entry, key[1], tally, self.definition))
        contest = self.definition.contests[key[0]]
        tally = orjson.loads(row) if row else empty_tally(len(contest.choices))
        return orjson.dumps(published_tally(contest, key[1], tally, self.definition))

    def _is_known(self, office: OfficeState, key: Key) -> bool:
        """An area of which nothing has come is there with zeros, once its office has spoken (from the shard level up) or
        its partition has been followed from the start (below)."""
        if key[1] == WHOLE:
            return key[0] in office.standings
        definition = self.definition
        if definition.area_level[key[1]] <= definition.shard_level:
            return office.has_spoken or key in office.areas
        return office.whole[definition.shard_partition[definition.area_shard[key[1]]]] or key in office.areas

    def _size_of(self, office: OfficeState, key: Key) -> int:
        """About how many bytes a row has: a tally with five digits more in each number than one of nothing. Four times the
        numbers of a tier are shown."""
        if key[1] == WHOLE:
            return 1_000
        place = (office.entry.number, key[0])
        size = self._sizes.get(place)
        if size is None:
            choices = office.entry.lines if key[0] == OF_OFFICE else self.definition.contests[key[0]].choices
            numbers = 4 * len(empty_tally(len(choices))) // 3
            size = self._sizes[place] = len(self._dumps(office, key, None)) + 5 * numbers
        return size

    def _below_complete(self, channel: Channel) -> bool:
        definition = self.definition
        below = [
            a for a in self._selected_areas(channel.selection) if definition.area_level[a] > definition.shard_level
        ]
        partitions = {definition.shard_partition[definition.area_shard[area]] for area in below}
        return all(channel.office.whole[partition] for partition in partitions)

    def heartbeat(self) -> None:
        """Send all who are live that nothing is missing up to here. The shell calls it every few seconds."""
        self.flush()
        for parked in list(self._parked):
            parked.heartbeats += 1
            if parked.heartbeats > PARKED_HEARTBEATS_MAX:
                self._end_parking(parked)
                parked.gap = "cursor-ahead"
                parked.subscriber.owe(parked, None)
        frame = Frame(
            "heartbeat",
            orjson.dumps(
                {
                    "type": "heartbeat",
                    "cursor": self.cursor,
                    "as_of": {office.entry.id: orjson.Fragment(office.as_of()) for office in self.state.offices},
                    "waiting": [office.entry.id for office in self.state.offices if office.waits_for_keyframe],
                }
            ).decode(),
            cursor=self.cursor,
        )
        # To one that waits for this replica to reach its cursor, this cursor would be a step back.
        for subscriber in self._subscribers:
            if not subscriber.is_behind:
                subscriber.push(frame)

    # -- wishes of clients -----------------------------------------------------------------------------------------

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def join(self, ready: Callable[[], None], party: str = "") -> Subscriber:
        """A new connection; `ready` is called whenever there is something to take."""
        subscriber = Subscriber(self, ready, party, self._queue_bytes_max)
        self._subscribers[subscriber] = None
        election = self.definition.election
        hello = {
            "type": "hello",
            "election": election.id,
            "mode": election.mode.value,
            "definition": self.definition.hash,
            "heartbeat_s": self._heartbeat_s,
        }
        subscriber.answer(Frame("hello", orjson.dumps(hello).decode()))
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        for subscription in list(subscriber.subscriptions.values()):
            self._detach(subscription)
        subscriber.end()
        self._subscribers.pop(subscriber, None)

    def refuse(self, subscriber: Subscriber, wrong: Wrong) -> None:
        message: dict[str, Any] = {"type": "error"}
        if wrong.id is not None:
            message["id"] = wrong.id
        message |= {"status": wrong.status, "field": wrong.field, "sentence": wrong.sentence}
        subscriber.answer(Frame("error", orjson.dumps(message).decode()))

    def subscribe(self, subscriber: Subscriber, wish: Subscribe, *, keeps_cursor: bool = False) -> None:
        """Follow a wish. Of a client that keeps its cursor and cannot drop it (a browser's `Last-Event-ID`) one that is
        not of this feed is taken for one that is too old. Raises Wrong."""
        channel = self._channel(self.selection(wish))
        since: Positions | None = None
        gap: GapReason | None = None
        if wish.cursor is not None:
            try:
                since = positions_of(wish.cursor, self.definition.hash, self._generation)
                if len(since.subtotals) != len(self.state.positions) - 1:
                    raise CursorError("a cursor of other topics")
            except OtherGenerationError:
                gap = "cursor-too-old"
            except CursorError as error:
                if not keeps_cursor:
                    raise Wrong(400, "cursor", f"{error}; subscribe without it to begin with a snapshot") from None
                since, gap = None, "cursor-too-old"
        if (before := subscriber.subscriptions.get(channel)) is None:
            if len(subscriber.subscriptions) >= SUBSCRIPTIONS_MAX:
                raise Wrong(429, None, f"a connection has at most {SUBSCRIPTIONS_MAX} subscriptions; end one first")
            if (refusal := self._places.refusal(subscriber.party)) is not None:
                raise Wrong(429, None, f"no more subscriptions here: {refusal}")
        else:
            self._detach(before)
        subscription = self._attach(subscriber, channel, wish.id)
        subscription.gap = gap
        self.flush()
        if since is not None and (source := self._lagging(since)) is not None:
            self._park(subscription, since, source)
        else:
            subscriber.owe(subscription, since)

    def unsubscribe(self, subscriber: Subscriber, wish: Unsubscribe) -> None:
        """Raises Wrong."""
        if wish.id is None and wish.channel is None:
            raise Wrong(400, "id", "is missing: say the id of the subscription, or its channel")
        for channel, subscription in subscriber.subscriptions.items():
            if (wish.id is not None and subscription.id == wish.id) or channel.name == wish.channel:
                self._detach(subscription)
                message = {"type": "unsubscribed", "id": subscription.id, "channel": channel.name}
                subscriber.answer(Frame("unsubscribed", orjson.dumps(message).decode()))
                return
        field, name = ("id", wish.id) if wish.id is not None else ("channel", wish.channel)
        raise Wrong(404, field, f"there is no subscription {name!r} on this connection")

    # -- cursors that are ahead of this replica --------------------------------------------------------------------

    def _lagging(self, wanted: Positions) -> int | None:
        """The first source that has not come so far."""
        for source, (own, theirs) in enumerate(zip(self.state.positions, (wanted[0], *wanted[1]), strict=True)):
            if own < theirs:
                return source
        return None

    def _park(self, subscription: Subscription, wanted: Positions, source: int) -> None:
        if subscription.parked is None:
            subscription.parked = wanted
            subscription.subscriber.parked += 1
            self._parked[subscription] = None
        self._parkings += 1
        offset = wanted.results if source == 0 else wanted.subtotals[source - 1]
        heappush(self._parked_at[source], (offset, self._parkings, subscription))
        if sum(map(len, self._parked_at)) > 2 * len(self._parked) + PARKED_ENDED_MAX:
            for waiting in self._parked_at:
                waiting[:] = [each for each in waiting if each[2].parked is not None]
                heapify(waiting)

    def _unpark(self) -> None:
        """Those whose cursor has been reached are due from there. Looks at no others, however many wait."""
        for source, waiting in enumerate(self._parked_at):
            while waiting and waiting[0][0] <= self.state.positions[source]:
                subscription = heappop(waiting)[2]
                if (wanted := subscription.parked) is None:
                    continue
                if (lagging := self._lagging(wanted)) is not None:
                    self._park(subscription, wanted, lagging)
                    continue
                self._end_parking(subscription)
                subscription.subscriber.owe(subscription, wanted)

    def _end_parking(self, subscription: Subscription) -> None:
        if subscription.parked is not None:
            subscription.parked = None
            subscription.subscriber.parked -= 1
            del self._parked[subscription]

    # -- channels --------------------------------------------------------------------------------------------------

    def selection(self, wish: Subscribe) -> Selection:
        """What a wish asks to see. Raises Wrong where there is no such office, area or level."""
        definition = self.definition
        office = definition.office_number.get(wish.office)
        if office is None:
            names = ", ".join(entry.id for entry in definition.offices)
            raise Wrong(404, "office", f"there is no office {wish.office!r} in this election; there are: {names}")
        if wish.area is not None and wish.level is not None:
            raise Wrong(400, "level", "an area or a level, not both: an area comes with its children")
        if wish.level is not None:
            if wish.stations:
                raise Wrong(400, "stations", "stations are had by area, not by level")
            if wish.level not in definition.level_ids[:-1]:
                names = ", ".join(definition.level_ids[:-1])
                raise Wrong(404, "level", f"there is no level of areas {wish.level!r}; there are: {names}")
            return Selection(office, None, definition.level_ids.index(wish.level), False)
        area = definition.root if wish.area is None else definition.area_number.get(wish.area)
        if area is None:
            raise Wrong(404, "area", f"there is no area {wish.area!r} in this election")
        return Selection(office, area, None, wish.stations)

    def _channel(self, selection: Selection) -> Channel:
        """Raises Wrong where it would be too large."""
        if (channel := self._channels.get(selection)) is not None:
            return channel
        if (channel := self._of_level.get(selection)) is not None:
            return channel
        definition = self.definition
        number, office = selection.office, self.state.offices[selection.office]
        areas = self._selected_areas(selection)
        rows = sum(len(self._contests_at.get((number, area), ())) for area in areas)
        field = "area" if selection.level is None else "level"
        instead = "subscribe to areas below it, each with its children, or take the export"
        if rows > CHANNEL_ROWS_MAX:
            raise Wrong(
                413, field, f"this {field} has {rows:,} tallies, a channel at most {CHANNEL_ROWS_MAX:,}; {instead}"
            )
        keys = [(contest, area) for area in areas for contest in self._contests_at.get((number, area), ())]
        keys += [
            (OF_OFFICE, area)
            for area in areas
            if definition.area_level[area] <= definition.shard_level and (number, area) in self._contests_at
        ]
        keys += [(contest, WHOLE) for contest in office.entry.contests if self._reaches(selection, contest)]
        size = sum(self._size_of(office, key) for key in keys)
        if size > CHANNEL_BYTES_MAX:
            raise Wrong(
                413,
                field,
                f"this {field} has about {size >> 20:,} MiB, a channel at most {CHANNEL_BYTES_MAX >> 20:,}; {instead}",
            )
        channel = Channel(self._name(selection), selection, office, keys, size)
        if selection.level is not None:
            self._of_level[selection] = channel
        return channel

    def _name(self, selection: Selection) -> str:
        office = self.definition.offices[selection.office].id
        if selection.level is not None:
            return f"{office}/level/{self.definition.level_ids[selection.level]}"
        assert selection.area is not None
        name = f"{office}/area/{self.definition.area_codes[selection.area]}"
        return f"{name}/stations" if selection.stations else name

    def _selected_areas(self, selection: Selection) -> list[int]:
        if selection.level is not None:
            return self._areas_of_level.get(selection.level, [])
        assert selection.area is not None
        return [selection.area, *self.definition.children[selection.area]]

    def _attach(self, subscriber: Subscriber, channel: Channel, id: str | None) -> Subscription:
        channel = self._channels.setdefault(channel.selection, channel)
        if not channel.wanted_by:
            self._index(channel)
        channel.wanted_by += 1
        self._places.take(subscriber.party)
        subscription = subscriber.subscriptions[channel] = Subscription(subscriber, channel, id)
        return subscription

    def _detach(self, subscription: Subscription) -> None:
        subscriber, channel = subscription.subscriber, subscription.channel
        self._end_parking(subscription)
        subscriber.forget(subscription)
        self._places.give_back(subscriber.party)
        channel.live.pop(subscriber, None)
        channel.wanted_by -= 1
        if not channel.wanted_by:
            del self._channels[channel.selection]
            del self._by_office[channel.selection.office][channel]
            index, key = self._place(channel.selection)
            index[key].remove(channel)
            if not index[key]:
                del index[key]
            channel.office.has_station_channels -= channel.selection.stations

    def _index(self, channel: Channel) -> None:
        index, key = self._place(channel.selection)
        index.setdefault(key, []).append(channel)
        self._by_office.setdefault(channel.selection.office, {})[channel] = None
        channel.office.has_station_channels += channel.selection.stations

    def _place(self, selection: Selection) -> tuple[dict[Key, list[Channel]], Key]:
        if selection.level is not None:
            return self._by_level, (selection.office, selection.level)
        assert selection.area is not None
        return self._by_area, (selection.office, selection.area)


class _Groups:
    """The rows of a message, by kind."""

    __slots__ = ("areas", "contests", "offices", "size", "stations")

    def __init__(self) -> None:
        self.areas: list[bytes] = []
        self.offices: list[bytes] = []
        self.contests: list[bytes] = []
        self.stations: list[bytes] = []
        self.size = 0

    @property
    def is_empty(self) -> bool:
        return not self.size

    def add(self, key: Key, row: bytes) -> None:
        (self.contests if key[1] == WHOLE else self.offices if key[0] == OF_OFFICE else self.areas).append(row)
        self.size += len(row)

    def add_station(self, row: bytes) -> None:
        self.stations.append(row)
        self.size += len(row)

    def message(
        self,
        kind: str,
        channel: Channel,
        head: bytes,
        *,
        cursor: str | None,
        id: str | None = None,
        more: Iterable[bytes] = (),
    ) -> bytes:
        return b"{%b}" % b",".join(
            (
                *(() if id is None else (b'"id":%b' % orjson.dumps(id),)),
                b'"type":"%b","channel":%b,%b' % (kind.encode(), orjson.dumps(channel.name), head),
                *(() if cursor is None else (b'"cursor":"%b"' % cursor.encode(),)),
                b'"areas":[%b]' % b",".join(self.areas),
                b'"offices":[%b]' % b",".join(self.offices),
                b'"contests":[%b]' % b",".join(self.contests),
                *((b'"stations":[%b]' % b",".join(self.stations),) if self.stations else ()),
                *more,
            )
        )


def _gap(
    reason: GapReason,
    channel: Channel | None,
    *,
    id: str | None = None,
    skipped: int | None = None,
    stations_lost: bool = False,
) -> Frame:
    message: dict[str, Any] = {"type": "gap", "reason": reason, "sentence": _GAP_SENTENCES[reason]}
    if id is not None:
        message["id"] = id
    if channel is not None:
        message |= {"channel": channel.name, "office": channel.office.entry.id}
    if skipped is not None:
        message["skipped"] = skipped
    if stations_lost:
        message["stations_lost"] = True
    # Without a cursor: whoever went on from here would never get the state that follows.
    return Frame("gap", orjson.dumps(message).decode(), channel=channel, gap=reason)


def _part_of(parts: dict[Channel, Touched], channel: Channel) -> Touched:
    part = parts.get(channel)
    if part is None:
        part = parts[channel] = Touched()
    return part


_GAP_SENTENCES: dict[GapReason, str] = {
    "cursor-too-old": "What changed since this cursor is not remembered any more; a snapshot follows.",
    "cursor-ahead": "This server has not reached the cursor; its newest state follows and may be older.",
    "slow-client": "The connection was read too slowly; the newest state of all that changed follows.",
    "results-gap": "A message of the roll-up was missing; the newest state follows.",
    "subtotals-gap": "A message of a counting worker was missing: areas below the shard level may have changed unseen.",
}
