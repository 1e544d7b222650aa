"""One real Kafka and one real PostgreSQL for all integration tests; each election has topics and tables of its own."""

from __future__ import annotations

import importlib.util
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.postgres import EmbeddedPostgres
from runtime.kafka.seals import make_seal_keys
from tests.support.shared_data import DIY_2019
from tests.support.unclosed_databases import warn_of_unclosed_databases

# A shell that starts the suite in the background has it ignore SIGINT, and so would every child: `rekap up`, which heeds that
# on purpose, would never end where a test sends it Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A deadline measures what else runs on the machine.
hypothesis.settings.register_profile("rekap", deadline=None)
hypothesis.settings.load_profile("rekap")

warn_of_unclosed_databases()

Parts = dict[str, str]
"""Settings that name the running parts, for `running_stack`."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """What the suite needs beside Python: first what it cannot do without, then what some tests are skipped without."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return
    for tool, what in (("java", "Java 17 or newer, for Kafka"), ("mvn", "Maven, which fetches Kafka")):
        if shutil.which(tool) is None:
            terminal.write_line(f"missing: {what}; integration tests will fail")
    for there, what in (
        (shutil.which("go"), "Go: other people's readers of the log, of Compose files, manifests and alert rules"),
        (DIY_2019.is_dir(), "../shared/data: the imports of real elections"),
        (importlib.util.find_spec("libfaketime"), "libfaketime: faults with wrong clocks"),
    ):
        if not there:
            terminal.write_line(f"not here, so its tests are skipped: {what}")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def parts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Parts]:
    directory: Path = tmp_path_factory.mktemp("parts")
    kafka, database = EmbeddedKafka(directory), EmbeddedPostgres(directory)
    try:
        await kafka.start()
        make_seal_keys(directory / "workers-key.txt")
        yield {
            "REKAP_DATABASE": await database.start(),
            **kafka.settings,
            "REKAP_WORKERS_KEY": str(directory / "workers-key.txt"),
        }
    finally:
        await kafka.stop()
        await database.stop()
