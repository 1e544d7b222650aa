"""The newest state of each office, kept from the messages of `results` and `subtotals`, and which of it changed since the
hub last sent it.

Areas from the shard level up come from `results`, those below and the stations from `subtotals`, each by its own chain
(DESIGN 2).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import orjson

from api.feed.recent import RecentStations, station_rows
from api.feed.touched import OF_OFFICE, WHOLE, Key, Mark, Touched
from projections.area.progress import standing
from projections.area.tally import STATIONS, Tally, TallyView, tally_length
from projections.definition.compiled import Definition, OfficeEntry
from projections.fold.chain import Applied, block_verdict, result_verdict
from projections.fold.parts import Parts
from runtime.logs import log_line
from schemas.codes import NOTHING_YET
from schemas.derived.blocks import UNATTRIBUTED, BlockRange
from schemas.derived.results import Cut, Result, ResultRange, at_or_before
from schemas.served.live import GapReason, Positions

logger = logging.getLogger("rekap.live")

PackedTally = str
"""A tally as JSON, as the read model has it. A village has one of 750 numbers in each of three legislatures, most of them 0: as
lists of numbers the 83,000 of a nation are 1.5 GB of memory, as text 400 MB."""

RESULTS, FRAMES = "results", "frames"
REASON_CHARACTERS_MAX = 500


class FeedState:
    def __init__(self, definition: Definition, subtotals_partitions: int) -> None:
        self.definition = definition
        self.offices = [OfficeState(entry, definition.partitions) for entry in definition.offices]
        self.positions = [0] * (1 + subtotals_partitions)
        """The next offset of `results`, and of each partition of `subtotals`."""
        self.floors = [0] * len(self.positions)
        """From which offset of each source on it is known what changed."""
        self.recent_stations = RecentStations(len(self.positions))
        self._parts: Parts[Result] = Parts()
        """Results of which not all parts have come."""
        self.has_news = False
        """Whether anything was applied since the hub last sent."""

    def begin(
        self,
        positions: Positions,
        tallies: Iterable[tuple[str, str, PackedTally]] = (),
        office_tallies: Iterable[tuple[str, str, PackedTally]] = (),
        cuts: Mapping[str, Cut] | None = None,
        block_watermarks: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        """The offsets from which on messages will come, and the state they go on from: tallies by (contest, area) and by
        (office, area), `as_of` by office, `through` by (office, ledger partition). Called once, before the first message.
        """
        definition = self.definition
        for contest_id, code, tally in tallies:
            contest = definition.contests[definition.contest_number[contest_id]]
            area = definition.area_number[code]
            state = self.offices[contest.office_number]
            state.areas[contest.number, area] = tally
            if area == contest.root_area:
                told = standing(
                    contest, TallyView.of(orjson.loads(tally)), definition.denominators[contest.number, area]
                )
                state.standings[contest.number] = orjson.dumps(told)
        for office, code, tally in office_tallies:
            self.offices[definition.office_number[office]].parties[definition.area_number[code]] = tally
        for office, cut in (cuts or {}).items():
            self.offices[definition.office_number[office]].cut = cut
        for (office, partition), through in (block_watermarks or {}).items():
            if office != UNATTRIBUTED:
                state = self.offices[definition.office_number[office]]
                state.through[partition] = through
                state.whole[partition] = True
        self.positions = [positions.results, *positions.subtotals]
        self.floors = list(self.positions)
        self.recent_stations.floors = list(self.positions)

    def held_stations(self) -> dict[str, int]:
        """By office how many results wait for review, each contest of a station for itself."""
        return {
            office.entry.id: TallyView.of(orjson.loads(tally)).held[STATIONS]
            for office in self.offices
            if (tally := office.parties.get(self.definition.root)) is not None
        }

    def cuts(self) -> list[Cut]:
        """How far each office is, the areas from the shard level up and then those below."""
        return [cut for office in self.offices for cut in (office.cut, tuple(office.through))]

    def apply_result(self, offset: int, value: bytes) -> Applied:
        if offset < self.positions[0]:
            return Applied.SKIPPED
        said = ResultRange.from_bytes(value)
        self.positions[0] = offset + 1
        self.has_news = True
        office = self.offices[self.definition.office_number[said.office]]
        try:
            return self._apply_result(office, said, offset, value)
        except Exception as error:
            office.waits_for_keyframe = True
            office.stop(RESULTS, error, f"results at offset {offset}")
            return Applied.GAP

    def _apply_result(self, office: OfficeState, said: ResultRange, offset: int, value: bytes) -> Applied:
        """All is read before anything is changed, so that what fails changes nothing."""
        if result_verdict(said.from_, said.as_of, office.cut) is Applied.SKIPPED:
            return Applied.SKIPPED
        parts = self._parts.add(said.office, said.part, Result.from_bytes(value), len(value))
        if parts is None:
            return Applied.PART
        result = Result.joined(parts)
        if result_verdict(result.from_, result.as_of, office.cut) is Applied.GAP:
            office.waits_for_keyframe = True
            return Applied.GAP
        areas, parties = self._area_rows(result.areas), self._party_rows(office, result.offices)
        standings = self._standing_rows(result.contests)
        touched = office.set_areas(areas)
        offices = office.set_parties(parties)
        contests = office.set_standings(standings)
        first = not office.has_spoken
        gap: GapReason | None = "results-gap" if office.waits_for_keyframe and not first else None
        office.waits_for_keyframe = False
        office.cut = result.as_of
        office.stopped.pop(RESULTS, None)
        self._parts.give_up(said.office, lambda other: at_or_before(other.as_of, result.as_of))
        # At the offset of its last part: a client whose cursor lies between its parts lacks all of it.
        office.note(Mark(0, offset), [*touched, *offices, *contests], everything=first, gap=gap)
        return Applied.APPLIED

    def apply_block(self, source: int, offset: int, value: bytes) -> Applied:
        """A message of partition `source` of the topic `subtotals`."""
        source += 1
        if offset < self.positions[source]:
            return Applied.SKIPPED
        self.positions[source] = offset + 1
        self.has_news = True
        said = BlockRange.from_bytes(value)
        if said.kind == "keyframe" or said.office == UNATTRIBUTED:
            return Applied.SKIPPED
        office = self.offices[self.definition.office_number[said.office]]
        try:
            return self._apply_block(office, said, source, offset, value)
        except Exception as error:
            # The next block of this partition does not chain: its gap is told then.
            office.whole[said.partition] = False
            office.stop(f"partition {said.partition}", error, f"subtotals/{source - 1} at offset {offset}")
            return Applied.GAP

    def _apply_block(self, office: OfficeState, said: BlockRange, source: int, offset: int, value: bytes) -> Applied:
        partition, from_, through = said.partition, said.from_, said.through
        applied = office.through[partition]
        verdict = block_verdict(from_, through, applied)
        if verdict is Applied.SKIPPED:
            return verdict
        head_line, _, body = value.partition(b"\n")
        head = orjson.loads(head_line)
        shard_level = self.definition.shard_level
        below = [
            row
            for row in head["areas"]
            if self.definition.area_level[self.definition.area_number[row[1]]] > shard_level
        ]
        rows = self._area_rows(below)
        stations = station_rows(body) if office.has_station_channels else []
        gap: GapReason | None = None
        becomes_whole = from_ == NOTHING_YET
        if verdict is Applied.GAP:
            office.whole[partition] = False
            if applied > NOTHING_YET:
                gap = "subtotals-gap"
        elif becomes_whole:
            office.whole[partition] = True
        office.through[partition] = through
        areas = office.set_areas(rows)
        mark = Mark(source, offset)
        self.recent_stations.add(mark, office.entry.number, body)
        office.note(mark, areas, everything=becomes_whole and not areas, gap=gap)
        for key, row in stations:
            office.touched.stations.pop(key, None)
            office.touched.stations[key] = row
        return Applied.APPLIED if gap is None else Applied.GAP

    def pass_over(self, source: int, offset: int) -> None:
        self.positions[1 + source] = max(offset + 1, self.positions[1 + source])
        self.has_news = True

    def stopped(self) -> list[str]:
        """For each office that something could not be applied of: what, and why."""
        return [f"office {office.entry.id}: {reason}" for office in self.offices for reason in office.stopped.values()]

    # -- rows of messages, read ------------------------------------------------------------------------------------

    def _area_rows(self, rows: Iterable[tuple[str, str, Tally]]) -> list[tuple[Key, PackedTally]]:
        definition = self.definition
        read = []
        for contest_id, area, tally in rows:
            contest = definition.contest_number[contest_id]
            _check_length(tally, len(definition.contests[contest].choices))
            read.append(((contest, definition.area_number[area]), packed(tally)))
        return read

    def _party_rows(self, office: OfficeState, rows: Iterable[tuple[str, Tally]]) -> list[tuple[int, PackedTally]]:
        read = []
        for area, tally in rows:
            _check_length(tally, len(office.entry.lines))
            read.append((self.definition.area_number[area], packed(tally)))
        return read

    def _standing_rows(self, rows: Iterable[dict[str, object]]) -> list[tuple[int, bytes]]:
        return [(self.definition.contest_number[str(row["contest"])], orjson.dumps(row)) for row in rows]


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
        """From the shard level up, of `results`; below, of `subtotals`."""
        self.parties: dict[int, PackedTally] = {}
        self.standings: dict[int, bytes] = {}
        self.waits_for_keyframe = False
        self.through: list[int] = [int(NOTHING_YET)] * partitions
        self.whole: list[bool] = [False] * partitions
        """For each ledger partition, whether every block since the first has been applied."""
        self.touched = Touched()
        """Since the last flush."""
        self.changed: dict[Key, Mark] = {}
        """The message that changed a row last, where one did since the feed began."""
        self._everything: dict[int, int] = {}
        """Source → offset of the last message after which a snapshot is needed."""
        self._gaps: dict[int, tuple[int, GapReason]] = {}
        """Source → the last message before which others were missing."""
        self.has_station_channels = 0
        self.stopped: dict[str, str] = {}
        """By what could not be applied, why. The last good state is kept; `results` are right again with the next keyframe,
        the areas below the shard level of a partition when the feed begins anew."""

    def stop(self, what: str, error: Exception, place: str) -> None:
        if what in self.stopped:
            return  # said before: it may be met at every tick
        self.stopped[what] = f"{type(error).__name__}: {error} ({place})"[:REASON_CHARACTERS_MAX]
        logger.critical(log_line("office-stopped", office=self.entry.id, error=self.stopped[what]), exc_info=error)

    def set_areas(self, rows: Iterable[tuple[Key, PackedTally]]) -> list[Key]:
        """Those that are other than before."""
        touched = []
        for key, tally in rows:
            if self.areas.get(key) != tally:
                self.areas[key] = tally
                touched.append(key)
        return touched

    def set_parties(self, rows: Iterable[tuple[int, PackedTally]]) -> list[Key]:
        touched = []
        for area, tally in rows:
            if self.parties.get(area) != tally:
                self.parties[area] = tally
                touched.append((OF_OFFICE, area))
        return touched

    def set_standings(self, rows: Iterable[tuple[int, bytes]]) -> list[Key]:
        touched = []
        for contest, rendered in rows:
            if self.standings.get(contest) != rendered:
                self.standings[contest] = rendered
                touched.append((contest, WHOLE))
        return touched

    def note(self, mark: Mark, keys: Iterable[Key], *, everything: bool, gap: GapReason | None) -> None:
        """What a message changed."""
        for key in keys:
            self.changed[key] = mark
            self.touched.keys.add(key)
        if everything:
            self._everything[mark.source] = mark.offset
            self.touched.everything = True
        if gap is not None:
            self._gaps[mark.source] = mark.offset, gap
            self.touched.gap = self.touched.gap or gap

    def is_everything_since(self, positions: Sequence[int]) -> bool:
        """Whether what changed at or after these offsets, by source, is more than the rows that did."""
        return any(offset >= positions[source] for source, offset in self._everything.items())

    def gap_since(self, positions: Sequence[int]) -> GapReason | None:
        return next((gap for source, (offset, gap) in self._gaps.items() if offset >= positions[source]), None)

    @property
    def has_spoken(self) -> bool:
        return self.cut[0] > NOTHING_YET

    def as_of(self) -> bytes:
        return _offsets(self.cut)

    def shard_as_of(self) -> bytes:
        return _offsets(self.through)


def _offsets(cut: Iterable[int]) -> bytes:
    return orjson.dumps({str(partition): offset for partition, offset in enumerate(cut) if offset > NOTHING_YET})
