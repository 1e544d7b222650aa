"""The script of docs/audit.md, run unchanged against a real stack."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import httpx

from tests.conftest import Parts
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

TEXT = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


async def _run(url: str, directory: Path) -> tuple[int | None, str]:
    (directory / "audit.py").write_text(SCRIPT)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "audit.py", url, "president"),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_the_script_counts_what_the_server_publishes_and_finds_a_changed_record(
    tmp_path: Path, parts: Parts
) -> None:
    async with small_stack(tmp_path, "script", {**parts, "REKAP_CHECKPOINT_MS": "100"}) as stack:
        voices = Voices(stack)
        stations = ("1.1.1-1", "1.1.2-1", "1.1.2-2", "1.2.1-2")
        lines = [voices.sign(reported(stations[n % 4], (n % 90, 1, 1), version=1 + n // 4)) for n in range(300)]
        lines += [voices.sign(reported("2.1.1-1", VA=7)), voices.sign(reported("2.2.2-2", (5, 5, 5)))]
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            await client.post("/v1/submissions:batch", content=b"\n".join(lines))

            async def tally() -> dict[str, int] | None:
                answer = (await client.get("/v1/contests/president")).json()
                tiers = answer["tally"]["tiers"]
                votes = {name: sum(tier["votes"][name] for tier in tiers.values()) for name in ("01", "02", "03")}
                logs = (await client.get("/v1/log")).json()["logs"]
                # Each record is of this office, so the number is of all of them once its cut reaches the end of each log.
                is_all = sum(offset + 1 for offset in answer["as_of"].values()) == len(lines) + 3
                is_all = is_all and sum(log["size"] or 0 for log in logs) == len(lines) + 3
                return votes if is_all else None

            published = await eventually(tally)
        code, out = await _run(stack.url, tmp_path)
        assert code == 0, out
        assert json.loads(out) == published

        partition = stack.definition.stations.partition(stack.definition.stations.number["1.1.1-1"])
        bundle = tmp_path / "data" / "log" / "rehearsal" / "script" / str(partition) / "tile" / "entries" / "000"
        bundle.write_bytes(bundle.read_bytes().replace(b'"gateway"', b'"getaway"', 1))
        code, out = await _run(stack.url, tmp_path)
        assert code == 1
        assert f"log {partition}: another tree" in out
