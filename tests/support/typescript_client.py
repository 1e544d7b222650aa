"""The client in TypeScript (tests/interop/typescript), whose types openapi-typescript makes of the API's description."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[1] / "interop/typescript"
INSTALL_SECONDS_MAX = 120
STEP_SECONDS_MAX = 120


async def _run(directory: Path, *command: str, seconds_max: float = STEP_SECONDS_MAX) -> tuple[int | None, str]:
    """Exit code and output of a command; -1 after the time."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds_max)
    except TimeoutError:
        process.kill()
        await process.wait()
        return -1, "did not end in time"
    return process.returncode, output.decode("utf-8", "replace")


async def answered(description: bytes, server: str, envelope: bytes, directory: Path) -> dict[str, Any]:
    """What the client has read and submitted, as the object that it prints. Skips the test without npm or its packages."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("no Node is installed")
    here = directory / "typescript"
    shutil.copytree(PROGRAM, here, ignore=shutil.ignore_patterns("node_modules", "out"))
    install = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
    code, output = await _run(here, *install, seconds_max=INSTALL_SECONDS_MAX)
    if code != 0:
        pytest.skip(f"the packages of the client cannot be installed: {output.strip()[-200:]}")
    (here / "openapi.json").write_bytes(description)
    for step in (
        ("node_modules/.bin/openapi-typescript", "openapi.json", "--output", "api.ts"),
        ("node_modules/.bin/tsc", "--project", "."),
        ("node", "out/client.js", server, envelope.decode()),
    ):
        code, output = await _run(here, *step)
        assert code == 0, f"{step[0]}: {output[-2000:]}"
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found
