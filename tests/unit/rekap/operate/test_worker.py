"""How a worker ends: a part of the system that is away is a sentence and exit code 3, a bug a traceback and 70."""

from __future__ import annotations

import asyncio
import logging

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from projections.definition.compiled import Definition
from rekap.exit_codes import ExitCode
from rekap.operate.worker import _work
from runtime.files.tile_store import NoAccessError, RewriteError
from runtime.settings import Settings
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KafkaConnectionError("a text"), ExitCode.NOT_REACHED, "no broker answers there (KafkaConnectionError)"),
        (asyncpg.CannotConnectNowError("a text"), ExitCode.NOT_REACHED, "the server is starting or stopping"),
        (asyncpg.DiskFullError("a text"), ExitCode.NOT_REACHED, "the server's disk is full (DiskFullError)"),
        (ConnectionRefusedError(111, "a text"), ExitCode.NOT_REACHED, "no server answers there (Conn"),
        (NoAccessError("0/checkpoint cannot be written: No space left on device"), ExitCode.UNUSABLE, "no space left"),
        (RewriteError("0/checkpoint holds other bytes"), ExitCode.STOPPED, "RewriteError: 0/checkpoint"),
        (asyncpg.UndefinedColumnError("column of ours"), ExitCode.STOPPED, "UndefinedColumnError: column of ours"),
        (ValueError("a bug"), ExitCode.STOPPED, "ValueError: a bug"),
    ],
)
def test_a_worker_ends_with_the_code_of_its_reason(
    caplog: pytest.LogCaptureFixture, error: Exception, code: ExitCode, sentence: str
) -> None:
    async def work(*_: object) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        _work("recorder", work, Settings(), DEFINITION)
    assert ended.value.code == code
    (record,) = caplog.records
    assert sentence.lower() in record.getMessage().lower()
    assert (record.exc_info is None) == (code is not ExitCode.STOPPED)
    assert record.levelno == (logging.CRITICAL if code is ExitCode.STOPPED else logging.ERROR)


def test_a_worker_that_was_stopped_ends_in_order(caplog: pytest.LogCaptureFixture) -> None:
    async def work(_: Settings, __: Definition, stop: asyncio.Event) -> None:
        stop.set()

    with caplog.at_level(logging.INFO):
        _work("recorder", work, Settings(), DEFINITION)
    assert caplog.messages == ["stopped role=recorder"]
