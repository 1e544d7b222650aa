"""The fold of blocks from all partitions: areas from the shard level up to the nation, and the consistent cut.

The sums are in memory only. A block that does not chain is a gap (fold/chain.py), and its partition waits for the next
keyframe, which has all its sums. An office is published only when a keyframe or an unbroken chain of blocks has come from every
partition. So whatever blocks are lost, repeated or late, what is published for a cut is the fold of exactly that cut
(DESIGN 2).

A worker that gives an office away and gets it back has missed the blocks in between. From the first sign of that it publishes
nothing of the office until a keyframe of each partition has come. Otherwise the cut that it publishes could be ahead of the
other worker's in one partition and behind in another, and readers, which follow one chain, would have a gap.
"""

from __future__ import annotations

from projections.area.progress import contest_summary
from projections.area.tally import Tally, TallyView, apart, party_tally, side_by_side, tally_length
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.fold.chain import Applied, block_verdict
from projections.fold.parts import Parts
from schemas.codes import NOTHING_YET, OfficeId
from schemas.derived.blocks import WITHOUT_VOTES, Block, BlockRange
from schemas.derived.results import Cut, Result


class OfficeRollup:
    """The sums of one office over all partitions."""

    def __init__(self, definition: Definition, office: OfficeEntry) -> None:
        self._definition = definition
        self._office = office
        self._applied = [int(NOTHING_YET)] * definition.partitions
        self._unsure: set[int] = set()
        """Partitions of which blocks may have been missed and no keyframe (from: -1) has come since."""
        self._published: Cut = tuple(self._applied)
        self._tallies: dict[tuple[int, int], int] = {}
        """(contest, area) → tally, its numbers side by side (area/tally.py); from the shard level up."""
        self._party_tallies: dict[int, int] = {}
        self._party_parts: dict[tuple[int, int], int] = {}
        """(contest, shard-level area) → what that has added to `_party_tallies`."""
        self._dirty: set[tuple[int, int]] = set()
        self._dirty_parties: set[int] = set()
        self.doubt()

    def doubt(self) -> None:
        """Take any block as missed: publish nothing until a keyframe of each partition has come."""
        self._unsure = set(range(self._definition.partitions))

    @property
    def as_of(self) -> Cut:
        return tuple(self._applied)

    @property
    def is_complete(self) -> bool:
        """Whether every partition has sent blocks from the first on, or a keyframe, and nothing was missed since. (The genesis
        is at offset 0 of each partition, so each sends a block.)"""
        return not self._unsure

    @property
    def has_news(self) -> bool:
        return self.is_complete and self._published != tuple(self._applied)

    def is_news(self, head: BlockRange) -> bool:
        """Whether a message changes anything here; its rows need not be read otherwise. A keyframe of what is applied already
        changes that the partition is sure again."""
        applied = self._applied[head.partition]
        return block_verdict(head.from_, head.through, applied) is not Applied.SKIPPED or (
            head.through == applied and head.from_ == NOTHING_YET and head.partition in self._unsure
        )

    def apply(self, block: Block) -> Applied:
        applied = self._applied[block.partition]
        verdict = block_verdict(block.from_, block.through, applied)
        # In an unbroken chain a keyframe has nothing new: where it does, blocks were missed, here and so elsewhere.
        is_missed = verdict is Applied.GAP or (verdict is Applied.APPLIED and block.kind == "keyframe")
        if is_missed and block.partition not in self._unsure:
            self.doubt()
        if block.from_ == NOTHING_YET and block.through >= applied:
            self._unsure.discard(block.partition)
        if verdict is not Applied.APPLIED:
            return verdict
        for contest_id, area_code, tally in block.areas:
            area = self._definition.tree.number[area_code]
            if self._definition.tree.level[area] == self._definition.tree.shard_level:
                self._set(self._definition.ballots.contest(contest_id), area, tally)
        self._applied[block.partition] = block.through
        return Applied.APPLIED

    def take_change(self) -> Result | None:
        """What has changed since the last call; None where nothing has, or the office is not complete."""
        if not self.has_news:
            return None
        result = self._result("change", self._published, self._dirty, self._dirty_parties)
        self._mark_published()
        return result

    def keyframe(self) -> Result | None:
        """Every area of the office; None until the office is complete."""
        if not self.is_complete:
            return None
        nothing = (int(NOTHING_YET),) * self._definition.partitions
        result = self._result("keyframe", nothing, set(self._tallies), set(self._party_tallies))
        self._mark_published()
        return result

    def _mark_published(self) -> None:
        self._published = tuple(self._applied)
        self._dirty.clear()
        self._dirty_parties.clear()

    def _set(self, contest: ContestEntry, area: int, tally: Tally) -> None:
        """Set a shard-level area to its absolute tally and carry the difference up to the root."""
        key, joined = (contest.number, area), side_by_side(tally)
        delta = joined - self._tallies.get(key, 0)
        if not delta:
            return
        party_part = side_by_side(party_tally(tally, contest, len(self._office.lines)))
        party_delta = party_part - self._party_parts.get(key, 0)
        self._party_parts[key] = party_part
        for above in self._definition.tree.lineage[area]:
            key = (contest.number, above)
            self._tallies[key] = self._tallies.get(key, 0) + delta
            self._dirty.add(key)
            self._party_tallies[above] = self._party_tallies.get(above, 0) + party_delta
            self._dirty_parties.add(above)

    def _result(self, kind: str, since: Cut, keys: set[tuple[int, int]], areas: set[int]) -> Result:
        assert kind in ("change", "keyframe")
        definition = self._definition
        summaries = []
        contests = {number for number, _ in keys} if kind == "change" else set(self._office.contests)
        for number in sorted(contests):
            contest = definition.ballots.contests[number]
            view = TallyView.of(self._tally(number, contest.root_area))
            denominator = definition.electorates.denominators[number, contest.root_area]
            summaries.append(contest_summary(contest, view, denominator))
        codes, ballots = definition.tree.codes, definition.ballots.contests
        lines = tally_length(len(self._office.lines))
        lengths = {contest: tally_length(len(ballots[contest].choices)) for contest in contests}
        return Result(
            "change" if kind == "change" else "keyframe",
            self._office.id,
            since,
            tuple(self._applied),
            [(ballots[key[0]].id, codes[key[1]], apart(self._tallies[key], lengths[key[0]])) for key in sorted(keys)],
            [(codes[area], apart(self._party_tallies[area], lines)) for area in sorted(areas)],
            summaries,
        )

    def _tally(self, contest: int, area: int) -> Tally:
        return apart(
            self._tallies.get((contest, area), 0), tally_length(len(self._definition.ballots.contests[contest].choices))
        )


