"""Blocks and keyframes out: where each office's next block begins and ends, and what is in it.

A block covers the offsets from the last record of the office that an earlier block published to the last one folded. So where
batches are cut changes no number, only how many blocks there are.
"""

from __future__ import annotations

from bisect import insort
from itertools import islice

from projections.area.tally import AreaTallies
from projections.definition.compiled import Definition
from projections.fold.changes import BLOCK_BYTES_MAX, OfficeChanges
from schemas.codes import NOTHING_YET, OfficeId
from schemas.derived.blocks import FINANCE, UNATTRIBUTED, AreaTally, Block, keyframe


class OutgoingBlocks:
    """Changes that each office's records have made since its last block. One fold owns them."""

    def __init__(
        self, definition: Definition, partition: int, tallies: AreaTallies, through: dict[OfficeId, int] | None = None
    ) -> None:
        """`through`: the offset of each office's last record, all of which are published; None before the first record."""
        self._definition = definition
        self._partition = partition
        self._tallies = tallies
        offices: list[OfficeId] = [entry.id for entry in definition.ballots.offices]
        self.through: dict[OfficeId, int] = (
            dict.fromkeys([*offices, UNATTRIBUTED, FINANCE], int(NOTHING_YET)) if through is None else dict(through)
        )
        """Offset of the last record that touched the office."""
        self._published_through: dict[OfficeId, int] = dict(self.through)
        """Offset of the last record that a block has covered."""
        self._changes: dict[OfficeId, OfficeChanges] = {}
        self.is_silent = False
        """Whether what changes was published before: then no rows are to be added."""
        self._shard_areas: list[list[tuple[int, int]]] = [[] for _ in definition.ballots.offices]
        """(contest, area) of the shard-level areas with a tally, by office, ascending."""
        self._sorted_tallies = 0
        """How many tallies have been looked at for `_shard_areas`."""

    @property
    def is_empty(self) -> bool:
        """Whether every change was taken."""
        return not self._changes

    def touch(self, office: OfficeId, offset: int) -> OfficeChanges:
        """The changes of the office, to which the record at `offset` belongs."""
        self.through[office] = offset
        return self.changes_of(office)

    def changes_of(self, office: OfficeId) -> OfficeChanges:
        changes = self._changes.get(office)
        if changes is None:
            changes = self._changes[office] = OfficeChanges()
        return changes

    def take_blocks(self) -> list[Block]:
        """One block for each office that was touched since the last call, in the package's order."""
        offices = [*(entry.id for entry in self._definition.ballots.offices), UNATTRIBUTED, FINANCE]
        return [block for office in offices if (block := self._take_block(office)) is not None]

    def take_full_blocks(self) -> list[Block]:
        """The blocks of those offices whose changes reach BLOCK_BYTES_MAX."""
        full = [office for office, changes in self._changes.items() if changes.size >= BLOCK_BYTES_MAX]
        return [block for office in full if (block := self._take_block(office)) is not None]

    def _take_block(self, office: OfficeId) -> Block | None:
        changes = self._changes.pop(office, None)
        from_, through = self._published_through[office], self.through[office]
        if from_ == through:
            return None
        assert changes is not None, "a record that touches an office adds to its changes"
        self._published_through[office] = through
        return Block(
            "block",
            office,
            self._partition,
            from_,
            through,
            [self._area_tally(key) for key in sorted(changes.areas)],
            changes.records,
            [changes.states[offset] for offset in sorted(changes.states)],
            [changes.stations[key] for key in sorted(changes.stations)],
        )

    def drop_changes(self) -> None:
        """Take all changes as published."""
        self._changes.clear()
        self._published_through = dict(self.through)

    def keyframe(self, office: OfficeId) -> Block:
        """The tallies of the office's shard-level areas, as of the last block taken."""
        assert self.is_empty, "a keyframe between apply and take_blocks would publish what no block has published"
        self._sort_new_tallies()
        areas = self._shard_areas[self._definition.ballots.office_number[office]]
        return keyframe(office, self._partition, self.through[office], [self._area_tally(key) for key in areas])

    def _sort_new_tallies(self) -> None:
        """Look at the tallies that are new since the last keyframe: of a nation's, 1 of 12 is a shard-level area's."""
        definition = self._definition
        for contest, area in islice(self._tallies, self._sorted_tallies, None):
            if definition.tree.level[area] == definition.tree.shard_level:
                insort(self._shard_areas[definition.ballots.contests[contest].office_number], (contest, area))
        self._sorted_tallies = len(self._tallies)

    def _area_tally(self, key: tuple[int, int]) -> AreaTally:
        contest, area = key
        return (self._definition.ballots.contests[contest].id, self._definition.tree.codes[area], self._tallies[key])
