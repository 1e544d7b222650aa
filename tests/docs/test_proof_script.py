"""`rekap proof` on a real stack, `rekap verify`, and the script of docs/proofs.md, run unchanged."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Parts
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

TEXT = (Path(__file__).parents[2] / "docs" / "proofs.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
STATION = "1.1.1-1"


async def _python(directory: Path, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *arguments), cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_proof_file_is_checked_without_a_server_and_without_our_code(tmp_path: Path, parts: Parts) -> None:
    (tmp_path / "check.py").write_text(SCRIPT)

    async def rekap(*arguments: str) -> tuple[int | None, str]:
        return await _python(tmp_path, "-m", "rekap", *arguments)

    async def script(file: str, *arguments: str) -> tuple[int | None, str]:
        return await _python(tmp_path, "check.py", file, *arguments)

    async with small_stack(tmp_path, "proofs", {**parts, "REKAP_CHECKPOINT_MS": "100"}, witnesses=1) as stack:
        voices = Voices(stack)
        envelopes = [voices.sign(reported(STATION, (n, 1, 1), version=n)) for n in (1, 2)]
        envelopes += [voices.sign(reported(station)) for station in stack.definition.stations.codes[1:]]
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            answers = await client.post("/v1/submissions:batch", content=b"\n".join(envelopes))
            event = json.loads(answers.text.splitlines()[0])["receipt"]["submission"]

            async def both_versions() -> bool:
                lines = (await client.get("/v1/events", params={"station": STATION})).json()["events"]
                return len(lines) == 2

            await eventually(both_versions)
            (tmp_path / "package.zip").write_bytes((await client.get("/v1/package.zip")).content)
        for subject, file in ((STATION, "station.json"), (event, "event.json")):
            code, out = await rekap("proof", subject, "-o", file, "--url", stack.url)
            assert code == 0, out
        code, out = await rekap("proof", "9.9.9-9", "-o", "none.json", "--url", stack.url)
        assert (code, "9.9.9-9" in out, (tmp_path / "none.json").exists()) == (2, True, False)
        witness = str(stack.witnesses[0].key)

    # From here no server runs.
    whole: dict[str, Any] = json.loads((tmp_path / "station.json").read_text())
    (key,) = whole["log_keys"]
    assert whole["records"][0]["event"] == event
    given = ("verify", "station.json", "--key", key, "--witness", witness, "--package", "election")
    code, out = await rekap(*given)
    assert code == 0, out
    assert "PROVED: the log has these 2 records" in out
    assert out.count(", station_officer of N") == 2
    code, out = await script("station.json", key, "package.zip")
    assert code == 0, out
    assert [line.split()[2] for line in out.splitlines()] == [record["event"] for record in whole["records"]]
    assert (await script("event.json", key))[0] == 0

    for name, record in _damaged(whole["records"][0]).items():
        (tmp_path / "damaged.json").write_text(json.dumps({**whole, "records": [record]}))
        for code, out in (await rekap("verify", "damaged.json", "--key", key), await script("damaged.json", key)):
            assert code == 1, f"{name}: {out}"


def _damaged(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Records of which neither a reader of ours nor the script may take one."""
    return {
        "offset": {**record, "offset": record["offset"] + 1},
        "event": {**record, "event": hashlib.sha256(b"").hexdigest()},
        "proof": {**record, "proof": record["proof"][1:]},
        "checkpoint": {**record, "checkpoint": record["checkpoint"].replace("\n\n", "\nmore\n\n", 1)},
    }
