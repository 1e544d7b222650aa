"""A small election on the real parts, and the keys that sign its forms."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest_asyncio

from projections.definition.compiled import Definition
from projections.station.submissions import EVENTS_PER_KEY_MAX
from rekap.embedded.ports import free_ports
from rekap.operate.stack import WORKERS, Stack, running_stack
from rekap.station.signing import Signer
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage
from tests.support.ledger import CREATED_AT, Corrections, private_key
from tests.support.small_election import reported, small_package


@asynccontextmanager
async def small_stack(
    directory: Path,
    election: str,
    settings: dict[str, str],
    *,
    package: ElectionPackage | None = None,
    workers: tuple[str, ...] = WORKERS,
    witnesses: int = 0,
    metrics_port: int = 0,
) -> AsyncIterator[Stack]:
    """A package, the small election unless another is given, under another id and counted by all workers. Package, data and
    logs of the processes are in the directory. All partitions are in the results."""
    package = package or small_package()
    write_package(
        replace(package, election=package.election.model_copy(update={"id": election})), directory / "election"
    )
    async with running_stack(
        directory / "election",
        directory / "data",
        private_key("authority"),
        log_directory=directory,
        settings=settings,
        workers=workers,
        witnesses=witnesses,
        metrics_port=metrics_port,
    ) as stack:
        async with httpx.AsyncClient(base_url=stack.url) as client:

            async def has_results() -> bool:
                return bool((await client.get("/v1/offices/president")).json()["as_of"])

            await eventually(has_results)
        yield stack


def stack_of(
    election: str,
    *,
    package: Callable[[], ElectionPackage] = small_package,
    workers: tuple[str, ...] = WORKERS,
    witnesses: int = 0,
    with_metrics: bool = False,
    own: tuple[str, ...] = (),
    **settings: str,
) -> Any:
    """A fixture for a module, to be named `stack`: a small_stack under this id, with these settings (REKAP_…), in which
    `{directory}` is the module's directory. The stack has parts of its own for the suite's settings that begin with one of
    `own`, such as REKAP_KAFKA."""

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def stack(directory: Path, parts: dict[str, str]) -> AsyncIterator[Stack]:
        shared = {name: value for name, value in parts.items() if not name.startswith(own)}
        for_module = {name: value.format(directory=directory) for name, value in settings.items()}
        async with small_stack(
            directory,
            election,
            shared | for_module,
            package=package(),
            workers=workers,
            witnesses=witnesses,
            metrics_port=free_ports(len(workers))[0] if with_metrics else 0,
        ) as running:
            yield running

    return stack


Answer = TypeVar("Answer")


async def eventually(question: Callable[[], Awaitable[Answer | None]], *, seconds: float = 180.0) -> Answer:
    """The first answer that is neither None nor False. Fails when there is none in time."""
    ends = time.monotonic() + seconds
    while not (answer := await question()):
        assert time.monotonic() < ends, f"no answer in {seconds} s"
        await asyncio.sleep(0.1)
    return answer


async def history_of(client: httpx.AsyncClient, station: str) -> list[dict[str, Any]]:
    """All pages of a station's history."""
    history: list[dict[str, Any]] = []
    asked: dict[str, str | int] = {"limit": 500}
    while True:
        page = (await client.get(f"/v1/stations/{station}", params=asked)).raise_for_status().json()
        history += page["history"]
        if page["next"] is None:
            return history
        asked["after"] = page["next"]


class Voices:
    """The keys of the small election, each with its own numbering."""

    def __init__(self, stack: Stack) -> None:
        election = stack.definition.election
        self._frame = {"election": election.id, "mode": election.mode.value, "definition": stack.definition.hash}
        self._next: dict[str, tuple[int, str | None]] = {}
        self._forms = _forms(stack.definition)
        self._corrections = Corrections()

    def sign(self, body: dict[str, Any], key: str = "officer", **frame: str) -> bytes:
        """An envelope as the key's own software would make it; `frame` replaces what the election has."""
        number, prev = self._next.get(key, (0, None))
        signer = Signer(private_key(key), next_seq=number, prev=prev, **{**self._frame, **frame})
        signed = self._corrections.signed(signer, {"created_at": CREATED_AT, **body})
        self._next[key] = number + 1, signed.event_id
        return signed.envelope

    def some(self, count: int) -> list[bytes]:
        """Forms of the stations in partition 0, none like another, for tests that need many records."""
        return [self.sign(next(self._forms)) for _ in range(count)]


def _forms(definition: Definition) -> Iterator[dict[str, Any]]:
    stations = [
        (code, contest)
        for number, code in enumerate(definition.stations.codes)
        if definition.stations.partition(number) == 0
        for contest in definition.electorates.contests_of_station(number)
    ]
    for version in range(1, EVENTS_PER_KEY_MAX + 1):
        for station, contest in stations:
            entry = definition.ballots.contests[contest]
            votes = dict.fromkeys(entry.choices, version % 90)
            valid = sum(votes.values())
            form = {"votes": votes, "VA": valid, "VB": 1, "VC": valid + 1}
            yield reported(station, version=version, contest=entry.id) | {"form": form}
