"""A tabulator that was killed continues from a state it kept. One that is damaged, or of another ledger, changes nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from projections.checks.package_checks import problems
from projections.fold.state import StateOf, encoded
from proofs.checked_signatures import GROUP
from rekap.operate.stack import WORKERS, Stack
from runtime.files.state_files import FOLD_CODE, StateFiles, hash_of_code
from runtime.package.reading import load_package
from runtime.settings import variable
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"


@dataclass
class Night:
    stack: Stack
    directory: Path
    voices: Voices
    client: httpx.AsyncClient
    versions: int = 0

    @property
    def states(self) -> Path:
        definition = self.stack.definition
        election = definition.election
        partition = definition.stations.partition(definition.stations.number[STATION])
        states = Path(self.stack.environment[variable("state_directory")])
        return states / f"{election.mode.value}.{election.id}" / "generation-1" / str(partition)

    async def report(self, versions: int = 1) -> None:
        """More versions of the station's result are sent, and the last is counted."""
        for _ in range(versions):
            self.versions += 1
            body = reported(STATION, (self.versions, 1, 2), version=self.versions)
            answer = await self.client.post("/v1/submissions", content=self.voices.sign(body))
            assert answer.status_code == 201, answer.text
        await eventually(self.is_counted)

    async def signatures(self, how: str) -> int:
        """How many the tabulator has checked, or remembered."""
        port = self.stack.metrics_port + WORKERS.index("tabulator")
        text = (await self.client.get(f"http://127.0.0.1:{port}/metrics")).text
        name = f'rekap_tabulator_signatures_total{{how="{how}"}} '
        return sum(int(float(line.removeprefix(name))) for line in text.splitlines() if line.startswith(name))

    async def is_counted(self) -> bool:
        """Whether the station's last version counts in the read model, and the nation's total is that and no more."""
        standing = (await self.client.get(f"/v1/stations/{STATION}")).json()["contests"][0]
        nation = (await self.client.get("/v1/offices/president")).json()["contests"][0]["counted"]["votes"]
        return bool(standing["version"] == self.versions and nation == {"01": self.versions, "02": 1, "03": 2})

    async def kill(self) -> list[str]:
        """Kill the tabulator, and give what the next one logs until it publishes for all partitions."""
        log_file = self.directory / "tabulator.log"
        before = len(log_file.read_text())
        process = self.stack.supervisor.process_id("tabulator")
        assert process is not None
        os.kill(process, signal.SIGKILL)

        async def lines() -> list[str] | None:
            logged = log_file.read_text()[before:].splitlines()
            publishing = sum(" publishes " in line for line in logged)
            return logged if publishing == self.stack.definition.partitions else None

        logged: list[str] = await eventually(lines)
        return logged


stack = stack_of("states", with_metrics=True, REKAP_STATE_RECORDS="1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(stack: Stack, directory: Path) -> AsyncIterator[Night]:
    async with httpx.AsyncClient(base_url=stack.url) as client:
        yield Night(stack, directory, Voices(stack), client)


def _folded_from(night: Night, logged: list[str]) -> int:
    """The offset from which the worker that logged this folded the station's partition."""
    line = next(line for line in logged if f"assigned partition={night.states.name} " in line)
    return int(line.rpartition("state=")[2])


async def test_the_next_worker_continues_from_the_newest_state(night: Night) -> None:
    for _ in range(4):
        await night.report()
    kept = await eventually(lambda: _through(night, 5))
    assert _folded_from(night, await night.kill()) == kept
    await night.report()


async def test_no_more_than_two_states_are_kept(night: Night) -> None:
    for _ in range(3):
        await night.report()
    await eventually(lambda: _through(night, night.versions + 1))
    assert len(list(night.states.glob("*.state"))) == 2


async def test_a_damaged_state_is_deleted_and_logged(night: Night) -> None:
    for path in night.states.glob("*.state"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    logged = await night.kill()
    assert _folded_from(night, logged) == 0
    assert sum("state-thrown-away" in line and "SHA-256 differs" in line for line in logged) == 2
    assert await night.is_counted()
    await night.report()


async def test_a_state_of_another_ledger_is_thrown_away(night: Night) -> None:
    """As after a restore into another cluster: same election and offsets, but other records."""
    definition = night.stack.definition
    other = MemoryLedger(load_package(night.directory / "election", problems))
    assert other.definition.hash == definition.hash
    for version in range(1, 4):
        other.append_as("officer", reported(STATION, (9, 9, 9), version=version))
    partition = int(night.states.name)
    state = fold(other, partition)[0].state()
    for path in night.states.glob("*.state"):
        path.unlink()
    of = StateOf(definition.hash, hash_of_code(*FOLD_CODE), partition)
    StateFiles(night.states.parent).write(partition, state.next_offset, encoded(state, of))
    logged = await night.kill()
    assert _folded_from(night, logged) == state.next_offset == 4
    assert any("state-thrown-away" in line and "another record at offset 3" in line for line in logged)
    assert await night.is_counted()
    await night.report()


async def test_a_fold_from_the_beginning_checks_no_signature_again(night: Night) -> None:
    """As after an upgrade, whose states are of other rules. Of a group that was not whole, all are checked again."""
    await night.report(2 * GROUP)
    await eventually(lambda: _through(night, night.versions + 1))
    for path in night.states.glob("*.state"):
        path.unlink()
    logged = await night.kill()
    assert _folded_from(night, logged) == 0
    records = night.versions + 1
    assert await night.signatures("remembered") == records // GROUP * GROUP
    assert await night.is_counted()
    await night.report()


async def test_what_is_remembered_of_other_keys_is_checked_again(night: Night) -> None:
    kept = night.states.parent.parent / "checked" / f"{night.states.name}.signatures"
    kept.write_bytes(kept.read_bytes().replace(night.stack.definition.hash.encode(), b"0" * 64))
    for path in night.states.glob("*.state"):
        path.unlink()
    assert _folded_from(night, await night.kill()) == 0
    assert await night.signatures("remembered") == 0
    assert await night.is_counted()
    await night.report()


async def _through(night: Night, offset: int) -> int | None:
    kept = [int(path.stem) for path in night.states.glob("*.state")]
    return max(kept) if kept and max(kept) >= offset else None
