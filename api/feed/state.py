"""The newest state of each office, kept from the messages of `results` and `subtotals`, and what of it changed since the last
flush of the hub.

Areas from the shard level up come from `results`; stations and areas below the shard level come from `subtotals`. Each of
these topics has its own chain of messages, in which a missing message is noticed (DESIGN 2).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from api.feed.held import HeldResults
from api.feed.recent import RecentStations, station_rows
from api.feed.touched import OF_OFFICE, WHOLE, Key, Mark, Row, Touched
from projections.area.progress import contest_summary
from projections.area.tally import STATIONS, Tally, TallyView, empty_tally, tally_length
from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.fold.chain import Applied, block_verdict, result_verdict
from projections.fold.parts import Parts
from runtime.logs import log_line
from schemas.codes import NOTHING_YET
from schemas.derived.blocks import WITHOUT_VOTES, BlockRange
from schemas.derived.bundles import blocks_in
from schemas.derived.results import Cut, Result, ResultRange, at_or_before, offsets_by_partition
from schemas.served.feed_cursors import Positions
from schemas.served.live import GapReason

logger = logging.getLogger("rekap.live")

PackedTally = str
"""A tally as JSON, as the read model stores it. A village has a tally of 750 numbers, most of them 0, in each of three
legislatures: as lists of numbers those of the 83,000 villages of a nation take 1.5 GB of memory, as text 400 MB."""

RESULTS, FRAMES = "results", "frames"
REASON_CHARACTERS_MAX = 500


class FeedState:
    def __init__(self, definition: Definition, subtotals_partitions: int) -> None:
        self.definition = definition
        self.offices = [OfficeState(entry, definition.partitions) for entry in definition.ballots.offices]
        self.positions = [0] * (1 + subtotals_partitions)
        """The next offset of each source: of `results`, then of each partition of `subtotals`."""
        self.floors = [0] * len(self.positions)
        """Offset, by source, from which on it is known what changed."""
        self.recent_stations = RecentStations(len(self.positions))
        self._parts: Parts[Result] = Parts()
        """Results of which some parts have not come yet."""
        self.has_news = False
        """Whether a message came since the last flush."""

    def begin(
        self,
        positions: Positions,
        tallies: Iterable[tuple[str, str, PackedTally]] = (),
        office_tallies: Iterable[tuple[str, str, PackedTally]] = (),
        cuts: Mapping[str, Cut] | None = None,
        block_watermarks: Mapping[tuple[str, int], int] | None = None,
        held: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
    ) -> None:
        """Set the offsets of the first messages to come, and the state before them: tallies by (contest, area) and by
        (office, area), `as_of` by office, `through` by (office, ledger partition), held results by office. Called once, before
        the first message."""
        definition = self.definition
        for contest_id, code, tally in tallies:
            contest = definition.ballots.contest(contest_id)
            self.offices[contest.office_number].areas[contest.number, definition.tree.number[code]] = tally
        for office, code, tally in office_tallies:
            self.offices[definition.ballots.office_number[office]].office_tallies[definition.tree.number[code]] = tally
        for office, cut in (cuts or {}).items():
            self.offices[definition.ballots.office_number[office]].cut = cut
        for (office, partition), through in (block_watermarks or {}).items():
            if office not in WITHOUT_VOTES:
                state = self.offices[definition.ballots.office_number[office]]
                state.through[partition] = through
                state.whole[partition] = True
        self.positions = [positions.results, *positions.subtotals]
        self.floors = list(self.positions)
        for each in self.offices:
            each.contest_rows = self._progress(each)
            each.held.begin((held or {}).get(each.entry.id, ()), self.positions)
        self.recent_stations.floors = list(self.positions)

    def remember(self, earlier: FeedState, sources: Collection[int]) -> None:
        """Take over what changed before `begin` from a state that began earlier, without numbers, and that has applied all
        messages of these sources up to the positions of this state. Called once or more, before the first message; each call
        replaces what the one before took over, because changes of the other sources are forgotten with it."""
        for office, known in zip(self.offices, earlier.offices, strict=True):
            office.remember(known, sources)
            if 0 in sources and known.cut != office.cut:
                # It has met no keyframe, or a gap since, so rows that `results` changed are not known.
                office.note(Mark(0, self.positions[0] - 1), (), everything=True, gap=None)
            office.touched = Touched()
        self.recent_stations = earlier.recent_stations
        for source, position in enumerate(self.positions):
            self.floors[source] = earlier.floors[source] if source in sources else position
            if source not in sources:
                self.recent_stations.floors[source] = position

    def held_stations(self) -> dict[str, int]:
        """Number of results that are held for review, by office. A station with held results in two contests counts twice."""
        return {
            office.entry.id: TallyView.of(orjson.loads(tally)).held[STATIONS]
            for office in self.offices
            if (tally := office.office_tallies.get(self.definition.tree.root)) is not None
        }

    def cuts(self) -> list[Cut]:
        """Two cuts for each office: of its areas from the shard level up, and of its stations and areas below."""
        return [cut for office in self.offices for cut in (office.cut, tuple(office.through))]

    def apply_result(self, offset: int, value: bytes) -> Applied:
        if offset < self.positions[0]:
            return Applied.SKIPPED
        range = ResultRange.from_bytes(value)
        self.positions[0] = offset + 1
        self.has_news = True
        office = self.offices[self.definition.ballots.office_number[range.office]]
        try:
            return self._apply_result(office, range, offset, value)
        except Exception as error:
            office.waits_for_keyframe = True
            office.stop(RESULTS, error, f"results at offset {offset}")
            return Applied.GAP

    def _apply_result(self, office: OfficeState, range: ResultRange, offset: int, value: bytes) -> Applied:
        """The whole message is read before the state is changed, so that a message with a mistake changes nothing."""
        if result_verdict(range.from_, range.as_of, office.cut) is Applied.SKIPPED:
            return Applied.SKIPPED
        parts = self._parts.add(range.office, range.part, Result.from_bytes(value), len(value))
        if parts is None:
            return Applied.PART
        result = Result.joined(parts)
        if result_verdict(result.from_, result.as_of, office.cut) is Applied.GAP:
            office.waits_for_keyframe = True
            return Applied.GAP
        areas, office_tallies = self._area_rows(result.areas), self._office_rows(office, result.offices)
        contest_rows = self._contest_rows(result.contests)
        touched = office.set_areas(areas)
        offices = office.set_office_tallies(office_tallies)
        contests = office.set_contest_rows(contest_rows)
        first = not office.has_published
        gap: GapReason | None = "results-gap" if office.waits_for_keyframe and not first else None
        office.waits_for_keyframe = False
        office.cut = result.as_of
        office.stopped.pop(RESULTS, None)
        self._parts.give_up(range.office, lambda other: at_or_before(other.as_of, result.as_of))
        # At the offset of the last part, so that a client whose cursor lies between the parts lacks the whole message.
        office.note(Mark(0, offset), [*touched, *offices, *contests], everything=first, gap=gap)
        return Applied.APPLIED

    def apply_block(self, source: int, offset: int, value: bytes) -> Applied:
        """Apply a message of partition `source` of the topic `subtotals`, with one block or several. Returns what was done with
        the last block."""
        source += 1
        if offset < self.positions[source]:
            return Applied.SKIPPED
        self.positions[source] = offset + 1
        self.has_news = True
        return [self._apply_one(source, offset, block) for block in blocks_in(value)][-1]

    def _apply_one(self, source: int, offset: int, value: bytes) -> Applied:
        range = BlockRange.from_bytes(value)
        if range.kind == "keyframe" or range.office in WITHOUT_VOTES:
            return Applied.SKIPPED
        office = self.offices[self.definition.ballots.office_number[range.office]]
        try:
            return self._apply_block(office, range, source, offset, value)
        except Exception as error:
            # The next block of this partition does not chain to the one before, so clients get a gap then.
            office.whole[range.partition] = False
            office.held.is_complete = False
            office.stop(f"partition {range.partition}", error, f"subtotals/{source - 1} at offset {offset}")
            return Applied.GAP

    def _apply_block(self, office: OfficeState, range: BlockRange, source: int, offset: int, value: bytes) -> Applied:
        partition, from_, through = range.partition, range.from_, range.through
        applied = office.through[partition]
        verdict = block_verdict(from_, through, applied)
        if verdict is Applied.SKIPPED:
            return verdict
        head_line, _, body = value.partition(b"\n")
        head = orjson.loads(head_line)
        shard_level = self.definition.tree.shard_level
        below = [
            row
            for row in head["areas"]
            if self.definition.tree.level[self.definition.tree.number[row[1]]] > shard_level
        ]
        rows = self._area_rows(below)
        stations = station_rows(body) if office.has_station_channels else []
        gap: GapReason | None = None
        becomes_whole = from_ == NOTHING_YET and not office.whole[partition]
        if verdict is Applied.GAP:
            office.whole[partition] = False
            office.held.is_complete = False
            if applied > NOTHING_YET:
                gap = "subtotals-gap"
        elif becomes_whole:
            office.whole[partition] = True
        office.through[partition] = through
        areas = office.set_areas(rows)
        mark = Mark(source, offset)
        self.recent_stations.add(mark, office.entry.number, body)
        # Once the partition is whole, its areas without a tally are known to have zeros.
        office.note(mark, areas, everything=becomes_whole, gap=gap)
        office.touched.held |= office.held.apply(mark, value, self._area_of)
        for key, row in stations:
            office.touched.stations.pop(key, None)
            office.touched.stations[key] = row
        return Applied.APPLIED if gap is None else Applied.GAP

    def pass_over(self, source: int, offset: int) -> None:
        """Skip a message that was set aside: of `results` (-1), or of a partition of `subtotals`."""
        self.positions[1 + source] = max(offset + 1, self.positions[1 + source])
        self.has_news = True

    def _area_of(self, station: str) -> str:
        """The code of a station's area."""
        stations = self.definition.stations
        return self.definition.tree.codes[stations.area[stations.number[station]]]

    def stopped(self) -> list[str]:
        """A sentence with the reason for each office that could not be kept up to date."""
        return [f"office {office.entry.id}: {reason}" for office in self.offices for reason in office.stopped.values()]

    # -- reading the rows of messages ------------------------------------------------------------------------------

    def _area_rows(self, rows: Iterable[tuple[str, str, Tally]]) -> list[tuple[Key, PackedTally]]:
        definition = self.definition
        read = []
        for contest_id, area, tally in rows:
            contest = definition.ballots.contest_number[contest_id]
            _check_length(tally, len(definition.ballots.contests[contest].choices))
            read.append(((contest, definition.tree.number[area]), packed(tally)))
        return read

    def _office_rows(self, office: OfficeState, rows: Iterable[tuple[str, Tally]]) -> list[tuple[int, PackedTally]]:
        read = []
        for area, tally in rows:
            _check_length(tally, len(office.entry.lines))
            read.append((self.definition.tree.number[area], packed(tally)))
        return read

    def _progress(self, office: OfficeState) -> dict[int, bytes]:
        """Progress of each contest as the roll-up publishes it. Once the office has published, a contest without a tally has
        zeros."""
        definition, rows = self.definition, {}
        for contest in (definition.ballots.contests[number] for number in office.entry.contests):
            tally = office.areas.get((contest.number, contest.root_area))
            if tally is not None or office.has_published:
                view = TallyView.of(empty_tally(len(contest.choices)) if tally is None else orjson.loads(tally))
                denominator = definition.electorates.denominators[contest.number, contest.root_area]
                rows[contest.number] = orjson.dumps(contest_summary(contest, view, denominator))
        return rows

    def _contest_rows(self, rows: Iterable[dict[str, object]]) -> list[tuple[int, bytes]]:
        return [(self.definition.ballots.contest_number[str(row["contest"])], orjson.dumps(row)) for row in rows]


