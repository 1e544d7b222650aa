"""A tabulator that is killed goes on from a state it kept; one that is damaged, or of another ledger, changes nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from projections.definition.checks import problems
from projections.fold.state import StateOf, encoded
from proofs.checked_signatures import GROUP
from rekap.embedded.ports import free_ports
from rekap.operate.stack import WORKERS, Stack
from runtime.files.state_files import FOLD_CODE, StateFiles, hash_of_code
from runtime.package.reading import load_package
from runtime.settings import variable
from tests.conftest import Parts
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"


@dataclass
class Night:
    stack: Stack
    place: Path
    voices: Voices
    client: httpx.AsyncClient
    said: int = 0

    @property
    def states(self) -> Path:
        definition = self.stack.definition
        election = definition.election
        partition = definition.stations.partition(definition.stations.number[STATION])
        place = Path(self.stack.environment[variable("state_directory")])
        return place / f"{election.mode.value}.{election.id}" / "generation-1" / str(partition)

    async def say(self, versions: int = 1) -> None:
        """More versions of the station's result are sent, and the last is counted."""
        for _ in range(versions):
            self.said += 1
            body = reported(STATION, (self.said, 1, 2), version=self.said)
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
        """The station stands for its last version, in the read model, and the nation's total is that and no more."""
        standing = (await self.client.get(f"/v1/stations/{STATION}")).json()["contests"][0]
        nation = (await self.client.get("/v1/offices/president")).json()["contests"][0]["counted"]["votes"]
        return bool(standing["version"] == self.said and nation == {"01": self.said, "02": 1, "03": 2})

    async def kill(self) -> list[str]:
        """Kill the tabulator, and give what the next one said until it has spoken for all partitions."""
        log = self.place / "tabulator.log"
        before = len(log.read_text())
        process = self.stack.supervisor.process_id("tabulator")
        assert process is not None
        os.kill(process, signal.SIGKILL)

        async def lines() -> list[str] | None:
            said = log.read_text()[before:].splitlines()
            spoken = sum(" publishes " in line for line in said)
            return said if spoken == self.stack.definition.partitions else None

        said: list[str] = await eventually(lines)
        return said


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(tmp_path_factory: pytest.TempPathFactory, parts: Parts) -> AsyncIterator[Night]:
    place = tmp_path_factory.mktemp("states")
    async with (
        small_stack(
            place, "states", {**parts, variable("state_records"): "1"}, metrics_port=free_ports(len(WORKERS))[0]
        ) as stack,
        httpx.AsyncClient(base_url=stack.url) as client,
    ):
        yield Night(stack, place, Voices(stack), client)


def _folded_from(night: Night, said: list[str]) -> int:
    """The offset from which the worker that said this went on in the station's partition."""
    line = next(line for line in said if f"assigned partition={night.states.name} " in line)
    return int(line.rpartition("state=")[2])


async def test_the_next_worker_continues_from_the_newest_state(night: Night) -> None:
    for _ in range(4):
        await night.say()
    kept = await eventually(lambda: _through(night, 5))
    assert _folded_from(night, await night.kill()) == kept
    await night.say()


async def test_no_more_than_two_states_are_kept(night: Night) -> None:
    for _ in range(3):
        await night.say()
    await eventually(lambda: _through(night, night.said + 1))
    assert len(list(night.states.glob("*.state"))) == 2


async def test_a_damaged_state_is_deleted_and_logged(night: Night) -> None:
    for path in night.states.glob("*.state"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    said = await night.kill()
    assert _folded_from(night, said) == 0
    assert sum("state-thrown-away" in line and "SHA-256 differs" in line for line in said) == 2
    assert await night.is_counted()
    await night.say()


async def test_a_state_of_another_ledger_is_thrown_away(night: Night) -> None:
    """As after a restore into another cluster: same election and offsets, but other records."""
    definition = night.stack.definition
    other = MemoryLedger(load_package(night.place / "election", problems))
    assert other.definition.hash == definition.hash
    for version in range(1, 4):
        other.say("officer", reported(STATION, (9, 9, 9), version=version))
    partition = int(night.states.name)
    state = fold(other, partition)[0].state()
    for path in night.states.glob("*.state"):
        path.unlink()
    of = StateOf(definition.hash, hash_of_code(*FOLD_CODE), partition)
    StateFiles(night.states.parent).write(partition, state.next_offset, encoded(state, of))
    said = await night.kill()
    assert _folded_from(night, said) == state.next_offset == 4
    assert any("state-thrown-away" in line and "another record at offset 3" in line for line in said)
    assert await night.is_counted()
    await night.say()


async def test_a_fold_from_the_beginning_checks_no_signature_again(night: Night) -> None:
    """As after an upgrade, whose states are of other rules. Of a group that was not whole, all are checked again."""
    await night.say(2 * GROUP)
    await eventually(lambda: _through(night, night.said + 1))
    for path in night.states.glob("*.state"):
        path.unlink()
    said = await night.kill()
    assert _folded_from(night, said) == 0
    records = night.said + 1
    assert await night.signatures("remembered") == records // GROUP * GROUP
    assert await night.is_counted()
    await night.say()


async def test_what_is_remembered_of_other_keys_is_checked_again(night: Night) -> None:
    kept = night.states.parent.parent / "checked" / f"{night.states.name}.signatures"
    kept.write_bytes(kept.read_bytes().replace(night.stack.definition.hash.encode(), b"0" * 64))
    for path in night.states.glob("*.state"):
        path.unlink()
    assert _folded_from(night, await night.kill()) == 0
    assert await night.signatures("remembered") == 0
    assert await night.is_counted()
    await night.say()


async def _through(night: Night, offset: int) -> int | None:
    kept = [int(path.stem) for path in night.states.glob("*.state")]
    return max(kept) if kept and max(kept) >= offset else None
