"""Each snippet of docs/client.md, run against a real stack with nothing changed but the address."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import httpx

from tests.conftest import Parts
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

TEXT = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


async def _run(url: str, directory: Path, snippet: str) -> str:
    (directory / "snippet.py").write_text(snippet.replace(ADDRESS, url))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "snippet.py"),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_each_snippet_does_what_the_page_states(tmp_path: Path, parts: Parts) -> None:
    without_async, with_async, proofs, submissions = SNIPPETS
    async with small_stack(tmp_path, "client-page", {**parts, "REKAP_CHECKPOINT_MS": "100"}) as stack:
        voices = Voices(stack)
        envelopes = [
            voices.sign(reported("1.1.1-1", (3, 2, 1))),
            voices.sign(reported("1.1.1-1", (4, 2, 1), version=2)),
        ]
        (tmp_path / "envelopes.ndjson").write_bytes(b"\n".join([*envelopes, voices.sign(reported("9.9.9-9"))]))
        out = await _run(stack.url, tmp_path, submissions)
        assert out.count("in the ledger at") == 2
        assert "refused: Station 9.9.9-9 is not in this election" in out

        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:

            async def is_counted() -> bool:
                events = (await client.get("/v1/events", params={"station": "1.1.1-1"})).json()["events"]
                tally = (await client.get("/v1/contests/president")).json()["tally"]
                return len(events) == 2 and tally["counted"]["votes"]["01"] == 4

            await eventually(is_counted)
        out = await _run(stack.url, tmp_path, without_async)
        assert "Pair 1 4\n" in out
        assert "counted 1 of 16\n" in out
        assert "1.1.1-1 superseded ['V4']\n" in out
        out = await _run(stack.url, tmp_path, with_async)
        assert out.startswith("['Province 1', 'Province 2']\n")
        assert "N {'01': 4, '02': 2, '03': 1}\n" in out
        assert (await _run(stack.url, tmp_path, proofs)).count("\n") == 2
