"""Parts for subscriptions that are due: the newest numbers of what each still lacks."""

from __future__ import annotations

from collections.abc import Sequence

from api.feed.frames import Frame
from api.feed.hub.channels import Channels
from api.feed.hub.messages import MessageRows, gap_frame, held_members
from api.feed.hub.moment import Moment
from api.feed.hub.rows import Rows
from api.feed.state import FeedState
from api.feed.subscribers import Channel, Round, Subscription
from api.feed.touched import Key, StationKey


class PartMaker:
    def __init__(self, state: FeedState, channels: Channels, rows: Rows, moment: Moment, part_bytes: int) -> None:
        self._state = state
        self._channels = channels
        self._rows = rows
        self._moment = moment
        self._part_bytes = part_bytes

    def next_part(self, subscription: Subscription, channel: Channel) -> list[Frame]:
        """The next frames for a due subscription: markers of gaps, and one frame with the newest of what it lacks; no frames
        where it lacks nothing. After the last part it is live. The hub has flushed just before."""
        subscriber = subscription.subscriber
        office = channel.office
        frames: list[Frame] = []
        message = MessageRows()
        seen: set[Key] = set()
        is_complete = is_held_whole = False
        while message.size < self._part_bytes:
            if (round := subscription.round) is None:
                round = subscription.round = self._round(subscription, channel, frames)
            is_held_whole = is_held_whole or round.is_held_whole
            round.is_held_whole = False
            self._fill(channel, round, message, seen)
            if not round.is_over:
                break
            subscription.since, subscription.round = round.since, None
            if round.since == self._moment.now:
                is_complete = True
                break
        kind = subscription.kind
        is_awaited = subscription.is_new and not subscription.is_quiet
        lacks_nothing = message.is_empty and not is_held_whole and kind == "change" and is_complete
        if lacks_nothing and not (is_awaited or subscription.has_begun or frames):
            self._become_live(subscription)
            return []
        more = held_members(channel, is_whole=is_held_whole)
        if kind == "snapshot":
            more.append(b'"below_complete":%b' % (b"true" if self._channels.is_complete_below(channel) else b"false"))
        if not is_complete:
            more.append(b'"more":true')
        cursor = self._moment.cursor if is_complete else None
        id = subscription.id if subscription.is_new else None
        text = message.message(kind, channel, self._moment.head(office), cursor=cursor, id=id, more=more)
        frames.append(Frame(kind, text, cursor=cursor, channel=channel))
        if is_complete:
            self._become_live(subscription)
        else:
            subscription.has_begun = True
            subscriber.put_off(subscription)
        return frames

    def _round(self, subscription: Subscription, channel: Channel, frames: list[Frame]) -> Round:
        """All that a subscription lacks now. A gap that its client must know about is added to the frames."""
        gap, subscription.gap = subscription.gap, None
        stations_lost = False
        keys: Sequence[Key] = channel.keys
        station_rows: Sequence[bytes] = ()
        is_whole = subscription.since is None
        if subscription.since is not None:
            since = [subscription.since.results, *subscription.since.subtotals]
            if any(offset < floor for offset, floor in zip(since, self._state.floors, strict=True)):
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
                    found = self._state.recent_stations.since(since, channel.selection.office)
                    if found is None:
                        stations_lost = True
                        gap = gap or ("cursor-too-old" if subscription.is_new else "slow-client")
                    else:
                        station_rows = self._rows_in_channel(channel, found)
        elif gap is not None:
            stations_lost = channel.selection.stations
        if not subscription.kind:
            subscription.kind = "snapshot" if is_whole else "change"
        if gap is not None:
            id = subscription.id if subscription.is_new else None
            frames.append(gap_frame(gap, channel, id=id, stations_lost=stations_lost or gap == "subtotals-gap"))
        if not channel.selection.held:
            return Round(keys, station_rows, self._moment.now)
        changed = None
        if subscription.since is not None and not is_whole:
            changed = channel.office.held.since([subscription.since.results, *subscription.since.subtotals])
        held = channel.office.held.all() if changed is None else changed
        held_rows = self._rows_in_channel(channel, dict(held))
        return Round(keys, station_rows, self._moment.now, held_rows, is_held_whole=changed is None)

    def _rows_in_channel(self, channel: Channel, stations: dict[StationKey, bytes]) -> list[bytes]:
        area = channel.selection.area
        return [row for key, row in stations.items() if area in self._channels.areas_of_station(key[0])]

    def _fill(self, channel: Channel, round: Round, message: MessageRows, seen: set[Key]) -> None:
        """Add the next rows of the round to a part until the part is full. A row that the part has already is the newest,
        because a part is made within one flush."""
        office, fields = channel.office, channel.selection.fields
        while round.next_key < len(round.keys) and message.size < self._part_bytes:
            key = round.keys[round.next_key]
            round.next_key += 1
            if key not in seen and self._rows.is_known(office, key):
                seen.add(key)
                message.add(key, self._rows.render(office, key, self._rows.newest(office, key), fields))
        while round.next_station_row < len(round.station_rows) and message.size < self._part_bytes:
            message.add_station(round.station_rows[round.next_station_row])
            round.next_station_row += 1
        while round.next_held_row < len(round.held_rows) and message.size < self._part_bytes:
            message.add_held(round.held_rows[round.next_held_row])
            round.next_held_row += 1

    def _become_live(self, subscription: Subscription) -> None:
        subscription.is_new = subscription.has_begun = False
        subscription.kind = ""
        subscription.subscriber.settle(subscription, self._moment.number)
