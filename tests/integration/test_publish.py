"""`rekap publish` beside the real parts: each file is what the API answers, also during the count and after kills."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from projections.shown.whole_cut import whole_cut
from rekap.operate.stack import Stack
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("publish", REKAP_REQUESTS_PER_S="0")


async def _command(stack: Stack, *arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, **stack.environment}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "rekap", "publish", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def _publishing(stack: Stack, directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await _command(stack, str(directory), "--every", "0.5", "--levels", "4", "--keep", "3")
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()


def _latest(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((directory / "v1/latest.json").read_bytes())
    return found


async def _agrees(stack: Stack, client: httpx.AsyncClient, directory: Path) -> bool:
    """Whether every file of the newest cut is what the API answers now."""
    if not (directory / "v1/latest.json").exists():
        return False
    cut = directory / "v1/cuts" / _latest(directory)["cut"]
    for page in whole_cut(stack.definition, 4):
        answer = await client.get(page.address)
        file = cut / f"{page.name}.json"
        small = file.with_name(f"{file.name}.gz")
        if answer.content != file.read_bytes():
            return False
        if small.exists():
            assert gzip.decompress(small.read_bytes()) == answer.content
            async with client.stream("GET", page.address, headers={"Accept-Encoding": "gzip"}) as raw:
                if b"".join([part async for part in raw.aiter_raw()]) != small.read_bytes():
                    return False
    return True


async def test_the_newest_cut_is_published_once(stack: Stack, client: httpx.AsyncClient, tmp_path: Path) -> None:
    process = await _command(stack, "--once", "--levels", "4", str(tmp_path / "new"))
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert out.decode().strip() == _latest(tmp_path / "new")["cut"]
    assert await _agrees(stack, client, tmp_path / "new")


async def test_each_cut_is_published_during_the_count_also_after_a_kill(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    for station in ("1.1.1-1", "2.2.2-2", "1.2.1-1"):
        async with _publishing(stack, tmp_path):  # killed at the end

            async def is_published() -> bool:
                return await _agrees(stack, client, tmp_path)

            await eventually(is_published)
            before = _latest(tmp_path)
            answer = await client.post("/v1/submissions", content=voices.sign(reported(station)))
            assert answer.status_code == 201, answer.text

            async def has_moved(before: str = before["cut"]) -> bool:
                return _latest(tmp_path)["cut"] > before and await _agrees(stack, client, tmp_path)

            await eventually(has_moved)
            assert 1 <= len([each for each in (tmp_path / "v1/cuts").iterdir() if each.name[0] != "."]) <= 3


async def test_one_process_publishes_in_a_directory_and_stops_in_order(stack: Stack, tmp_path: Path) -> None:
    async with _publishing(stack, tmp_path) as process:

        async def is_there() -> bool:
            return (tmp_path / "v1/latest.json").exists()

        await eventually(is_there)
        other = await _command(stack, "--once", str(tmp_path))
        _, err = await other.communicate()
        assert other.returncode == 3
        assert b"is in use by process" in err
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode == 0


async def test_what_cannot_be_used_is_named(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for arguments, sentence in (
        (("--levels", "9", str(tmp_path)), b"--levels: this election has 4 levels of areas, got 9"),
        (("--every", "0", str(tmp_path)), b"--every"),
        ((str(file),), b"is a file"),
    ):
        process = await _command(stack, *arguments)
        _, err = await process.communicate()
        assert process.returncode == 2, err
        assert sentence in err
