"""Records of one partition on their way into its fold: read, and their signatures checked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from consumers.tabulator.errors import FoldError
from consumers.tabulator.partition import OwnedPartition
from consumers.tabulator.signature_checks import SignatureChecks
from consumers.tabulator.signature_process import Check
from projections.definition.compiled import Definition
from projections.fold.records import Record, read_record
from runtime import metrics


class OpenedBatch(NamedTuple):
    """Records that were read, and whose signatures are checked or being checked."""

    topic_partition: TopicPartition
    owned: OwnedPartition
    messages: Sequence[Any]
    records: list[Record]
    remembered: list[bool]
    """Whether the signature of each record is remembered as checked."""
    asked: list[int]
    """Indices of the records whose signatures are being checked."""
    answers_start: int
    """Index of the first of their answers among those of the question."""
    answers: asyncio.Future[bytes]
    """The answers to the question, which may be about other batches too."""

    async def signatures_hold(self) -> list[bool]:
        """Whether the signature of each record holds. Raises FoldError."""
        try:
            answers = await self.answers
        except Exception as error:
            raise FoldError(self.topic_partition, self.records[0].offset, "unchecked", error) from error
        holds = list(self.remembered)
        for number, index in enumerate(self.asked, self.answers_start):
            holds[index] = bool(answers[number])
        return holds


def open_batches(
    batches: Iterable[tuple[TopicPartition, OwnedPartition, Sequence[Any]]],
    definition: Definition,
    checks: SignatureChecks,
) -> list[OpenedBatch]:
    """Read records and begin to check those signatures that are not remembered, of all partitions with one question. Raises
    FoldError."""
    read = []
    question: list[Check] = []
    for topic_partition, owned, messages in batches:
        records = _read(topic_partition, messages)
        remembered = owned.checked.hold(records[0].offset, [record.leaf for record in records])
        asked, start = [], len(question)
        for index, (record, known) in enumerate(zip(records, remembered, strict=True)):
            key = definition.keys.get(record.key_id)
            if not known and key is not None and record.event is not None:
                asked.append(index)
                question.append(Check(key.public_key, record.signature, record.payload))
        read.append((topic_partition, owned, messages, records, remembered, asked, start))
        metrics.TABULATOR_SIGNATURES.labels("remembered").inc(sum(remembered))
        metrics.TABULATOR_SIGNATURES.labels("checked").inc(len(remembered) - sum(remembered))
    answers = checks.ask(question)
    return [OpenedBatch(*each, answers) for each in read]


def _read(topic_partition: TopicPartition, messages: Sequence[Any]) -> list[Record]:
    """Raises FoldError."""
    offset = messages[0].offset
    records: list[Record] = []
    try:
        for message in messages:
            offset = message.offset
            records.append(read_record(offset, message.value or b""))
    except Exception as error:
        raise FoldError(topic_partition, offset, "unread", error) from error
    return records
