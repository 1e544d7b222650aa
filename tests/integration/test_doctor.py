"""`rekap doctor`: a healthy stack is as in the ledger; a change by hand is found and named."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from projections.area.tally import HEAD
from projections.fold.state import StateOf, decoded, encoded
from projections.loghead.queries import schema_of as log_schema_of
from projections.readmodel.queries import schema_of
from rekap.operate.stack import Stack
from runtime.files.state_files import FOLD_CODE, hash_of_code
from runtime.settings import variable
from tests.support.numbers_changed import number_changed
from tests.support.small_election import annulled, reported, reviewed
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


stack = stack_of("doctor", REKAP_STATE_RECORDS="1", REKAP_CHECKPOINT_MS="200")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def night(stack: Stack) -> None:
    """Some results, one held and accepted, one corrected, one annulled, one refused; all of it recorded."""
    voices = Voices(stack)
    first, second, third, *others = stack.definition.stations.codes
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:

        async def submit(body: dict[str, Any], key: str = "officer") -> str:
            answer = await client.post("/v1/submissions", content=voices.sign(body, key))
            assert answer.status_code == 201, answer.text
            return str(answer.json()["submission"])

        held = await submit(reported(first, VA=999))
        await submit(reviewed(first, held, "accepted"), "reviewer")
        await submit(reported(second))
        await submit(reported(second, (1, 2, 3), version=2))
        await submit(reported(third))
        await submit(annulled(third, 1), "supervisor")
        for station in others:
            await submit(reported(station))

        async def recorded() -> bool:
            stages = (await client.get("/v1/health")).json()["stages"]
            return all(stages[stage]["lag_records"] == 0 for stage in ("tabulator", "recorder"))

        await eventually(recorded)


async def _doctor(stack: Stack) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "doctor"),
        env=stack.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, output.decode() + errors.decode()


@asynccontextmanager
async def _database(stack: Stack, schema: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(
        stack.environment[variable("database")], server_settings={"search_path": f'"{schema}"'}
    )
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_healthy_stack_is_as_in_the_ledger(stack: Stack) -> None:
    code, output = await _doctor(stack)
    assert code == 0, output
    rows = {line[:34].strip(): line[34:].split() for line in output.splitlines() if line[34:].strip()}
    forms = len(stack.definition.stations.codes) + 3
    partitions = stack.definition.partitions
    assert rows["record"] == [str(forms + partitions), "0"]
    assert rows["record_state"] == [str(forms + partitions), "0"]
    assert rows["station_result"] == [str(len(stack.definition.stations.codes)), "0"]
    for kind in ("area_tally below the shard level", "area_tally from the shard level up", "office_tally", "state"):
        assert int(rows[kind][0]) > 0, kind
    assert int(rows["log head"][0]) == int(rows["checkpoint file"][0]) == partitions
    assert "all is as in the ledger" in output


@pytest.mark.parametrize(
    ("change", "back", "line", "differences"),
    [
        (
            number_changed("area_tally", "tally", HEAD, 5, "area = '1.1.1' AND contest = 'president'"),
            number_changed("area_tally", "tally", HEAD, -5, "area = '1.1.1' AND contest = 'president'"),
            "area_tally below the shard level president/1.1.1: expected",
            1,
        ),
        (
            number_changed("area_tally", "tally", HEAD, 5, "area = 'N'"),
            number_changed("area_tally", "tally", HEAD, -5, "area = 'N'"),
            "area_tally from the shard level up president/N: expected",
            1,
        ),
        (
            "UPDATE office_tally SET tally = '[0' || substring(tally FROM ',.*') WHERE area = '1.1' AND office = 'president'",
            None,
            "office_tally president/1.1: expected",
            1,
        ),
        (
            "UPDATE station_result SET state = 'counted' WHERE state = 'annulled'",
            "UPDATE station_result SET state = 'annulled' WHERE contribution IS NULL",
            "station_result 1.1.2-1/president: expected",
            1,
        ),
        (
            "UPDATE record SET payload = replace(payload, 'TPS', 'tps'), version = 7 WHERE station = '2.2.2-2'",
            "UPDATE record SET version = 1 WHERE station = '2.2.2-2'",
            ", 7, ",
            1,
        ),
        ("DELETE FROM record WHERE station = '2.2.2-2'", None, "found nothing", 2),
        (
            "INSERT INTO record SELECT * FROM jsonb_populate_record("
            "(SELECT record FROM record WHERE partition = 0 LIMIT 1), '{\"offset\": 999}')",
            'DELETE FROM record WHERE "offset" = 999',
            "record_state 0/999: expected nothing",
            2,  # the contribution, and its state
        ),
        (
            "INSERT INTO record SELECT * FROM jsonb_populate_record((SELECT record FROM record LIMIT 1), '{\"partition\":99}')",
            "DELETE FROM record WHERE partition = 99",
            "record 99/0: expected nothing",
            1,
        ),
        (
            "INSERT INTO area_tally (contest, area, tally) VALUES ('president', 'nowhere', '[1]')",
            "DELETE FROM area_tally WHERE area = 'nowhere'",
            "area_tally president/nowhere: expected nothing",
            1,
        ),
        (
            "UPDATE block_watermark SET through = 1 WHERE office = '-' AND partition = 0",
            "UPDATE block_watermark SET through = 0 WHERE office = '-' AND partition = 0",
            "block_watermark -/0: expected 0, found 1",
            1,
        ),
        (
            "INSERT INTO result_watermark VALUES ('nobody', '{0,0,0}')",
            "DELETE FROM result_watermark WHERE office = 'nobody'",
            "result_watermark nobody: expected nothing",
            1,
        ),
        (
            "INSERT INTO topic_position VALUES ('elsewhere', 0, 5)",
            "DELETE FROM topic_position WHERE topic = 'elsewhere'",
            "topic_position elsewhere/0: expected 0, found 5",
            1,
        ),
    ],
)
async def test_what_was_changed_in_the_read_model_is_found(
    stack: Stack, change: str, back: str | None, line: str, differences: int
) -> None:
    async with _database(stack, schema_of(stack.definition.election)) as connection:
        transaction_rows = await connection.fetch("SELECT * FROM record")
        tallies = await connection.fetch("SELECT * FROM office_tally")
        assert (await connection.execute(change)).rpartition(" ")[2] != "0"
        code, output = await _doctor(stack)
        if back is not None:
            await connection.execute(back)
        elif "DELETE" in change:
            await connection.execute("TRUNCATE record")
            await connection.copy_records_to_table("record", records=[tuple(row) for row in transaction_rows])
        else:
            await connection.execute("TRUNCATE office_tally")
            await connection.copy_records_to_table("office_tally", records=[tuple(row) for row in tallies])
    assert code == 1, output
    assert line in output
    assert f"\n{differences} differences" in output
    code, output = await _doctor(stack)
    assert code == 0, output


async def test_a_head_of_the_log_that_is_not_the_ledgers_is_found(stack: Stack) -> None:
    async with _database(stack, log_schema_of(stack.definition.election)) as connection:
        root = await connection.fetchval("SELECT root FROM log_head WHERE partition = 0")
        await connection.execute("UPDATE log_head SET root = $1 WHERE partition = 0", "0" * 64)
        code, output = await _doctor(stack)
        await connection.execute("UPDATE log_head SET root = $1 WHERE partition = 0", root)
    assert code == 1
    assert "log head partition 0, size " in output


async def _doctor_while_damaged(stack: Stack, path: Path) -> tuple[int, str]:
    """Exit code and output while the last bit of a file is another."""
    right = path.read_bytes()
    path.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    found = await _doctor(stack)
    path.write_bytes(right)
    return found


@pytest.mark.parametrize("kind", ["tile/0/000.p", "tile/entries/000.p"])
async def test_a_file_of_the_log_that_is_not_the_ledgers_is_found(stack: Stack, kind: str) -> None:
    election = stack.definition.election
    directory = Path(stack.environment[variable("log_directory")]) / election.mode.value / election.id / "0" / kind
    path = max(directory.iterdir(), key=lambda each: int(each.name))
    code, output = await _doctor_while_damaged(stack, path)
    assert code == 1
    assert f"file of the log {path}: expected {path.stat().st_size} bytes with SHA-256" in output
    assert "1 differences, also in the public log: delete nothing" in output


async def test_a_state_that_is_damaged_is_found(stack: Stack) -> None:
    """The newest is not the only one that a tabulator may begin with."""
    directory = Path(stack.environment[variable("state_directory")]) / "rehearsal.doctor" / "generation-1"
    path = min((directory / str(stack.definition.stations.partition(0))).glob("*.state"))
    code, output = await _doctor_while_damaged(stack, path)
    assert code == 1
    assert f"state {path}: expected what was written" in output


async def test_a_state_that_others_may_write_is_not_compared(stack: Stack) -> None:
    """A tabulator does not begin with it either."""
    directory = Path(stack.environment[variable("state_directory")]) / "rehearsal.doctor" / "generation-1"
    path = max((directory / str(stack.definition.stations.partition(0))).glob("*.state"))
    before = path.stat().st_mode
    path.chmod(before | 0o002)
    _, output = await _doctor(stack)
    path.chmod(before)
    assert f"{path} would be thrown away and is not compared: others may write {path}" in output


async def test_a_state_that_is_wrong_though_whole_is_found(stack: Stack) -> None:
    """As a bug would have written it: its hash is right, its numbers are not."""
    definition = stack.definition
    directory = Path(stack.environment[variable("state_directory")]) / "rehearsal.doctor" / "generation-1"
    partition = definition.stations.partition(0)
    path = max((directory / str(partition)).glob("*.state"))
    of = StateOf(definition.hash, hash_of_code(*FOLD_CODE), partition)
    right = path.read_bytes()
    state = decoded(right, of)
    numbers = bytearray(state.tally_numbers)
    numbers[8] ^= 1
    path.write_bytes(b"".join(encoded(state._replace(tally_numbers=bytes(numbers)), of)))
    code, output = await _doctor(stack)
    path.write_bytes(right)
    assert code == 1
    assert f"state of partition {partition} at offset {state.next_offset - 1}, tally_numbers" in output


async def test_a_database_without_the_election_gets_a_sentence(stack: Stack) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "doctor"),
        env={**stack.environment, variable("generation"): "77"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert errors.decode().startswith("Error: this database has no read model of the election")
