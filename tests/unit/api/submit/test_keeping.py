"""A single submission is answered once: from its record, with what another of the same event got, or at its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.limits.refusals import Refusals
from api.problems import BUG, Problem
from api.submit import keeping as keeping_module
from api.submit.answers import Answer, AnswerSigner, SignedReceipt
from api.submit.checks import CheckedSubmission, Checks
from api.submit.keeping import Keeper, now
from runtime.settings import Settings
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package

WAIT_MS = 50


class Writer:
    """A ledger that confirms when the test has it confirm."""

    def __init__(self) -> None:
        self.appended: list[asyncio.Future[int]] = []

    def append(self, partition: int, key: bytes, record: bytes, *, is_batch: bool = False) -> asyncio.Future[int]:
        self.appended.append(asyncio.get_running_loop().create_future())
        return self.appended[-1]


class Ledger:
    """A keeper whose ledger is open and has nothing yet."""

    def __init__(self, directory: Path) -> None:
        settings = Settings(gateway_key=directory / "key.pem", kafka_wait_ms=WAIT_MS)
        self._memory = MemoryLedger(small_package())
        definition = self._memory.definition
        signer = AnswerSigner(settings, definition.election)
        self.writer = Writer()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(keeping_module, "LedgerWriter", lambda *_: self.writer)
            patched.setattr(keeping_module, "LedgerReader", lambda *_: SimpleNamespace(is_open=True))
            self.keeper = Keeper(settings, definition, None, signer, Refusals())
        self._checks = Checks(definition)

    def checked(self, version: int = 1) -> CheckedSubmission:
        checked = self._checks.check(self._memory.signed("officer", reported("1.1.1-1", version=version)))
        self.keeper._highest_seq[checked.key_id] = -1  # so that no event is looked up
        return checked


@pytest.fixture
async def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_single_submission_is_answered_with_its_offset(ledger: Ledger) -> None:
    answers: list[Answer] = []
    ledger.keeper.keep_one(ledger.checked(), answers.append, now)
    assert answers == []
    ledger.writer.appended[0].set_result(7)
    await settled()
    (receipt,) = answers
    assert isinstance(receipt, SignedReceipt)
    assert (receipt.offset, receipt.duplicate) == (7, False)


async def test_the_same_event_meanwhile_and_later_gets_the_same_receipt(ledger: Ledger) -> None:
    answers: list[Answer] = []
    checked = ledger.checked()
    for _ in range(2):
        ledger.keeper.keep_one(checked, answers.append, now)
    ledger.writer.appended[0].set_result(7)
    await settled()
    ledger.keeper.keep_one(checked, answers.append, now)
    assert len(ledger.writer.appended) == 1
    receipts = [each for each in answers if isinstance(each, SignedReceipt)]
    assert [(each.offset, each.duplicate) for each in receipts] == [(7, False), (7, True), (7, True)]
    assert len({each.signed for each in receipts}) == 1


async def test_after_a_bug_in_appending_nobody_waits_for_the_event(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Answer] = []
    checked = ledger.checked()
    with monkeypatch.context() as bug:
        bug.setattr(ledger.writer, "append", lambda *_, **__: 1 // 0)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                ledger.keeper.keep_one(checked, answers.append, now)
    assert not ledger.keeper._under_way
    ledger.keeper.keep_one(checked, answers.append, now)
    ledger.writer.appended[0].set_result(7)
    await settled()
    assert isinstance(answers[0], SignedReceipt)


async def test_while_kafka_hangs_each_is_answered_at_its_own_deadline(ledger: Ledger) -> None:
    loop, answered = asyncio.get_running_loop(), list[tuple[Answer, float]]()
    began = loop.time()
    for version in (1, 2):
        ledger.keeper.keep_one(ledger.checked(version), lambda answer: answered.append((answer, loop.time())), now)
        await asyncio.sleep(WAIT_MS / 2000)
    async with asyncio.timeout(10):
        while len(answered) < 2:
            await asyncio.sleep(0.001)
    for number, (answer, at) in enumerate(answered):
        assert isinstance(answer, Problem)
        assert answer.status == 503
        assert at - began >= (WAIT_MS + number * WAIT_MS / 2) / 1000 - 0.002
    await settled()
    assert all(each.cancelled() for each in ledger.writer.appended)
    assert len(answered) == 2, "a record that is given up is not answered again"
    assert not ledger.keeper._under_way
    assert not ledger.keeper._singles


async def test_a_timer_that_comes_after_the_answers_ends_nothing(ledger: Ledger) -> None:
    answers: list[Answer] = []
    ledger.keeper.keep_one(ledger.checked(), answers.append, now)
    ledger.writer.appended[0].set_result(7)
    await asyncio.sleep(WAIT_MS / 1000 * 1.5)
    assert len(answers) == 1
    assert ledger.keeper._deadline is None


async def test_a_receipt_is_made_when_the_address_has_time(ledger: Ledger) -> None:
    answers, later = list[Answer](), list[Callable[[], None]]()
    ledger.keeper.keep_one(ledger.checked(), answers.append, later.append)
    ledger.writer.appended[0].set_result(7)
    await settled()
    assert answers == []
    later[0]()
    assert len(answers) == 1
    later[0]()
    assert len(answers) == 1


async def test_too_many_that_wait_are_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping_module, "IN_FLIGHT_MAX", 1)
    answers: list[Answer] = []
    for version in (1, 2):
        ledger.keeper.keep_one(ledger.checked(version), answers.append, now)
    (refused,) = answers
    assert isinstance(refused, Problem)
    assert refused.status == 503


async def test_a_bug_is_answered_as_one(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Answer] = []
    checked = ledger.checked()
    ledger.keeper.keep_one(checked, answers.append, now)

    def failing(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(ledger.keeper._signer, "receipt", failing)
    ledger.writer.appended[0].set_result(7)
    await settled()
    assert answers == [BUG]
    assert not ledger.keeper._under_way
