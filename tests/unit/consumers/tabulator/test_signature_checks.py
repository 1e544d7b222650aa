from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import psutil
import pytest

from consumers.tabulator import signature_checks
from consumers.tabulator.signature_checks import SignatureChecks
from consumers.tabulator.signature_process import Check, question
from proofs.signatures import PAYLOAD_TYPE, pre_authentication_encoding
from tests.support.ledger import private_key


def checks_of(count: int) -> tuple[list[Check], list[bool]]:
    """Every third does not hold: it is another payload's, another key's, or has a bit changed."""
    checks, expected = [], []
    for number in range(count):
        key, payload = private_key(f"officer-{number % 5}"), b"x" * (number % 7) + b"%d" % number
        signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
        public = key.public_key().public_bytes_raw()
        wrong = [
            Check(public, signature, payload + b" "),
            Check(private_key("nobody").public_key().public_bytes_raw(), signature, payload),
            Check(public, signature[:-1] + bytes([signature[-1] ^ 1]), payload),
        ]
        holds = number % 3 != 2
        checks.append(Check(public, signature, payload) if holds else wrong[number // 3 % 3])
        expected.append(holds)
    return checks, expected


async def found(asking: SignatureChecks, checks: list[Check]) -> list[bool]:
    return [bool(each) for each in await asking.ask(checks)]


def workers() -> list[psutil.Process]:
    """The processes that these tests started. Kafka and PostgreSQL of other tests may be children too."""
    living = (each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE)
    return [each for each in living if "consumers.tabulator.signature_process" in each.cmdline()]


@pytest.fixture
async def asking() -> AsyncIterator[SignatureChecks]:
    checks = SignatureChecks(2)
    yield checks
    checks.close()
    assert workers() == []


@pytest.mark.parametrize("count", [0, 1, 64, 65, 90, 1001])
async def test_each_check_has_its_answer_in_order(asking: SignatureChecks, count: int) -> None:
    checks, expected = checks_of(count)
    assert await found(asking, checks) == expected
    assert len(workers()) <= 2
    assert bool(workers()) == (count > signature_checks.INLINE_MAX)


async def test_two_questions_at_once_are_answered_each(asking: SignatureChecks) -> None:
    checks, expected = checks_of(200)
    first, second = asking.ask(checks), asking.ask(checks[:90])
    assert [bool(each) for each in await second] == expected[:90]
    assert [bool(each) for each in await first] == expected


async def test_a_process_that_is_killed_costs_no_answer(asking: SignatureChecks) -> None:
    checks, expected = checks_of(300)
    assert await found(asking, checks) == expected
    for worker in workers():
        worker.kill()
    assert await found(asking, checks) == expected
    question_under_way = asking.ask(checks * 20)
    await asyncio.sleep(0.02)
    for worker in workers():
        worker.kill()
    assert [bool(each) for each in await question_under_way] == expected * 20


async def test_a_process_that_does_nothing_is_not_waited_for(
    asking: SignatureChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature_checks, "ANSWER_SECONDS", 0.2)
    checks, expected = checks_of(300)
    assert await found(asking, checks) == expected
    for worker in workers():
        os.kill(worker.pid, signal.SIGSTOP)
    assert await found(asking, checks) == expected


def test_the_process_ends_with_the_one_that_asks() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "consumers.tabulator.signature_process"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    checks, expected = checks_of(3)
    child.stdin.write(question(checks))
    child.stdin.flush()
    assert child.stdout.read(3) == bytes(expected)
    os.kill(child.pid, signal.SIGINT)
    os.kill(child.pid, signal.SIGTERM)
    child.stdin.write(question(checks)[:50])
    child.stdin.close()
    assert child.wait(10) == 0
    assert child.stdout.read() == b""
    child.stdout.close()
