"""The error that ends a tabulator."""

from __future__ import annotations

from aiokafka import TopicPartition

from consumers.errors import WorkerError
from consumers.tabulator.decisions import Stop
from runtime.logs import log_line


class FoldError(WorkerError):
    """A bug, or a wrong package, that stops the fold of a partition (invariant 6)."""

    def __init__(self, topic_partition: TopicPartition, offset: int, record: str, error: Exception) -> None:
        self.topic_partition = topic_partition
        self.stop = Stop.because_of(offset, error)
        super().__init__(
            log_line(
                "fold-stopped",
                partition=topic_partition.partition,
                offset=offset,
                record=record,
                error=f"{type(error).__name__}: {error}",
            )
        )