class Rollup:
    """All offices of the election."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self.offices = {entry.id: OfficeRollup(definition, entry) for entry in definition.ballots.offices}
        self._parts: Parts[Block] = Parts()

    def doubt(self) -> None:
        """Partitions of `subtotals` have gone to another worker and come back: see OfficeRollup.doubt."""
        for office in self.offices.values():
            office.doubt()

    def begin_again(self, office: OfficeId) -> None:
        """Forget an office of which a block may have been applied in part, and publish nothing of it until a keyframe of each
        partition has come."""
        number = self._definition.ballots.office_number[office]
        self.offices[office] = OfficeRollup(self._definition, self._definition.ballots.offices[number])

    def apply(self, block: Block) -> Applied:
        if block.office in WITHOUT_VOTES:
            return Applied.SKIPPED
        return self.offices[block.office].apply(block)

    def apply_message(self, head: BlockRange, value: bytes) -> Applied:
        """Apply a message of `subtotals`, of which `head` was read. Raises ValueError where the rest cannot be read."""
        if head.office in WITHOUT_VOTES or not self.offices[head.office].is_news(head):
            return Applied.SKIPPED
        block = Block.from_bytes(value, with_body=False)
        blocks = self._parts.add(f"{head.office}/{head.partition}", head.part, block, len(value))
        return Applied.PART if blocks is None else self.apply(Block.joined(blocks))
