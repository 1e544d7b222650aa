"""What tabulators and roll-up tell of a ledger: messages of `subtotals` and `results`, in batches cut anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from projections.area.rollup import Rollup
from schemas.derived.blocks import Block
from tests.support.ledger import MemoryLedger, fold

Message = tuple[str, bytes]
"""The topic, `subtotals` or `results`, and the value."""


def told(ledger: MemoryLedger, *cuttings: Iterable[int]) -> list[Message]:
    """Blocks of each partition, cut after these offsets, and after each block what it changes above. Several cuttings:
    several tabulators that tell the same, each in blocks of its own, one after the other."""
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


def _woven(tellings: list[list[Block]]) -> list[Block]:
    """In the order of where they end, so that none comes before what it goes on from."""
    return sorted((block for blocks in tellings for block in blocks), key=lambda block: block.through)
