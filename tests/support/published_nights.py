"""What tabulators and roll-up publish of a ledger: messages of `subtotals` and `results`, in batches cut anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from projections.fold.rollup import Rollup
from schemas.derived.blocks import Block
from tests.support.ledger import MemoryLedger, fold

Message = tuple[str, bytes]
"""The topic, `subtotals` or `results`, and the value."""


def published(ledger: MemoryLedger, *cuttings: Iterable[int]) -> list[Message]:
    """Blocks of each partition, cut after these offsets, and after each block what it changes above. With several
    cuttings, several tabulators publish the same, each in blocks of its own, one after the other."""
    rollup = Rollup(ledger.definition)
    messages: list[Message] = []
    for partition in range(ledger.definition.partitions):
        for blocks in _woven([fold(ledger, partition, cuts=cuts)[1] for cuts in cuttings]):
            messages.append(("subtotals", blocks.to_bytes()))
            rollup.apply(blocks)
            for office in rollup.offices.values():
                result = office.take_change()
                if result is not None:
                    messages.append(("results", result.to_bytes()))
    return messages


def _woven(publications: list[list[Block]]) -> list[Block]:
    """In the order of their ends, so that none comes before the block that it continues."""
    return sorted((block for blocks in publications for block in blocks), key=lambda block: block.through)
