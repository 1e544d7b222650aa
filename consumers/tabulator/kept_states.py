"""States of a tabulator's partitions, kept as files so that the next start need not fold from offset 0."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Collection

from consumers.tabulator.decisions import STATES_AT_STOP_SECONDS, Stop, state_is_due, state_limit
from consumers.tabulator.partition import OwnedPartition
from projections.definition.compiled import Definition
from projections.fold.state import StateOf, UnfitStateError, decoded, encoded
from projections.fold.tabulation import PartitionFold
from proofs.checked_signatures import CheckedSignatures
from runtime import metrics
from runtime.files.state_files import FOLD_CODE, CheckedFiles, StateFiles, hash_of_code
from runtime.logs import log_line
from runtime.settings import Settings

logger = logging.getLogger("rekap.tabulator")


class KeptStates:
    """Reads the newest state that may be used, and writes new ones beside the count, one at a time."""

    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._definition = definition
        self._state_records = settings.state_records
        election = definition.election
        directory = settings.state_directory / f"{election.mode.value}.{election.id}"
        self._files = StateFiles(directory / f"generation-{settings.generation}")
        self._checked_files = CheckedFiles(directory / "checked")
        self._fold_code = hash_of_code(*FOLD_CODE)
        checking = hash_of_code("proofs.signatures", "proofs.libsodium", "schemas.ledger.envelope")
        self._checked_with = f"{definition.hash} {checking}"
        self._writing: asyncio.Task[None] | None = None
        self._written_at = time.monotonic()

    # -- a start ---------------------------------------------------------------------------------------------------

    def begin(self, partition: int, committed: int, stop: Stop | None) -> OwnedPartition:
        """The partition with a fold that begins from the newest state that may be used, or at offset 0. Raises OSError where
        the directory cannot be made."""
        checked = CheckedSignatures(self._checked_with)
        if not self._state_records:
            return OwnedPartition(PartitionFold(self._definition, partition), checked, committed, stop)
        checked = CheckedSignatures.from_bytes(self._checked_files.read(partition), self._checked_with)
        self._files.begin(partition)
        while (path := self._files.newest(partition, at_most=state_limit(committed, stop))) is not None:
            try:
                state = decoded(self._files.read(path), self._of(partition))
            except (UnfitStateError, OSError) as error:
                logger.warning(log_line("state-thrown-away", partition=partition, file=path.name, reason=error))
                path.unlink(missing_ok=True)
                continue
            fold = PartitionFold.from_state(self._definition, partition, state)
            return OwnedPartition(fold, checked, committed, stop, state.last_leaf)
        return OwnedPartition(PartitionFold(self._definition, partition), checked, committed, stop)

    def begin_again(self, owned: OwnedPartition) -> OwnedPartition:
        """Delete the states of a partition that began from a state of another ledger. Returns the partition with a fold that
        begins at offset 0."""
        reason = f"the ledger has another record at offset {owned.fold.next_offset - 1}"
        logger.warning(log_line("state-thrown-away", partition=owned.number, reason=reason))
        while (path := self._files.newest(owned.number, at_most=owned.fold.next_offset)) is not None:
            path.unlink(missing_ok=True)
        fold = PartitionFold(self._definition, owned.number)
        again = OwnedPartition(fold, owned.checked, owned.committed_at_start, owned.stop)
        again.committed_note = owned.committed_note
        return again

    # -- writing ---------------------------------------------------------------------------------------------------

    def write_one(self, partitions: Collection[OwnedPartition]) -> None:
        """Begin to write the state of the partition with the most records since its last state, if one is due and none is
        being written. Raises what an earlier write raised."""
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
            self._written_at = time.monotonic()
        if not self._state_records or self._writing is not None or not partitions:
            return
        owned = max(partitions, key=lambda each: each.records_not_kept)
        if state_is_due(owned.records_not_kept, time.monotonic() - self._written_at, self._state_records):
            self._writing = asyncio.create_task(self._write(owned))

    async def write_all(self, partitions: Collection[OwnedPartition]) -> None:
        """Write the states of all partitions, as far as the time allows, because their next worker begins from them."""
        await self.written()
        deadline = time.monotonic() + STATES_AT_STOP_SECONDS
        for owned in partitions:
            if self._state_records and owned.records_not_kept:
                if time.monotonic() > deadline:
                    logger.info(log_line("state-not-written", partition=owned.number, reason="no time left"))
                else:
                    await self._write(owned)

    async def written(self) -> None:
        """Wait for the state that is being written."""
        if self._writing is not None:
            await self._writing

    async def _write(self, owned: OwnedPartition) -> None:
        """A state that cannot be written costs time at the next start and nothing else."""
        partition, state = owned.number, owned.fold.state()
        owned.kept_below = state.next_offset
        checked = owned.checked.to_bytes()
        write = functools.partial(self._files.write, partition, state.next_offset)
        try:
            await asyncio.to_thread(self._checked_files.write, partition, checked)
            size = await asyncio.to_thread(write, encoded(state, self._of(partition)))
        except OSError as error:
            metrics.TABULATOR_STATES_KEPT.labels("failed").inc()
            logger.warning(log_line("state-not-written", partition=partition, reason=error))
            return
        metrics.TABULATOR_STATES_KEPT.labels("written").inc()
        metrics.TABULATOR_STATE_BYTES.labels(partition).set(size)

    def _of(self, partition: int) -> StateOf:
        return StateOf(self._definition.hash, self._fold_code, partition)
