"""The ledger as files: what was exported comes back at the same offsets, or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from rekap.embedded.kafka import EmbeddedKafka
from rekap.operate.ledger_files import LedgerFilesError, export_ledger, import_ledger
from rekap.operate.stack import Stack, running_stack
from runtime.files.key_files import KeyFileError
from runtime.settings import Settings, read_settings
from tests.support.ledger import private_key
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


stack = stack_of("ledger")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def elsewhere(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Settings]:
    """The settings of the same election on another Kafka, which is empty."""
    kafka = EmbeddedKafka(tmp_path_factory.mktemp("elsewhere"))
    try:
        await kafka.start()
        yield read_settings({**stack.environment, **kafka.settings})
    finally:
        await kafka.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exported(stack: Stack, voices: Voices, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("exported") / "files"
    lines = [
        voices.sign(reported(station, version=version))
        for station in stack.definition.stations.number
        for version in (1, 2)
    ]
    async with httpx.AsyncClient(base_url=stack.url) as client:
        await client.post("/v1/submissions:batch", content=b"\n".join(lines))
    heads = await export_ledger(read_settings(stack.environment), stack.definition, directory)
    assert sum(head.size for head in heads) == len(lines) + stack.definition.partitions
    return directory


async def test_a_changed_file_is_refused_before_anything_is_written(
    stack: Stack, exported: Path, elsewhere: Settings
) -> None:
    path = exported / "1.ledger"
    good = path.read_bytes()
    for bad, sentence in ((good[:-1] + bytes([good[-1] ^ 1]), "with root"), (good[:-1], "breaks off")):
        path.write_bytes(bad)
        with pytest.raises(LedgerFilesError, match=sentence):
            await import_ledger(elsewhere, stack.definition, exported)
    path.write_bytes(good)


async def test_the_files_of_another_definition_are_refused(stack: Stack, exported: Path, elsewhere: Settings) -> None:
    path = exported / "ledger.json"
    good = path.read_text()
    path.write_text(json.dumps(json.loads(good) | {"definition": "0" * 64}))
    with pytest.raises(LedgerFilesError, match="definition is 0000"):
        await import_ledger(elsewhere, stack.definition, exported)
    path.write_text(good)


async def test_what_was_exported_comes_back_at_the_same_offsets(
    stack: Stack, exported: Path, elsewhere: Settings, tmp_path: Path
) -> None:
    heads = await import_ledger(elsewhere, stack.definition, exported)
    assert await export_ledger(elsewhere, stack.definition, tmp_path) == heads
    for partition in range(stack.definition.partitions):
        name = f"{partition}.ledger"
        assert (tmp_path / name).read_bytes() == (exported / name).read_bytes()
    with pytest.raises(LedgerFilesError, match="is not empty"):
        await import_ledger(elsewhere, stack.definition, exported)


async def test_an_export_does_not_overwrite_another(stack: Stack, exported: Path) -> None:
    with pytest.raises(LedgerFilesError, match="exists already"):
        await export_ledger(read_settings(stack.environment), stack.definition, exported)


async def test_a_new_machine_begins_with_the_files(stack: Stack, exported: Path, tmp_path: Path) -> None:
    """`rekap up --import-ledger`: nothing is opened anew, and the count is the old one's."""
    authority, package = private_key("authority"), Path(stack.environment["REKAP_PACKAGE"])
    with pytest.raises(
        KeyFileError, match=r"log-key\.pem \(REKAP_LOG_KEY\) is missing, and .* has a ledger to begin with"
    ):
        async with running_stack(package, tmp_path / "data", authority, log_directory=tmp_path, ledger=exported):
            pass
    assert not (tmp_path / "data").exists(), "a forgotten key is found before anything is imported"
    (tmp_path / "data").mkdir()
    shutil.copy(stack.environment["REKAP_LOG_KEY"], tmp_path / "data" / "log-key.pem")
    async with (
        running_stack(package, tmp_path / "data", authority, log_directory=tmp_path, ledger=exported) as restored,
        httpx.AsyncClient(base_url=restored.url) as client,
        httpx.AsyncClient(base_url=stack.url) as before,
    ):
        wanted = (await before.get("/v1/offices/president")).json()

        async def is_the_same() -> bool:
            return bool((await client.get("/v1/offices/president")).json() == wanted)

        await eventually(is_the_same)
    with pytest.raises(LedgerFilesError, match="is not empty"):
        async with running_stack(package, tmp_path / "data", authority, log_directory=tmp_path, ledger=exported):
            pass
