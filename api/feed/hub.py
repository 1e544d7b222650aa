"""The live feed without a socket and without a clock: what is newest, who wants what of it, and what each still lacks.

In    messages of `results` and `subtotals` with their offsets (`apply_result`, `apply_block`); wishes of clients
Out   frames, ready to send: built once for each channel and flush, shared by all its subscribers

Areas from the shard level up come from `results`, those below and the stations from `subtotals`, each by its own chain
(DESIGN 2). What is applied becomes visible with the next `flush`, which the shell calls once a tick: a district that
changed forty times since then is told once. One event loop owns a hub; nothing here awaits.

Joining (`subscribe`) is one step in that loop, in this order:

    1. flush      what was applied is told to those who are there
    2. position   the cursor is read
    3. state      the snapshot, or what changed since the client's cursor, is built
    4. attach     the next flush is the first that reaches the client

so no change is missed and none is told twice. A client whose queue is full leaves the live set: its frames are dropped,
what they told is remembered as a set of areas, and when it reads again it gets a `gap` and the newest state of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from api.feed.recent import RECENT_BYTES_MAX, RECENT_MESSAGES_MAX
from api.feed.state import FeedState, OfficeState, touch
from api.feed.subscribers import Channel, Frame, Selection, Subscriber
from api.feed.touched import Key, StationKey, Touched
from projections.definition import Definition
from projections.published import published_office, published_tally
from projections.rollup import Applied
from projections.tally import Tally, empty_tally
from schemas.live import (
    CursorError,
    GapReason,
    OtherGenerationError,
    Positions,
    Subscribe,
    Unsubscribe,
    cursor_of,
    positions_of,
)
from schemas.results import Cut

SUBSCRIPTIONS_MAX = 50
SELECTION_AREAS_MAX = 20_000
"""Tallies in one channel. Indonesia's 7,277 districts pass; its 83,000 villages would be a frame of 60 MB."""
PARKED_HEARTBEATS_MAX = 1
"""Heartbeats that a subscription waits for this replica to reach its cursor."""


