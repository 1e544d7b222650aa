"""One real Kafka and one real PostgreSQL for all integration tests; each election has topics and tables of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.postgres import EmbeddedPostgres

Parts = dict[str, str]
"""Settings that name the running parts, for `running_stack`."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    directory: Path = tmp_path_factory.mktemp("parts")
    kafka, database = EmbeddedKafka(directory), EmbeddedPostgres(directory)
    try:
        yield {"REKAP_DATABASE": await database.start(), "REKAP_KAFKA": await kafka.start()}
    finally:
        await kafka.stop()
        await database.stop()
