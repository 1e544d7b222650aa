"""The channels that clients have subscribed to, and which of them show an area, a contest or a station."""

from __future__ import annotations

from collections.abc import Iterator

from api.feed.hub.commands import CommandError, channel_name
from api.feed.hub.rows import Rows
from api.feed.state import FeedState, OfficeState
from api.feed.subscribers import Channel, Selection
from api.feed.touched import OF_OFFICE, WHOLE, Key, Touched
from projections.definition.compiled import Definition

CHANNEL_ROWS_MAX = 40_000
"""Tallies in one channel: Indonesia's 7,277 districts pass, in each of their contests and their office. For a client that
is due, the rows of its channel are looked through, 0.1 µs each."""
CHANNEL_BYTES_MAX = 128 * 1024 * 1024
"""Limit for a whole channel. The 7,277 districts with 234 rows each are 87 MB; at half they would be refused, at double
a snapshot takes minutes to read and its first rows are minutes old by then."""


class Channels:
    def __init__(self, definition: Definition, state: FeedState, rows: Rows) -> None:
        self._definition = definition
        self._state = state
        self._rows = rows
        self._subscribed: dict[Selection, Channel] = {}
        self._by_area: dict[Key, list[Channel]] = {}
        """(office, area) → channels of the area, which show the area and its children."""
        self._by_level: dict[Key, list[Channel]] = {}
        """(office, level) → channels of the level."""
        self._by_office: dict[int, dict[Channel, None]] = {}
        self._of_level: dict[Selection, Channel] = {}
        """Channels of whole levels, kept for later subscribers because finding their keys takes 10 ms."""
        self._areas_of_level: dict[int, list[int]] = {}
        for area, level in enumerate(definition.tree.level):
            self._areas_of_level.setdefault(level, []).append(area)
        self._contests_at: dict[Key, list[int]] = {}
        """(office, area) → contests whose electorate has stations there."""
        for contest, area in sorted(definition.electorates.denominators):
            office = definition.ballots.contests[contest].office_number
            self._contests_at.setdefault((office, area), []).append(contest)

    # -- one channel -----------------------------------------------------------------------------------------------

    def channel(self, selection: Selection) -> Channel:
        """The channel of a selection, made where nobody has subscribed to it. Raises CommandError where it is too large."""
        if (channel := self._subscribed.get(selection)) is not None:
            return channel
        if (channel := self._of_level.get(selection)) is not None:
            return channel
        channel = self._make(selection)
        if selection.level is not None:
            self._of_level[selection] = channel
        return channel

    def _make(self, selection: Selection) -> Channel:
        definition = self._definition
        number, office = selection.office, self._state.offices[selection.office]
        areas = self._areas(selection)
        tallies = sum(len(self._contests_at.get((number, area), ())) for area in areas)
        field = "area" if selection.level is None else "level"
        instead = "subscribe to areas below it, each with its children, or download the bulk files"
        if tallies > CHANNEL_ROWS_MAX:
            raise CommandError(
                413, field, f"this {field} has {tallies:,} tallies, a channel at most {CHANNEL_ROWS_MAX:,}; {instead}"
            )
        keys = [(contest, area) for area in areas for contest in self._contests_at.get((number, area), ())]
        keys += [
            (OF_OFFICE, area)
            for area in areas
            if definition.tree.level[area] <= definition.tree.shard_level and (number, area) in self._contests_at
        ]
        keys += [(contest, WHOLE) for contest in office.entry.contests if self._has_stations_of(selection, contest)]
        channel = Channel(channel_name(selection, definition), selection, office)
        keys = [key for key in keys if channel.shows(key)]
        size = sum(self._rows.size(office, key, selection.fields) for key in keys)
        if size > CHANNEL_BYTES_MAX:
            raise CommandError(
                413,
                field,
                f"this {field} has about {size >> 20:,} MiB, a channel at most {CHANNEL_BYTES_MAX >> 20:,}; {instead}",
            )
        channel.keys, channel.size = keys, size
        return channel

    def _areas(self, selection: Selection) -> list[int]:
        if selection.level is not None:
            return self._areas_of_level.get(selection.level, [])
        assert selection.area is not None
        if not selection.children:
            return [selection.area]
        return [selection.area, *self._definition.tree.children[selection.area]]

    def _has_stations_of(self, selection: Selection, contest: int) -> bool:
        """Whether the channel of a selection shows how a whole contest progresses."""
        if selection.level is not None:
            return self._definition.ballots.contests[contest].office_number == selection.office
        return (contest, selection.area) in self._definition.electorates.denominators

    def is_complete_below(self, channel: Channel) -> bool:
        """Whether each block has been applied that counts into the areas of the channel below the shard level."""
        definition = self._definition
        below = [
            area for area in self._areas(channel.selection) if definition.tree.level[area] > definition.tree.shard_level
        ]
        partitions = {definition.tree.partition_of_shard[definition.tree.shard[area]] for area in below}
        return all(channel.office.whole[partition] for partition in partitions)

    # -- the index -------------------------------------------------------------------------------------------------

    def add_subscription(self, channel: Channel) -> Channel:
        """Count one more subscription to a channel. Returns the channel that the index has for the same selection."""
        channel = self._subscribed.setdefault(channel.selection, channel)
        if not channel.subscriptions:
            index, key = self._index_of(channel.selection)
            index.setdefault(key, []).append(channel)
            self._by_office.setdefault(channel.selection.office, {})[channel] = None
            channel.office.has_station_channels += channel.selection.stations
            channel.office.has_delta_channels += channel.selection.deltas
            channel.last_cuts = channel.office.as_of(), channel.office.shard_as_of()
        channel.subscriptions += 1
        return channel

    def remove_subscription(self, channel: Channel) -> None:
        channel.subscriptions -= 1
        if not channel.subscriptions:
            del self._subscribed[channel.selection]
            del self._by_office[channel.selection.office][channel]
            index, key = self._index_of(channel.selection)
            index[key].remove(channel)
            if not index[key]:
                del index[key]
            channel.office.has_station_channels -= channel.selection.stations
            channel.office.has_delta_channels -= channel.selection.deltas

    def _index_of(self, selection: Selection) -> tuple[dict[Key, list[Channel]], Key]:
        if selection.level is not None:
            return self._by_level, (selection.office, selection.level)
        assert selection.area is not None
        return self._by_area, (selection.office, selection.area)

    # -- what channels show of a change ----------------------------------------------------------------------------

    def of_office(self, office: int) -> list[Channel]:
        return list(self._by_office.get(office, {}))

    def split(self, office: OfficeState, touched: Touched) -> Iterator[tuple[Channel, Touched]]:
        """The channels of an office that show some of a change, each with the part that it shows."""
        number = office.entry.number
        channels = self._by_office.get(number, {})
        if touched.everything or touched.gap is not None:
            for channel in channels:
                yield channel, touched
            return
        parts: dict[Channel, Touched] = {}
        whole_contests = []
        for key in touched.keys:
            if key[1] == WHOLE:
                whole_contests.append(key)
                continue
            for channel in self._that_show(number, key[1]):
                if channel.shows(key):
                    _part_of(parts, channel, touched).keys.add(key)
        for channel in channels if whole_contests else ():
            shown = [
                key for key in whole_contests if channel.shows(key) and self._has_stations_of(channel.selection, key[0])
            ]
            if shown:
                _part_of(parts, channel, touched).keys.update(shown)
        for station_key, row in touched.stations.items():
            for area in self.areas_of_station(station_key[0]):
                for channel in self._by_area.get((number, area), ()):
                    if channel.selection.stations and channel.selection.area == area:
                        _part_of(parts, channel, touched).stations[station_key] = row
        for station_key, row in touched.held.items():
            for area in self.areas_of_station(station_key[0]):
                for channel in self._by_area.get((number, area), ()):
                    if channel.selection.held:
                        _part_of(parts, channel, touched).held[station_key] = row
        yield from parts.items()

    def areas_of_station(self, code: str) -> tuple[int, ...]:
        """All areas that the station lies in."""
        return self._definition.tree.lineage[self._definition.stations.area[self._definition.stations.number[code]]]

    def _that_show(self, office: int, area: int) -> list[Channel]:
        found = self._by_area.get((office, area), [])
        of_level = self._by_level.get((office, self._definition.tree.level[area]))
        if of_level:
            found = found + of_level
        parent = self._definition.tree.parent[area]
        above = self._by_area.get((office, parent)) if parent >= 0 else None
        return found + [channel for channel in above if channel.selection.children] if above else found


def _part_of(parts: dict[Channel, Touched], channel: Channel, whole: Touched) -> Touched:
    part = parts.get(channel)
    if part is None:
        part = parts[channel] = Touched(whole.before)
    return part
