"""The commands of the README can be typed, and what it links to exists."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from pathlib import Path

import httpx
import pytest

from rekap.embedded.ports import free_port
from tests.conftest import Parts
from tests.support.stacks import eventually

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.split(" #")[0].split() for block in BLOCKS for line in block.splitlines() if "bin/rekap" in line]
STOPS = re.findall(r"`([a-z_/]+\.py): ([A-Za-z_.]+)`", README)
LINKS = re.findall(r"\]\(([^)#]+)\)", README)


@pytest.mark.parametrize(("file", "name"), STOPS)
def test_each_stop_of_follow_one_form_is_there(file: str, name: str) -> None:
    scope: list[ast.stmt] = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = next((node for node in scope if getattr(node, "name", None) == part), None)
        assert found is not None, f"{file} has no {name}"
        scope = getattr(found, "body", [])


@pytest.mark.parametrize("link", LINKS)
def test_each_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


async def _rekap(directory: Path, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rekap", *arguments, cwd=directory, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, shlex.join(arguments)
    return out.decode()


async def test_an_election_of_your_own_as_the_readme_has_it(
    tmp_path: Path, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in parts.items():
        monkeypatch.setenv(name, value)
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/example-form.json", tmp_path / "docs")
    by_name = {tuple(command[1:3]) if command[1] == "election" else command[1]: command[1:] for command in COMMANDS}

    await _rekap(tmp_path, *by_name["election", "new"])
    assert "definition hash" in await _rekap(tmp_path, *by_name["election", "check"])
    up = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rekap",
        *by_name["up"],
        *("--port", port),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=url) as client:

            async def is_up() -> bool:
                try:
                    return (await client.get("/livez")).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(is_up)
            delivered = await _rekap(tmp_path, *by_name["submit"], "--url", url)
            assert "1 put into the outbox" in delivered

            async def counted() -> bool:
                tally = (await client.get("/v1/contests/president")).json()["tally"]
                return bool(tally["tiers"]["clean"]["votes"] == {"01": 90, "02": 68})

            await eventually(counted)
            replay = [url if word == "http://localhost:8000" else word for word in by_name["replay"]]
            assert url in replay

            async def replayed() -> bool:
                served = (await client.get("/v1/contests/president")).text
                return served == await _rekap(tmp_path, *replay, "--json")

            await eventually(replayed)
        assert "VERIFIED" in await _rekap(tmp_path, by_name["audit"][0], url)
        assert "Provinsi Utara" in await _rekap(tmp_path, *by_name["watch"], "--once", "--url", url)
    finally:
        os.kill(up.pid, signal.SIGINT)
        output, _ = await up.communicate()
    assert up.returncode == 0, output.decode()
    assert b"ready: " in output
