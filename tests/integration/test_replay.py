"""A moment of the count, replayed from each source that has the log, gives the bytes that the API answered then."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson
import pytest
import pytest_asyncio

from rekap.embedded.ports import free_port
from rekap.operate.stack import Stack
from tests.support.small_election import annulled, reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = {
    "contests/president": ("--contest", "president"),
    "offices/president": ("--office", "president"),
    "areas/N?office=president": ("--area", "N", "--office", "president"),
    "areas/1.1?office=president": ("--area", "1.1", "--office", "president"),
    "areas/1.1.1?office=president": ("--area", "1.1.1", "--office", "president"),
    "stations/1.1.1-1": ("--station", "1.1.1-1"),
}


class Night(NamedTuple):
    package: Path
    logs: Path
    served: list[dict[str, bytes]]
    """At each of some moments the API's answers by path, all with the same cut."""
    on_the_way: list[bytes]
    """The contest as it was served while events came in."""


stack = stack_of("replay", REKAP_CHECKPOINT_MS="100")


async def _at_rest(client: httpx.AsyncClient, events: int, partitions: int) -> dict[str, bytes]:
    """All answers, once both cuts hold these events and the geneses."""

    async def all_in() -> bool:
        office = (await client.get("/v1/areas/N?office=president")).json()["offices"][0]
        cuts = [office["as_of"], office["shard_as_of"]]
        return all(sum(cut.values()) == events and len(cut) == partitions for cut in cuts)

    await eventually(all_in)
    return {path: (await client.get(f"/v1/{path}")).content for path in PATHS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(stack: Stack, voices: Voices, directory: Path) -> Night:
    """All events are of one office and about stations of one partition after the other, so that an offset counts events."""
    stations = stack.definition.stations.codes
    parts = [
        [reported(station, (n, 1, 1)) for n, station in enumerate(stations[:9])],
        [reported("1.1.1-1", (7, 7, 7), version=2), reported("1.1.1-2", VA=999, version=2)],
        [annulled("1.1.1-1", 2), *(reported(station, (1, n, 1)) for n, station in enumerate(stations[9:]))],
    ]
    served = []
    on_the_way: dict[bytes, None] = {}
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        sent = 0
        for bodies in parts:
            for body in bodies:
                key = "supervisor" if body["type"] == "result.annulled" else "officer"
                (await client.post("/v1/submissions", content=voices.sign(body, key))).raise_for_status()
                on_the_way[(await client.get("/v1/contests/president")).content] = None
            sent += len(bodies)
            served.append(await _at_rest(client, sent, stack.definition.partitions))

        async def is_published() -> bool:
            logs = (await client.get("/v1/log")).json()["logs"]
            return bool(sum(each["size"] or 0 for each in logs) == sent + stack.definition.partitions)

        await eventually(is_published)
    return Night(directory / "election", directory / "data" / "log", served, list(on_the_way))


async def _replay(night: Night, source: str, *options: str) -> tuple[int, bytes, str]:
    package = () if source.startswith("http") else ("--package", str(night.package))  # a server has its package
    command = [sys.executable, "-m", "rekap", "replay", source, *package, *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert "Traceback" not in err.decode()
    return process.returncode, out, err.decode()


def check_same(got: bytes, served: bytes) -> None:
    """With the first difference in sight: pytest's own takes minutes for lines of this length."""
    if got != served:
        at = next((index for index, (a, b) in enumerate(zip(got, served, strict=False)) if a != b), 0)
        start = max(at - 60, 0)
        pytest.fail(f"byte {at}: expected {served[start : at + 60]!r}, got {got[start : at + 60]!r}")


@pytest.mark.parametrize("kind", ["url", "directory", "kafka"])
async def test_a_replay_gives_the_bytes_that_were_served_at_that_moment(
    stack: Stack, night: Night, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REKAP_KAFKA_USER", "REKAP_KAFKA_MECHANISM", "REKAP_KAFKA_PASSWORD"):
        monkeypatch.setenv(name, stack.environment[name])
    sources = {"url": stack.url, "directory": str(night.logs), "kafka": f"kafka://{stack.environment['REKAP_KAFKA']}"}
    assert len({served["contests/president"] for served in night.served}) == 3
    for moment, served in enumerate(night.served):
        to = orjson.dumps(orjson.loads(served["contests/president"])["as_of"]).decode()
        paths = (
            PATHS
            if (kind, moment) in (("directory", 1), ("directory", 2))
            else {"contests/president": PATHS["contests/president"]}
        )
        for path, options in paths.items():
            code, out, err = await _replay(night, sources[kind], "--to", to, "--json", *options)
            assert code == 0, err
            check_same(out, served[path])


async def test_what_was_served_while_events_came_in_is_replayed_too(night: Night) -> None:
    for served in night.on_the_way[:: max(1, len(night.on_the_way) // 3)]:
        code, out, err = await _replay(
            night, str(night.logs), "--to", served.decode(), "--json", "--contest", "president"
        )
        assert code == 0, err
        check_same(out, served)


async def test_a_later_correction_is_not_in_an_earlier_moment(night: Night) -> None:
    """Else the test above could pass with a fold that ignores --to for stations."""
    histories = [len(orjson.loads(served["stations/1.1.1-1"])["history"]) for served in night.served]
    assert histories == [1, 2, 3]


async def test_without_json_it_is_a_table(night: Night) -> None:
    code, out, _ = await _replay(night, str(night.logs), "--contest", "president")
    assert code == 0
    assert "Nation" in out.decode()
    assert "Pair 1" in out.decode()
    code, out, _ = await _replay(night, str(night.logs), "--level", "province", "--office", "president")
    assert (code, "Province 1" in out.decode(), "Province 2" in out.decode()) == (0, True, True)
    code, out, _ = await _replay(night, str(night.logs), "--station", "1.1.1-1")
    assert (code, "result.annulled" in out.decode()) == (0, True)


async def test_a_moment_is_served_at_the_paths_of_the_api(night: Night) -> None:
    served = night.served[1]
    to = orjson.dumps(orjson.loads(served["contests/president"])["as_of"]).decode()
    port = free_port()
    command = ["replay", str(night.logs), "--package", str(night.package), "--to", to, "--serve", str(port)]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "rekap", *command)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/v1/") as client:

            async def answers() -> bool:
                try:
                    return (await client.get("contests/president")).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(answers)
            for path in PATHS:
                if not path.startswith("stations/"):
                    check_same((await client.get(path)).content, served[path])
            unknown = await client.get("areas/9.9")
            assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
            assert (await client.get("stations/1.1.1-1")).status_code == 422
    finally:
        os.kill(process.pid, signal.SIGINT)
        assert await process.wait() == 0


async def test_what_cannot_be_replayed_is_one_sentence(night: Night, tmp_path: Path) -> None:
    for code, sentence, options in (
        (2, "there is no contest 'mayor'", [str(night.logs), "--contest", "mayor"]),
        (2, "--to: expected", [str(night.logs), "--to", "yesterday"]),
        (2, "has", [str(night.logs), "--to", "0:99999,1:0,2:0"]),
        (2, "has no offset for partition 1, 2", [str(night.logs), "--to", "0:0"]),
        (3, "holds no log of election replay", [str(tmp_path)]),
        (3, "no server answers there", ["http://127.0.0.1:1"]),
        (2, "", [str(night.logs), "--package", str(tmp_path / "none")]),
    ):
        got, out, err = await _replay(night, *options)
        assert (got, out) == (code, b""), err
        assert sentence in err
        assert err.strip().splitlines()[-1].startswith("Error: ")
