"""Records read, and their signatures checked or remembered, of several partitions with one question."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from consumers.tabulator.batches import OpenedBatch, open_batches
from consumers.tabulator.errors import FoldError
from consumers.tabulator.partition import OwnedPartition
from consumers.tabulator.signature_process import Check
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from proofs.checked_signatures import GROUP, CheckedSignatures
from proofs.merkle import leaf_hash
from proofs.signatures import load_public_key, verify
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package


@dataclass
class Message:
    offset: int
    value: bytes | None


@dataclass
class Checks:
    """Answers each question at once, as other threads or processes would later."""

    questions: list[list[Check]] = field(default_factory=list)
    error: Exception | None = None

    def ask(self, question: list[Check]) -> asyncio.Future[bytes]:
        self.questions.append(question)
        answers: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self.error is None:
            answers.set_result(bytes(verify(load_public_key(each.public_key), *each[1:]) for each in question))
        else:
            answers.set_exception(self.error)
        return answers


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(small_package())
    for station in ("1.1.1-1", "1.1.1-2", "2.2.1-1"):
        ledger.append_as("officer", reported(station))
    return ledger


def batch(ledger: MemoryLedger, partition: int, first: int = 0) -> tuple[TopicPartition, OwnedPartition, list[Any]]:
    owned = OwnedPartition(PartitionFold(ledger.definition, partition), CheckedSignatures("test"), 0, None)
    values = ledger.partitions[partition][first:]
    return TopicPartition("ledger", partition), owned, [Message(first + n, value) for n, value in enumerate(values)]


def home(ledger: MemoryLedger, station: str) -> int:
    return ledger.definition.stations.partition(ledger.definition.stations.number[station])


def opened(ledger: MemoryLedger, checks: Checks, *given: tuple[TopicPartition, OwnedPartition, list[Any]]) -> Any:
    return open_batches(given, ledger.definition, checks)  # type: ignore[arg-type]


async def test_all_partitions_are_asked_about_at_once_and_each_finds_its_answers(ledger: MemoryLedger) -> None:
    """The last record of the second partition has the signature of another event."""
    one = home(ledger, "1.1.1-1")
    station = next(code for code in ledger.definition.stations.number if home(ledger, code) != one)
    other = home(ledger, station)
    del ledger.partitions[one][3:], ledger.partitions[other][1:]
    ledger.append_as("officer", reported(station))
    forged = orjson.loads(ledger.signed("officer", reported(station, version=2)))
    forged["signatures"] = orjson.loads(ledger.signed("officer", reported(station, version=3)))["signatures"]
    ledger.append(other, orjson.dumps(forged))
    checks = Checks()
    first, second = opened(ledger, checks, batch(ledger, one), batch(ledger, other))
    assert [len(question) for question in checks.questions] == [3 + 3]
    assert (first.asked, first.answers_start, second.answers_start) == ([0, 1, 2], 0, 3)
    assert await first.signatures_hold() == [True, True, True]
    assert await second.signatures_hold() == [True, True, False]
    assert [record.offset for record in second.records] == [0, 1, 2]


async def test_what_was_checked_before_is_not_asked_again(ledger: MemoryLedger) -> None:
    partition = home(ledger, "1.1.1-1")
    values = ledger.partitions[partition]
    values += [values[1]] * (GROUP + 2 - len(values))
    given = batch(ledger, partition)
    given[1].checked.note(0, [leaf_hash(value) for value in values[:GROUP]], [True] * GROUP)
    checks = Checks()
    (found,) = opened(ledger, checks, given)
    assert found.remembered == [True] * GROUP + [False] * 2
    assert found.asked == [GROUP, GROUP + 1]
    assert await found.signatures_hold() == [True] * (GROUP + 2)


async def test_nothing_is_asked_of_a_key_that_is_unknown_or_a_record_that_is_unreadable(ledger: MemoryLedger) -> None:
    partition = home(ledger, "1.1.1-1")
    ledger.partitions[partition][1:] = []
    ledger.append(partition, ledger.signed("nobody", reported("1.1.1-1")))
    ledger.partitions[partition].append(b"garbage")
    topic_partition, owned, messages = batch(ledger, partition)
    messages.append(Message(3, None))
    checks = Checks()
    (found,) = opened(ledger, checks, (topic_partition, owned, messages))
    assert found.asked == [0]
    assert await found.signatures_hold() == [True, False, False, False]


async def test_a_question_that_is_not_answered_stops_the_fold_at_the_first_record(ledger: MemoryLedger) -> None:
    partition = home(ledger, "1.1.1-1")
    (found,) = opened(ledger, Checks(error=RuntimeError("no worker")), batch(ledger, partition, first=1))
    assert isinstance(found, OpenedBatch)
    with pytest.raises(FoldError, match=rf"partition={partition} offset=1 record=unchecked .*no worker"):
        await found.signatures_hold()


async def test_a_record_at_which_reading_fails_stops_the_fold(
    ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(offset: int, value: bytes) -> Any:
        if offset == 2:
            raise ZeroDivisionError("a bug")
        return read_record(offset, value)

    monkeypatch.setattr("consumers.tabulator.batches.read_record", fails)
    partition = home(ledger, "1.1.1-1")
    with pytest.raises(FoldError, match=rf"partition={partition} offset=2 record=unread .*a bug"):
        opened(ledger, Checks(), batch(ledger, partition))
