"""Records of one partition on their way into its fold: read, and their signatures checked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition

from consumers.tabulator.errors import FoldError
from consumers.tabulator.partition import HeldPartition
from consumers.tabulator.signature_checks import SignatureChecks
from consumers.tabulator.signature_process import Check
from projections.definition.compiled import Definition
from projections.fold.records import Record, read_record
from runtime import metrics


class OpenedBatch(NamedTuple):
    """Records that were read, and whose signatures are checked or being checked."""

    topic_partition: TopicPartition
    held: HeldPartition
    messages: Sequence[Any]
    records: list[Record]
    remembered: list[bool]
    """For each record, whether its signature is remembered as checked."""
    asked: list[int]
    """Indices of the records whose signatures are being checked."""
    answer: asyncio.Future[list[bytes]]

    async def signatures_hold(self) -> list[bool]:
        """For each record, whether its signature holds. Raises FoldError."""
        try:
            answers = b"".join(await self.answer)
        except Exception as error:
            raise FoldError(self.topic_partition, self.records[0].offset, "unchecked", error) from error
        holds = list(self.remembered)
        for index, found in zip(self.asked, answers, strict=True):
            holds[index] = bool(found)
        return holds


def open_batch(
    topic_partition: TopicPartition,
    held: HeldPartition,
    messages: Sequence[Any],
    definition: Definition,
    checks: SignatureChecks,
) -> OpenedBatch:
    """Read records and begin to check those signatures that are not remembered. Raises FoldError."""
    offset = messages[0].offset
    records: list[Record] = []
    try:
        for message in messages:
            offset = message.offset
            records.append(read_record(offset, message.value or b""))
    except Exception as error:
        raise FoldError(topic_partition, offset, "unread", error) from error
    remembered = held.checked.hold(records[0].offset, [record.leaf for record in records])
    metrics.TABULATOR_SIGNATURES.labels("remembered").inc(sum(remembered))
    metrics.TABULATOR_SIGNATURES.labels("checked").inc(len(remembered) - sum(remembered))
    asked, questions = [], []
    for index, (record, known) in enumerate(zip(records, remembered, strict=True)):
        key = definition.keys.get(record.key_id)
        if not known and key is not None and record.event is not None:
            asked.append(index)
            questions.append(Check(key.public_key, record.signature, record.payload))
    return OpenedBatch(topic_partition, held, messages, records, remembered, asked, checks.ask(questions))
