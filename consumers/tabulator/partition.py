"""One partition of the ledger in a tabulator: its fold, and what is published and committed of it. No input or output."""

from __future__ import annotations

from consumers.tabulator.decisions import Stop, folds_silently, is_news, may_publish, note_of
from projections.fold.records import Record
from projections.fold.tabulation import PartitionFold
from proofs.checked_signatures import CheckedSignatures
from proofs.merkle import leaf_hash
from schemas.codes import OfficeId
from schemas.derived.blocks import Block


class OwnedPartition:
    """A partition that this worker owns, until it is assigned to another."""

    def __init__(
        self,
        fold: PartitionFold,
        checked: CheckedSignatures,
        committed: int,
        stop: Stop | None,
        last_leaf: bytes = b"",
    ) -> None:
        self.fold = fold
        self.checked = checked
        self.fold.is_silent = folds_silently(fold.next_offset, committed)
        self.committed_at_start = committed
        """The group's committed offset when this worker began: blocks of all records below it are published."""
        self.sent_below = committed
        """Blocks of all records below this offset are sent. The offset may be committed once they are acknowledged."""
        self.kept_below = fold.next_offset
        """A state of the records below this offset is kept."""
        self.unverified_leaf = last_leaf
        """Leaf hash of the last record in the state from which the fold began. Until that record was read again, the state may
        be of another ledger; then this is empty."""
        self.publishes = False
        self.owes_keyframes = False
        """Whether its first keyframes are still to be sent."""
        self.without_keyframe: dict[OfficeId, str] = {}
        """Offices whose last keyframe could not be published, and why."""
        self.finance_problem: str | None = None
        """Why finance reports are not folded any more, once it was noted."""
        self.has_new_note = False
        """Whether the note has changed since the last commit, where no record was folded."""
        self.stop = stop
        """The fold stops before this record, until it is tried again."""
        self.committed_note = ""
        """The note beside the committed offset, where /v1/health reads it."""

    @property
    def number(self) -> int:
        return self.fold.partition

    # -- records in ------------------------------------------------------------------------------------------------

    def verify(self, offset: int, value: bytes) -> bool:
        """Whether the record that was read again is the last one of the state; if so, the state is of this ledger."""
        if offset != self.fold.next_offset - 1 or leaf_hash(value) != self.unverified_leaf:
            return False
        self.unverified_leaf = b""
        return True

    def apply(self, record: Record, signature_holds: bool) -> list[Block]:
        """Fold the next record. Gives the blocks that are full. Raises what the fold raises."""
        self.fold.apply(record, signature_holds)
        if self.fold.next_offset == self.committed_at_start:
            self.fold.forget_changes()
            self.fold.is_silent = False
            return []
        return [] if self.fold.is_silent else self.fold.take_full_blocks()

    def take_blocks(self) -> list[Block]:
        """Blocks of all that has changed; none while the fold is silent."""
        if folds_silently(self.fold.next_offset, self.committed_at_start):
            self.fold.forget_changes()
            return []
        return self.fold.take_blocks()

    # -- what is published -----------------------------------------------------------------------------------------

    def begin_to_publish(self) -> bool:
        """Begin, where this worker may and has not yet. True where it begins now."""
        if self.publishes or not may_publish(
            self.fold.next_offset, self.committed_at_start, state_is_of_this_ledger=not self.unverified_leaf
        ):
            return False
        self.publishes = self.owes_keyframes = True
        return True

    def leave_out_keyframe(self, office: OfficeId, reason: str) -> bool:
        """Note that the keyframe of an office could not be published. True where the reason is new."""
        if self.without_keyframe.get(office) == reason:
            return False
        self.without_keyframe[office] = reason
        self.has_new_note = True
        return True

    def keyframe_was_sent(self, office: OfficeId) -> None:
        if self.without_keyframe.pop(office, None) is not None:
            self.has_new_note = True

    def finance_has_stopped(self) -> bool:
        """Note why finance reports are not folded any more. True where that is new."""
        if self.finance_problem == self.fold.finance_problem:
            return False
        self.finance_problem = self.fold.finance_problem
        self.has_new_note = True
        return True

    # -- what is committed and kept --------------------------------------------------------------------------------

    @property
    def note(self) -> str:
        return note_of(self.stop, self.without_keyframe, self.finance_problem)

    def has_news(self, offset: int) -> bool:
        """Whether to commit this offset."""
        return is_news(
            offset, self.note, committed_at_start=self.committed_at_start, committed_note=self.committed_note
        )

    @property
    def records_not_kept(self) -> int:
        """Records folded since the last state was kept. None where finance reports are not folded, because a state would skip
        them."""
        return 0 if self.fold.finance_problem is not None else self.fold.next_offset - self.kept_below
