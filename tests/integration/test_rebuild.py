"""Everything derived is built again from the ledger while stations report and readers read; then it is what is served."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from itertools import chain, cycle, pairwise
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from projections.readmodel.queries import schema_of
from rekap.client.live_feed import follow
from rekap.operate import rebuild
from rekap.operate.stack import Stack
from runtime.kafka.generations import current_generation
from runtime.settings import read_settings, variable
from tests.support.numbers_changed import number_changed
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

VILLAGE = "1.1.1"
"""Its row in the read model is tampered with."""


stack = stack_of("rebuild")


async def _rebuild(stack: Stack, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "rebuild", *arguments),
        env=stack.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 240)
    return process.returncode or 0, output.decode()


class Reader:
    """Reads the nation's total over and over, and remembers what a reader should never see."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._as_of: dict[str, int] = {}
        self.wrong: list[str] = []
        self.answers = 0

    async def run(self) -> None:
        while True:
            answer = await self._client.get("/v1/offices/president")
            self.answers += 1
            if answer.status_code != 200:
                self.wrong.append(f"{answer.status_code}: {answer.text}")
            else:
                self._look("snapshot", answer.json()["as_of"])
            await asyncio.sleep(0.02)

    def _look(self, what: str, as_of: dict[str, int]) -> None:
        back = {p: (before, as_of.get(p)) for p, before in self._as_of.items() if as_of.get(p, -1) < before}
        if back:
            self.wrong.append(f"{what} stepped back: {back}")
        self._as_of = as_of


async def _listen(url: str, messages: list[dict[str, Any]]) -> None:
    async for message in follow(url, office="president"):
        messages.append(message)


async def _tamper(stack: Stack) -> None:
    """The read model differs from the ledger, as after a bug or a change by hand."""
    connection = await asyncpg.connect(
        stack.environment[variable("database")],
        server_settings={"search_path": f'"{schema_of(stack.definition.election)}"'},
    )
    try:
        changed = await connection.execute(
            number_changed("area_tally", "tally", 1, 100_000, "area = $1"),
            VILLAGE,
        )
        assert changed != "UPDATE 0"
    finally:
        await connection.close()


SILENT_ROLLUP = """
import sys
if "rollup" in sys.argv:
    import asyncio
    from streams import rollup

    async def silent(self):
        await asyncio.Event().wait()

    rollup.Publisher.run = silent
"""
"""As `sitecustomize` of the workers that a rebuild starts: its roll-up reads, and publishes nothing."""


async def test_nothing_is_switched_over_before_the_sums_are_there(
    stack: Stack, voices: Voices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rebuild stops although keyframes of the tabulator are recorded all the while."""
    (tmp_path / "sitecustomize.py").write_text(SILENT_ROLLUP)
    for name, value in {**stack.environment, "PYTHONPATH": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rebuild, "JOIN_SECONDS_MAX", 8.0)
    settings = read_settings(stack.environment)
    following = await rebuild.next_generation(settings, stack.definition, 1)
    with pytest.raises(rebuild.RebuildError, match="nothing has moved for 8 s"):
        await rebuild.Rebuild(settings, stack.definition, following, stack.url).run()
    assert await current_generation(settings, stack.definition.election, stack.definition.hash) == 1


async def test_what_another_version_began_is_not_continued(stack: Stack) -> None:
    """Generation 2 was begun, and not finished, by the test before; the next one continues it."""
    settings, definition = read_settings(stack.environment), stack.definition
    mark = settings.state_directory / "rehearsal.rebuild" / "generation-2" / "made-by"
    right = mark.read_text()
    assert await rebuild.next_generation(settings, definition, 1) == 2
    mark.write_text("other rules")
    assert await rebuild.next_generation(settings, definition, 1) == 3
    mark.write_text(right)


async def test_everything_is_built_again_beside_what_is_served_and_then_served(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    stations = list(stack.definition.stations.codes)
    # Each station once, then again and again those outside the village that is tampered with: a newer result of it
    # would mend its row, before the rebuild does.
    again = [station for station in stations if not station.startswith(f"{VILLAGE}.")]
    newest = dict.fromkeys(stations, 0)
    versions: Counter[str] = Counter()
    stop = asyncio.Event()

    async def report() -> None:
        for number, station in enumerate(chain(stations, cycle(again))):
            versions[station] += 1
            body = reported(station, (number, 1, 2), version=versions[station])
            answer = await client.post("/v1/submissions", content=voices.sign(body))
            assert answer.status_code == 201, answer.text
            newest[station] = number
            if stop.is_set():
                return
            await asyncio.sleep(0.05)

    def sent() -> int:
        return versions.total()

    async def votes() -> int:
        answer = (await client.get("/v1/offices/president")).json()
        return int(answer["contests"][0]["counted"]["votes"]["01"])

    async def village() -> Any:
        areas = (await client.get(f"/v1/areas/{VILLAGE}")).json()["offices"]
        return next(each for each in areas if each["office"] == "president")["contests"][0]["counted"][
            "registered_voters"
        ]

    reporting = asyncio.create_task(report())
    await eventually(lambda: _true(sent() > 40))

    async def village_is_recorded() -> bool:
        return bool(await village() == 201 + 202)

    await eventually(village_is_recorded)
    await _tamper(stack)

    async def village_is_wrong() -> bool:
        return bool(await village() == 201 + 202 + 100_000)

    await eventually(village_is_wrong)  # an answer is kept for some seconds
    reader = Reader(client)
    messages: list[dict[str, Any]] = []
    watching = [asyncio.create_task(reader.run()), asyncio.create_task(_listen(stack.url, messages))]

    code, output = await _rebuild(stack)
    assert code == 0, output
    assert f"{stack.url} serves generation 2" in output
    messages_before = len(messages)
    sent_before = sent()
    await eventually(lambda: _true(sent() > sent_before + 20))
    stop.set()
    await reporting

    async def all_counted() -> bool:
        return await votes() == sum(newest.values())

    await eventually(all_counted)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)

    assert reader.wrong == []
    assert reader.answers > 100
    assert await village() == 201 + 202, "what was tampered with is gone"
    health = (await client.get("/v1/health")).json()
    assert (health["generation"], health["status"]) == (2, "ok")
    # The feed: ended once, begun again with a marker, and no state older than one before.
    assert len(messages) > messages_before
    assert any(message.get("reason") == "cursor-too-old" for message in messages)
    cuts = [message["as_of"] for message in messages if message["type"] in ("snapshot", "change")]
    for before, after in pairwise(cuts):
        assert all(after.get(partition, -1) >= offset for partition, offset in before.items())


async def test_an_older_generation_is_dropped_and_the_one_served_is_not(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    code, output = await _rebuild(stack, "--drop", "2", "--yes")
    assert code == 1
    assert "generation 2 cannot be dropped" in output
    code, output = await _rebuild(stack, "--drop", "1", "--yes")
    assert code == 0, output
    connection = await asyncpg.connect(stack.environment[variable("database")])
    try:
        name = schema_of(stack.definition.election)
        schemas = await connection.fetch("SELECT 1 FROM pg_namespace WHERE nspname = $1", name)
    finally:
        await connection.close()
    assert schemas == []
    assert not (Path(stack.environment[variable("state_directory")]) / "rehearsal.rebuild" / "generation-1").exists()
    assert (await client.get("/v1/offices/president")).status_code == 200


async def _true(answer: bool) -> bool:
    return answer
