"""Topics and consumer groups of an election: names, partitions and limits.

Names contain mode and election id, so that a rehearsal's record cannot be in a live topic (invariant 9). From the second
generation on, names of derived topics and of groups end with the generation's number (runtime/kafka/generations.py).
"""

from __future__ import annotations

from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.partitioner import DefaultPartitioner

from schemas.definition.package import Election
from schemas.ledger.envelope import RECORD_BYTES_MAX

LEDGER_BATCH_BYTES_MAX = RECORD_BYTES_MAX + 65
"""The largest batch that Kafka accepts into the ledger. A batch adds 61 bytes and a record at least 7, so the ledger cannot
contain a larger record, even one written past the gateway. The topic must keep nothing compressed, because Kafka measures a
batch as it is kept."""
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""The largest message in `subtotals` and `results`, and the most that a fetch of one partition may return. Blocks are cut at
about 1 MB (projections/fold/tabulation.py), keyframes and results in parts of half a megabyte (schemas/derived/parts.py);
the rest is for the worst that one record and long numbers can add. A reader of all five partitions holds up to 40 MB that were
fetched ahead; at double, 80."""
SUBTOTALS_PARTITIONS = 4
FIRST_GENERATION = 1


class Topics(NamedTuple):
    """Names of the topics of one generation, and which partitions they have."""

    ledger: str
    subtotals: str
    results: str

    def ledger_partitions(self, count: int) -> list[TopicPartition]:
        """All partitions of the ledger; `count` is the election's."""
        return [TopicPartition(self.ledger, number) for number in range(count)]

    def subtotals_partitions(self) -> list[TopicPartition]:
        return [TopicPartition(self.subtotals, number) for number in range(SUBTOTALS_PARTITIONS)]

    def subtotals_partition_of(self, office: str) -> TopicPartition:
        """The partition that contains all blocks of an office, in order. It is the one that Kafka's default partitioner chooses
        for the office as key."""
        numbers = list(range(SUBTOTALS_PARTITIONS))
        return TopicPartition(self.subtotals, int(DefaultPartitioner()(office.encode(), numbers, numbers)))

    def results_partition(self) -> TopicPartition:
        """The only partition of `results`."""
        return TopicPartition(self.results, 0)

    def derived_partitions(self) -> list[TopicPartition]:
        """All partitions that readers of derived numbers consume."""
        return [*self.subtotals_partitions(), self.results_partition()]


def topics_of(election: Election, generation: int = FIRST_GENERATION) -> Topics:
    """Topics of one generation. The ledger is the same in every generation."""
    prefix, suffix = _prefix(election), _suffix(generation)
    return Topics(f"{prefix}.ledger", f"{prefix}.subtotals{suffix}", f"{prefix}.results{suffix}")


def generations_topic(election: Election) -> str:
    return f"{_prefix(election)}.generations"


def group_of(election: Election, role: str, generation: int = FIRST_GENERATION) -> str:
    """The consumer group of a role's workers."""
    return f"{_prefix(election)}.{role}{_suffix(generation)}"


def _prefix(election: Election) -> str:
    return f"rekap.{election.mode.value}.{election.id}"


def _suffix(generation: int) -> str:
    assert generation >= FIRST_GENERATION, f"generation {generation}: expected one that was looked up or fixed"
    return "" if generation == FIRST_GENERATION else f".{generation}"