class _Parked(NamedTuple):
    """A subscription whose cursor this replica has not reached yet."""

    subscriber: Subscriber
    channel: Channel
    id: str | None
    positions: Positions
    heartbeats: int


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
        recent_messages_max: int = RECENT_MESSAGES_MAX,
        recent_bytes_max: int = RECENT_BYTES_MAX,
    ) -> None:
        self.definition = definition
        self._heartbeat_s = heartbeat_s
        self._generation = generation
        self.state = FeedState(
            definition, subtotals_partitions, recent_messages_max=recent_messages_max, recent_bytes_max=recent_bytes_max
        )
        self._channels: dict[Selection, Channel] = {}
        self._by_area: dict[Key, list[Channel]] = {}
        """(office, area) → channels that show the area, as their own or as a child."""
        self._by_level: dict[Key, list[Channel]] = {}
        self._subscribers: dict[Subscriber, None] = {}
        self._parked: list[_Parked] = []
        self._flushes = 0
        self._cursor = ""
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
        tallies: Iterable[tuple[str, str, Tally]] = (),
        office_tallies: Iterable[tuple[str, str, Tally]] = (),
        cuts: Mapping[str, Cut] | None = None,
        block_watermarks: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        """`FeedState.begin`."""
        self.state.begin(positions, tallies, office_tallies, cuts, block_watermarks)
        self._flushes += 1
        self._cursor = ""

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

    # -- frames out ------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell the subscribers what was applied since the last flush."""
        if not self.state.has_news:
            return
        self.state.has_news = False
        self._flushes += 1
        self._cursor = ""
        for office in self.state.offices:
            if office.touched:
                touched, office.touched = office.touched, Touched()
                for channel, part in self._parts(office, touched):
                    self._tell(channel, part)
        if self._parked:
            self._unpark()

    def _tell(self, channel: Channel, part: Touched) -> None:
        frames = self._news(channel, part)
        for subscriber in channel.members:
            for frame in frames:
                subscriber.push(frame)

    def _news(self, channel: Channel, part: Touched, id: str | None = None) -> list[Frame]:
        """What tells a channel this part: a gap marker where one is due, then a change or a whole snapshot."""
        frames = []
        if part.gap is not None:
            frames.append(self._gap(part.gap, channel, id=id, stations_lost=part.gap == "subtotals-gap"))
        frames.append(
            self._snapshot(channel, id, part.stations) if part.everything else self._change(channel, part, id)
        )
        return frames

    def _parts(self, office: OfficeState, touched: Touched) -> Iterator[tuple[Channel, Touched]]:
        """What of it each channel of the office shows."""
        number = office.entry.number
        if touched.everything or touched.gap is not None:
            for channel in self._channels.values():
                if channel.office is office:
                    part = self._part(channel, touched)
                    part.everything = touched.everything
                    part.gap = touched.gap
                    yield channel, part
            return
        parts: dict[Channel, Touched] = {}
        for key in touched.areas:
            for channel in self._channels_of(number, key[1]):
                _part_of(parts, channel).areas.add(key)
        for area in touched.offices:
            for channel in self._channels_of(number, area):
                _part_of(parts, channel).offices.add(area)
        if touched.contests:
            for channel in self._channels.values():
                if channel.office is office:
                    reached = {contest for contest in touched.contests if self._reaches(channel.selection, contest)}
                    if reached:
                        _part_of(parts, channel).contests = reached
        for station_key, row in touched.stations.items():
            for area in self._areas_of_station(station_key[0]):
                for channel in self._by_area.get((number, area), ()):
                    if channel.selection.stations and channel.selection.area == area:
                        _part_of(parts, channel).stations[station_key] = row
        yield from parts.items()

    def _part(self, channel: Channel, touched: Touched) -> Touched:
        selection = channel.selection
        part = Touched()
        part.areas = {key for key in touched.areas if self._shows(selection, key[1])}
        part.offices = {area for area in touched.offices if self._shows(selection, area)}
        part.contests = {contest for contest in touched.contests if self._reaches(selection, contest)}
        if selection.stations:
            part.stations = {
                key: row for key, row in touched.stations.items() if selection.area in self._areas_of_station(key[0])
            }
        return part

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

    def _shows(self, selection: Selection, area: int) -> bool:
        if selection.level is not None:
            return self.definition.area_level[area] == selection.level
        return area == selection.area or self.definition.area_parent[area] == selection.area

    def _reaches(self, selection: Selection, contest: int) -> bool:
        if selection.level is not None:
            return self.definition.contests[contest].office_number == selection.office
        return (contest, selection.area) in self.definition.denominators

    @property
    def cursor(self) -> str:
        if not self._cursor:
            self._cursor = cursor_of(self.positions, self.definition.hash, self._generation)
        return self._cursor

    def _change(self, channel: Channel, part: Touched, id: str | None) -> Frame:
        office = channel.office
        body = self._body(
            channel,
            b"change",
            id,
            (self._area(office, key) for key in sorted(part.areas)),
            (self._party(office, area) for area in sorted(part.offices)),
            (office.standings[contest] for contest in sorted(part.contests)),
            _stations(part.stations),
        )
        return Frame("change", body.decode(), self.cursor, channel, part)

    def _snapshot(self, channel: Channel, id: str | None, stations: Mapping[StationKey, bytes] | None = None) -> Frame:
        if channel.snapshot_of != self._flushes:
            keys, areas, contests = self._all(channel)
            office = channel.office
            below = b',"below_complete":%b' % (b"true" if self._below_complete(channel) else b"false")
            channel.snapshot = self._body(
                channel,
                b"snapshot",
                None,
                (self._area(office, key) for key in keys),
                (self._party(office, area) for area in areas),
                (office.standings[contest] for contest in contests),
                below,
            )
            channel.snapshot_of = self._flushes
        text = channel.snapshot
        if id is not None:
            text = b'{"id":%b,%b' % (orjson.dumps(id), text[1:])
        everything = Touched()
        everything.everything = True
        if stations:
            text = b"%b%b}" % (text[:-1], _stations(stations))
            everything.stations = dict(stations)
        return Frame("snapshot", text.decode(), self.cursor, channel, everything)

    def _body(
        self,
        channel: Channel,
        kind: bytes,
        id: str | None,
        areas: Iterable[bytes],
        offices: Iterable[bytes],
        contests: Iterable[bytes],
        more: bytes,
    ) -> bytes:
        office = channel.office
        return b'{%b"type":"%b","channel":%b,"office":%b,"as_of":%b,"shard_as_of":%b,"cursor":"%b",%b%b}' % (
            b"" if id is None else b'"id":%b,' % orjson.dumps(id),
            kind,
            orjson.dumps(channel.name),
            orjson.dumps(office.entry.id),
            office.as_of(),
            office.shard_as_of(),
            self.cursor.encode(),
            b'"areas":[%b],"offices":[%b],"contests":[%b]'
            % (b",".join(areas), b",".join(offices), b",".join(contests)),
            more,
        )

    def _area(self, office: OfficeState, key: Key) -> bytes:
        rendered = office.rendered.get(key)
        if rendered is None:
            contest = self.definition.contests[key[0]]
            tally = office.areas.get(key) or empty_tally(len(contest.choices))
            rendered = office.rendered[key] = orjson.dumps(published_tally(contest, key[1], tally, self.definition))
        return rendered

    def _party(self, office: OfficeState, area: int) -> bytes:
        rendered = office.rendered_parties.get(area)
        if rendered is None:
            tally = office.parties.get(area) or empty_tally(len(office.entry.lines))
            rendered = office.rendered_parties[area] = orjson.dumps(
                published_office(office.entry, area, tally, self.definition)
            )
        return rendered

    def _all(self, channel: Channel) -> tuple[list[Key], list[int], list[int]]:
        """All that a channel shows now. An area of which nothing has come is there with zeros, once its office has
        spoken (from the shard level up) or its partition has been followed from the start (below)."""
        office, selection = channel.office, channel.selection
        definition = self.definition
        keys: list[Key] = []
        areas: list[int] = []
        for area in self._selected_areas(selection):
            contests = self._contests_at.get((office.entry.number, area), [])
            above = definition.area_level[area] <= definition.shard_level
            if above:
                known = office.has_spoken
                if known and contests:
                    areas.append(area)
            else:
                known = office.whole[definition.shard_partition[definition.area_shard[area]]]
            keys += [(contest, area) for contest in contests if known or (contest, area) in office.areas]
        contests = [number for number in sorted(office.standings) if self._reaches(selection, number)]
        return keys, areas, contests

    def _selected_areas(self, selection: Selection) -> list[int]:
        if selection.level is not None:
            return self._areas_of_level.get(selection.level, [])
        assert selection.area is not None
        return [selection.area, *self.definition.children[selection.area]]

    def _below_complete(self, channel: Channel) -> bool:
        definition = self.definition
        below = [
            a for a in self._selected_areas(channel.selection) if definition.area_level[a] > definition.shard_level
        ]
        partitions = {definition.shard_partition[definition.area_shard[area]] for area in below}
        return all(channel.office.whole[partition] for partition in partitions)

    def _gap(
        self,
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
        touched = None
        if channel is not None:
            touched = Touched()
            touched.gap = reason
            touched.stations_lost = stations_lost
        # Without a cursor: whoever went on from here would never get the state that follows.
        return Frame("gap", orjson.dumps(message).decode(), None, channel, touched)

    def heartbeat(self) -> None:
        """Tell all who are in the live set that nothing is missing up to here. The shell calls it every few seconds."""
        self.flush()
        for place, parked in enumerate(self._parked):
            self._parked[place] = parked._replace(heartbeats=parked.heartbeats + 1)
        self._unpark()
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
            self.cursor,
        )
        # To one that waits for this replica to reach its cursor, this cursor would be a step back.
        waiting = {parked.subscriber for parked in self._parked}
        for subscriber in self._subscribers:
            if not subscriber.is_behind and subscriber not in waiting:
                subscriber.push(frame)

    # -- wishes of clients -----------------------------------------------------------------------------------------

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def join(self, ready: Callable[[], None]) -> Subscriber:
        """A new connection; `ready` is called whenever there is something to take."""
        subscriber = Subscriber(self, ready)
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
        for channel in list(subscriber.channels):
            self._detach(subscriber, channel)
        self._parked = [parked for parked in self._parked if parked.subscriber is not subscriber]
        self._subscribers.pop(subscriber, None)

    def refuse(self, subscriber: Subscriber, wrong: Wrong) -> None:
        message: dict[str, Any] = {"type": "error"}
        if wrong.id is not None:
            message["id"] = wrong.id
        message |= {"status": wrong.status, "field": wrong.field, "sentence": wrong.sentence}
        subscriber.answer(Frame("error", orjson.dumps(message).decode()))

    def subscribe(self, subscriber: Subscriber, wish: Subscribe) -> None:
        """Follow a wish, in the order the module's docstring gives. Raises Wrong."""
        selection = self.selection(wish)
        held = len(subscriber.channels) + sum(parked.subscriber is subscriber for parked in self._parked)
        if held >= SUBSCRIPTIONS_MAX and selection not in self._channels:
            raise Wrong(429, None, f"a connection has at most {SUBSCRIPTIONS_MAX} subscriptions; end one first")
        since: Positions | None = None
        is_too_old = False
        if wish.cursor is not None:
            try:
                since = positions_of(wish.cursor, self.definition.hash, self._generation)
            except OtherGenerationError:
                is_too_old = True
            except CursorError as error:
                raise Wrong(400, "cursor", f"{error}; subscribe without it to begin with a snapshot") from None
            if since is not None and len(since.subtotals) != len(self.state.positions) - 1:
                raise Wrong(400, "cursor", "a cursor of other topics; subscribe without it to begin with a snapshot")
        self.flush()  # 1
        channel = self._channel(selection)
        if channel in subscriber.channels:
            self._detach(subscriber, channel)
            channel = self._channel(selection)
        if is_too_old:
            self._attach(subscriber, channel, wish.id, self._begun_again(channel, wish.id))
        elif since is None:
            self._attach(subscriber, channel, wish.id, [self._snapshot(channel, wish.id)])
        elif not self._has_reached(since):
            self._parked.append(_Parked(subscriber, channel, wish.id, since, 0))
        else:
            self._resume(subscriber, channel, wish.id, since)

    def _has_reached(self, since: Positions) -> bool:
        return all(own >= theirs for own, theirs in zip(self.state.positions, (since[0], *since[1]), strict=True))

    def _resume(self, subscriber: Subscriber, channel: Channel, id: str | None, since: Positions) -> None:
        """Go on after a cursor: what changed since, or a gap and a snapshot where that is not remembered any more."""
        touched = self._since(channel, since)
        frames = self._begun_again(channel, id) if touched is None else self._news(channel, touched, id)
        self._attach(subscriber, channel, id, frames)

    def _begun_again(self, channel: Channel, id: str | None) -> list[Frame]:
        gap = self._gap("cursor-too-old", channel, id=id, stations_lost=channel.selection.stations)
        return [gap, self._snapshot(channel, id)]

    def _since(self, channel: Channel, since: Positions) -> Touched | None:
        """What of the channel changed at or after these offsets; None where that is not remembered."""
        touched = Touched()
        of_results = {0: since.results}
        of_subtotals = {1 + n: offset for n, offset in enumerate(since.subtotals)}
        for recent, wanted in ((self.state.recent_results, of_results), (self.state.recent_subtotals, of_subtotals)):
            if any(offset < recent.floors.get(source, 0) for source, offset in wanted.items()):
                return None
            for message in recent.since(wanted):
                if message.office == channel.selection.office:
                    touch(touched, message, with_stations=channel.selection.stations)
        part = self._part(channel, touched)
        part.everything, part.gap = touched.everything, touched.gap
        return part

    def _unpark(self) -> None:
        parked, self._parked = self._parked, []
        for each in parked:
            if each.subscriber not in self._subscribers:
                continue
            channel = self._channel(each.channel.selection)
            if self._has_reached(each.positions):
                self._resume(each.subscriber, channel, each.id, each.positions)
            elif each.heartbeats > PARKED_HEARTBEATS_MAX:
                gap = self._gap("cursor-ahead", channel, id=each.id, stations_lost=channel.selection.stations)
                self._attach(each.subscriber, channel, each.id, [gap, self._snapshot(channel, each.id)])
            else:
                self._parked.append(each)

    def catch_up(self, subscriber: Subscriber, missed: dict[Channel, Touched], skipped: int) -> list[Frame]:
        """What a client that was too slow gets: a marker, then the newest state of what it missed in each channel."""
        lost = any(touched.stations_lost for touched in missed.values())
        frames = [self._gap("slow-client", None, skipped=skipped, stations_lost=lost)]
        for channel, touched in missed.items():
            frames += self._news(channel, touched, subscriber.channels[channel])
        return frames

    def unsubscribe(self, subscriber: Subscriber, wish: Unsubscribe) -> None:
        """Raises Wrong."""
        if wish.id is None and wish.channel is None:
            raise Wrong(400, "id", "is missing: say the id of the subscription, or its channel")
        for channel, id in list(subscriber.channels.items()):
            if (wish.id is not None and id == wish.id) or channel.name == wish.channel:
                self._detach(subscriber, channel)
                self._ended(subscriber, id, channel)
                return
        for parked in self._parked:
            if parked.subscriber is subscriber and (
                (wish.id is not None and parked.id == wish.id) or parked.channel.name == wish.channel
            ):
                self._parked.remove(parked)
                self._ended(subscriber, parked.id, parked.channel)
                return
        field, name = ("id", wish.id) if wish.id is not None else ("channel", wish.channel)
        raise Wrong(404, field, f"there is no subscription {name!r} on this connection")

    def _ended(self, subscriber: Subscriber, id: str | None, channel: Channel) -> None:
        message = {"type": "unsubscribed", "id": id, "channel": channel.name}
        subscriber.answer(Frame("unsubscribed", orjson.dumps(message).decode()))

    def selection(self, wish: Subscribe) -> Selection:
        """What a wish asks to see. Raises Wrong where there is no such office, area or level, or too much of it."""
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
            selection = Selection(office, None, definition.level_ids.index(wish.level), False)
            size = sum(len(self._contests_at.get((office, a), ())) for a in self._selected_areas(selection))
            if size > SELECTION_AREAS_MAX:
                raise Wrong(
                    413,
                    "level",
                    f"the level {wish.level!r} has {size:,} tallies, a subscription at most {SELECTION_AREAS_MAX:,}; "
                    "subscribe to areas, or take the export",
                )
            return selection
        area = definition.root if wish.area is None else definition.area_number.get(wish.area)
        if area is None:
            raise Wrong(404, "area", f"there is no area {wish.area!r} in this election")
        return Selection(office, area, None, wish.stations)

    def _channel(self, selection: Selection) -> Channel:
        channel = self._channels.get(selection)
        return channel or Channel(self._name(selection), selection, self.state.offices[selection.office])

    def _name(self, selection: Selection) -> str:
        office = self.definition.offices[selection.office].id
        if selection.level is not None:
            return f"{office}/level/{self.definition.level_ids[selection.level]}"
        assert selection.area is not None
        name = f"{office}/area/{self.definition.area_codes[selection.area]}"
        return f"{name}/stations" if selection.stations else name

    def _attach(self, subscriber: Subscriber, channel: Channel, id: str | None, frames: list[Frame]) -> None:
        channel = self._channels.setdefault(channel.selection, channel)
        if not channel.members:
            self._index(channel)
        channel.members[subscriber] = None
        subscriber.channels[channel] = id
        for frame in frames:
            subscriber.push(frame if frame.channel is None else frame._replace(channel=channel))

    def _detach(self, subscriber: Subscriber, channel: Channel) -> None:
        subscriber.forget(channel)
        channel.members.pop(subscriber, None)
        if not channel.members:
            selection = channel.selection
            del self._channels[selection]
            index, key = self._place(selection)
            index[key].remove(channel)
            if not index[key]:
                del index[key]
            channel.office.has_station_channels -= selection.stations

    def _index(self, channel: Channel) -> None:
        index, key = self._place(channel.selection)
        index.setdefault(key, []).append(channel)
        channel.office.has_station_channels += channel.selection.stations

    def _place(self, selection: Selection) -> tuple[dict[Key, list[Channel]], Key]:
        if selection.level is not None:
            return self._by_level, (selection.office, selection.level)
        assert selection.area is not None
        return self._by_area, (selection.office, selection.area)


def _stations(rows: Mapping[StationKey, bytes]) -> bytes:
    return b',"stations":[%b]' % b",".join(rows.values()) if rows else b""


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
