"""One real Kafka and one real PostgreSQL for all integration tests; each election has topics and tables of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.postgres import EmbeddedPostgres

Parts = dict[str, str]
"""Settings that name the running parts, for `running_stack`."""

SECONDS_MAX = 60.0


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    directory: Path = tmp_path_factory.mktemp("parts")
    kafka, database = EmbeddedKafka(directory), EmbeddedPostgres(directory)
    try:
        yield {"REKAP_DATABASE": await database.start(), "REKAP_KAFKA": await kafka.start()}
    finally:
        await kafka.stop()
        await database.stop()


async def eventually(question: Callable[[], Awaitable[Any]], *, seconds: float = SECONDS_MAX) -> Any:
    """The first answer that is neither None nor False. Fails when there is none in time."""
    ends = time.monotonic() + seconds
    while not (answer := await question()):
        assert time.monotonic() < ends, f"no answer in {seconds} s"
        await asyncio.sleep(0.1)
    return answer
