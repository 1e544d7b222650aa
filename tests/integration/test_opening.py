"""The genesis at offset 0 cannot be taken back: nothing wrong is written there, and no process runs that differs from it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer

from projections.definition.compiled import Definition
from rekap.operate.opening import ConfirmationError, NotOpenedError, OpeningError, check_opened, open_with_key
from runtime.files.key_files import write_key_file
from runtime.kafka.clients import plain_consumer
from runtime.kafka.genesis import first_records, write_genesis
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import create_topics
from runtime.package.writing import write_package
from runtime.settings import Settings, read_settings
from schemas.definition.package import ElectionPackage, Mode, Role
from tests.conftest import Parts
from tests.integration.test_commands import rekap
from tests.support.ledger import MemoryLedger, key_row, private_key
from tests.support.small_election import small_package

AUTHORITY = private_key("authority")


def _package(election: str, *, mode: Mode = Mode.REHEARSAL, licence: str = "CC0-1.0") -> ElectionPackage:
    package = small_package()
    named = package.election.model_copy(update={"id": election, "mode": mode, "licence": licence})
    return replace(package, election=named, keys=(*package.keys, key_row("province", Role.AUTHORITY, "1")))


async def _topics(settings: Settings) -> set[str]:
    consumer: AIOKafkaConsumer = plain_consumer(settings)
    await consumer.start()
    try:
        return set(await consumer.topics())
    finally:
        await consumer.stop()


@pytest.mark.parametrize("name", ["officer", "nobody", "province"])
async def test_a_key_that_may_not_open_writes_nothing(parts: Parts, name: str) -> None:
    settings, definition = read_settings(parts), Definition.of(_package(f"wrong-key-{name}"))
    with pytest.raises(OpeningError, match=r"cannot be opened with this key: key [0-9a-f]{16} is"):
        await open_with_key(settings, definition, private_key(name))
    assert not [topic for topic in await _topics(settings) if definition.election.id in topic]
    assert await open_with_key(settings, definition, AUTHORITY) is True, "the right key still opens it"
    assert await open_with_key(settings, definition, AUTHORITY) is False, "and again changes nothing"
    await check_opened(settings, definition)


async def test_a_genesis_half_written_is_completed_with_the_same_bytes(parts: Parts) -> None:
    settings, package = read_settings(parts), _package("half-open")
    definition = Definition.of(package)
    record = MemoryLedger(package).partitions[0][0]
    await create_topics(settings, package.election)
    await write_genesis(settings, package.election, record, [1])
    with pytest.raises(NotOpenedError, match="partitions 0, 2"):
        await check_opened(settings, definition)
    assert await open_with_key(settings, definition, AUTHORITY) is False
    assert await first_records(settings, package.election) == [record] * 3


async def test_a_live_election_is_opened_by_its_id_only(parts: Parts) -> None:
    settings, definition = read_settings(parts), Definition.of(_package("for-real", mode=Mode.LIVE))
    for confirmed in (None, "", "small", "FOR-REAL"):
        with pytest.raises(ConfirmationError, match=definition.hash):
            await open_with_key(settings, definition, AUTHORITY, confirmed=confirmed)
    assert topics_of(definition.election).ledger not in await _topics(settings)
    assert await open_with_key(settings, definition, AUTHORITY, confirmed="for-real") is True
    assert await open_with_key(settings, definition, AUTHORITY) is False, "what is open needs no confirmation"


@pytest.mark.parametrize("kind", ["another definition", "another election", "garbage"])
async def test_what_is_there_is_compared_before_anything_is_added(parts: Parts, kind: str) -> None:
    settings, package = read_settings(parts), _package(f"there-{kind.replace(' ', '-')}")
    record = {
        "another definition": MemoryLedger(_package(package.election.id, licence="CC-BY-4.0")).partitions[0][0],
        "another election": MemoryLedger(_package("elsewhere")).partitions[0][0],
        "garbage": b"not a record",
    }[kind]
    await create_topics(settings, package.election)
    await write_genesis(settings, package.election, record, [2])
    with pytest.raises(OpeningError, match="ledger partition 2 does not begin with the genesis of this package"):
        await open_with_key(settings, Definition.of(package), AUTHORITY)
    assert await first_records(settings, package.election) == [None, None, record]


@pytest.mark.parametrize("role", ["api", "tabulator", "rollup", "recorder", "notary"])
async def test_no_process_starts_with_a_package_that_was_changed_after_opening(
    parts: Parts, tmp_path: Path, role: str
) -> None:
    settings, opened = read_settings(parts), _package(f"changed-{role}")
    write_package(_package(f"changed-{role}", licence="CC-BY-4.0"), tmp_path / "election")
    await open_with_key(settings, Definition.of(opened), AUTHORITY)
    code, text = await _run(role, parts, tmp_path)
    assert code == 2
    assert f"the election was opened with definition {Definition.of(opened).hash}, and this package has " in text


async def test_no_process_starts_before_the_election_is_open(parts: Parts, tmp_path: Path) -> None:
    write_package(_package("not-open"), tmp_path / "election")
    code, text = await _run("api", parts, tmp_path)
    assert code == 2
    assert "election not-open (rehearsal) is not open in any partition: `rekap open --key KEY` opens it" in text


async def test_a_port_in_use_is_named_at_once_and_nothing_is_started(tmp_path: Path) -> None:
    write_package(_package("second"), tmp_path / "election")
    write_key_file(AUTHORITY, tmp_path / "authority.pem")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = await rekap(
            *("up", tmp_path / "election", "--key", tmp_path / "authority.pem"),
            *("--data", tmp_path / "data", "--port", port),
        )
    assert (code, out) == (3, "")
    assert err == (
        f"Error: port {port} of 127.0.0.1 is in use by another process, perhaps another `rekap up`: stop that process, or "
        "choose another port with --port\n"
    )
    assert not (tmp_path / "data").exists()


async def test_up_with_a_key_that_may_not_open_starts_nothing(tmp_path: Path) -> None:
    write_package(_package("up-wrong-key"), tmp_path / "election")
    write_key_file(private_key("officer"), tmp_path / "officer.pem")
    code, _, err = await rekap(
        "up", tmp_path / "election", "--key", tmp_path / "officer.pem", "--data", tmp_path / "data"
    )
    assert code == 2
    assert err.startswith("Error: the election cannot be opened with this key: ")
    assert not (tmp_path / "data").exists()


async def _run(role: str, parts: Parts, directory: Path) -> tuple[int | None, str]:
    """Exit code and output of `rekap run ROLE`, which must end by itself."""
    environment = {
        **os.environ,
        **parts,
        "REKAP_PACKAGE": str(directory / "election"),
        "REKAP_STATE_DIRECTORY": str(directory / "state"),
        "REKAP_LOG_KEY": str(directory / "log-key.pem"),
        "REKAP_GATEWAY_KEY": str(directory / "gateway-key.pem"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "run", role),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    text = out.decode()
    assert "Traceback" not in text
    assert list(_files(directory)) == ["election"], "nothing was made"
    return process.returncode, text


def _files(directory: Path) -> Iterable[str]:
    return sorted(path.name for path in directory.iterdir())