def packed(tally: Tally) -> PackedTally:
    return orjson.dumps(tally).decode()


def _check_length(tally: Tally, choices: int) -> None:
    expected = tally_length(choices)
    assert len(tally) == expected, f"a tally has {len(tally)} numbers, not {expected}"


class OfficeState:
    """The newest state of one office."""

    def __init__(self, entry: OfficeEntry, partitions: int) -> None:
        self.entry = entry
        self.cut: Cut = (int(NOTHING_YET),) * partitions
        self.areas: dict[Key, PackedTally] = {}
        """Tallies: from the shard level up out of `results`, below out of `subtotals`."""
        self.office_tallies: dict[int, PackedTally] = {}
        """Tally of the office over its contests, by area."""
        self.contest_rows: dict[int, bytes] = {}
        """Progress of each whole contest as JSON."""
        self.waits_for_keyframe = False
        """Whether a message was missing, so that `results` of the office can be applied again only from a keyframe."""
        self.through: list[int] = [int(NOTHING_YET)] * partitions
        """The `through` of the last block that was applied, by ledger partition."""
        self.whole: list[bool] = [False] * partitions
        """Whether every block since the first has been applied, by ledger partition."""
        self.touched = Touched()
        """What changed since the last flush."""
        self.changed: dict[Key, Mark] = {}
        """Last message since the feed began that changed each row."""
        self._everything: dict[int, int] = {}
        """Offset of the last message after which a client needs a snapshot, by source."""
        self._gaps: dict[int, tuple[int, GapReason]] = {}
        """Offset of the last message before which others were missing, and the reason, by source."""
        self.held = HeldResults()
        self.has_station_channels = 0
        """How many channels show stations of the office. Without any, blocks are not searched for stations."""
        self.has_delta_channels = 0
        """How many channels of the office send deltas. Without any, no row is kept as it was."""
        self.stopped: dict[str, str] = {}
        """The reason, by what could not be applied. The last good state is kept. `results` are applied again from the next
        keyframe; areas below the shard level of a partition are complete again when the feed begins anew."""

    def stop(self, part: str, error: Exception, during: str) -> None:
        """Note that a part of the office cannot be kept up to date: `results`, frames, or a ledger partition."""
        if part in self.stopped:
            return  # logged before; the same error may come at every tick
        self.stopped[part] = f"{type(error).__name__}: {error} ({during})"[:REASON_CHARACTERS_MAX]
        logger.critical(log_line("office-stopped", office=self.entry.id, error=self.stopped[part]), exc_info=error)

    def set_areas(self, rows: Iterable[tuple[Key, PackedTally]]) -> list[Key]:
        """Set tallies. Returns the keys of those that changed."""
        touched = []
        for key, tally in rows:
            if (before := self.areas.get(key)) != tally:
                self._keep_before(key, before)
                self.areas[key] = tally
                touched.append(key)
        return touched

    def set_office_tallies(self, rows: Iterable[tuple[int, PackedTally]]) -> list[Key]:
        touched = []
        for area, tally in rows:
            if (before := self.office_tallies.get(area)) != tally:
                self._keep_before((OF_OFFICE, area), before)
                self.office_tallies[area] = tally
                touched.append((OF_OFFICE, area))
        return touched

    def set_contest_rows(self, rows: Iterable[tuple[int, bytes]]) -> list[Key]:
        touched = []
        for contest, rendered in rows:
            if (before := self.contest_rows.get(contest)) != rendered:
                self._keep_before((contest, WHOLE), before)
                self.contest_rows[contest] = rendered
                touched.append((contest, WHOLE))
        return touched

    def _keep_before(self, key: Key, row: Row | None) -> None:
        """Keep a row as it was at the last flush, which is known at its first change since."""
        if self.has_delta_channels and row is not None and key not in self.touched.keys:
            self.touched.before[key] = row

    def note(self, mark: Mark, keys: Iterable[Key], *, everything: bool, gap: GapReason | None) -> None:
        """Note what a message changed. `everything`: more than these rows; `gap`: messages before it were missing."""
        for key in keys:
            self.changed[key] = mark
            self.touched.keys.add(key)
        if everything:
            self._everything[mark.source] = mark.offset
            self.touched.everything = True
        if gap is not None:
            self._gaps[mark.source] = mark.offset, gap
            self.touched.gap = self.touched.gap or gap

    def remember(self, earlier: OfficeState, sources: Collection[int]) -> None:
        """Take over which messages of these sources changed what."""
        self.changed = {key: mark for key, mark in earlier.changed.items() if mark.source in sources}
        self._everything = {source: at for source, at in earlier._everything.items() if source in sources}
        self._gaps = {source: at for source, at in earlier._gaps.items() if source in sources}

    def is_everything_since(self, positions: Sequence[int]) -> bool:
        """Whether more changed at or after these offsets, by source, than the rows that `changed` names."""
        return any(offset >= positions[source] for source, offset in self._everything.items())

    def gap_since(self, positions: Sequence[int]) -> GapReason | None:
        return next((gap for source, (offset, gap) in self._gaps.items() if offset >= positions[source]), None)

    @property
    def has_published(self) -> bool:
        """Whether a result of the office has been applied. The roll-up publishes once all partitions have."""
        return self.cut[0] > NOTHING_YET

    def as_of(self) -> bytes:
        return orjson.dumps(offsets_by_partition(self.cut))

    def shard_as_of(self) -> bytes:
        return orjson.dumps(offsets_by_partition(self.through))
